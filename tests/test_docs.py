"""What the documentation says is what the commands do."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from invoke.util import yaml  # type: ignore[attr-defined]

from local import settings, version

README = Path("README.md").read_text()


def listed_tasks() -> list[str]:
    command = [sys.executable, "-m", "invoke", "--list", "--list-format", "json"]
    tree = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    names = [task["name"] for task in tree["tasks"]]
    for collection in tree["collections"]:
        names += [f"{collection['name']}.{task['name']}" for task in collection["tasks"]]
    return names


def test_every_command_is_in_the_readme() -> None:
    names = ["backup" if name == "backup.run" else name for name in listed_tasks()]

    assert len(names) >= 10
    assert [name for name in names if f"`invoke {name}" not in README] == []


def test_the_readme_has_the_commands_in_the_order_of_the_page_of_commands() -> None:
    program = "import tasks; print(*(command.path for command in tasks.COMMANDS))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    table = README.partition("\n## Commands\n")[2].partition("\n## ")[0]
    rows = [cells.split("|")[1] for cells in table.splitlines() if cells.startswith("| `")]
    named = re.findall(r"`invoke ([\w.]+)", "".join(rows))
    assert named == ["backup" if path == "backup.run" else path for path in done.stdout.split()]


def test_every_configuration_key_is_in_the_readme() -> None:
    keys = [
        "store.url",
        "databases",
        "volumes",
        *(f"{section}.{key}" for section, keys in settings.DECLARED.items() for key in keys),
    ]

    assert [key for key in keys if f"`{key}`" not in README] == []


def test_ci_runs_the_readmes_test_command() -> None:
    (_, command) = readme_commands()

    assert command in Path(".ci/run").read_text().splitlines()


def test_the_workflow_runs_the_readmes_two_commands_on_both_systems_and_both_ends_of_python() -> None:
    workflow = yaml.safe_load(Path(".github/workflows/ci.yml").read_text())  # type: ignore[no-untyped-call]

    (job,) = workflow["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == readme_commands()
    assert job["strategy"]["matrix"] == {"os": ["ubuntu-latest", "macos-latest"], "python": ["3.11", "3.14"]}


def test_every_path_that_contributors_are_sent_to_is_there() -> None:
    text = Path("docs/contributing.md").read_text()
    named = re.findall(r"`((?:local|remote|rbac|tests|docs)/[\w/.]*|tasks\.py|pyproject\.toml)`", text)
    drawn = re.findall(r"[├└] ([^ ]+/)(?:  ([a-z_]+/))?", text)

    assert len(named) > 10
    assert [path for path in named if not Path(path).exists()] == []
    rooms = {f"{room.name}/" for room in Path("local").iterdir() if (room / "__init__.py").exists()}
    assert {room for pair in drawn for room in pair if room} == rooms


def readme_commands() -> list[str]:
    """The two commands: see it work, and run every check and test."""
    return re.findall(r"^python3 -m venv .*invoke (?:demo|test)$", README, re.MULTILINE)


def test_the_version_is_told_in_one_way() -> None:
    assert tomllib.loads(Path("pyproject.toml").read_text())["project"]["version"] == version.VERSION


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_the_pinned_requirements_name_no_index(name: str) -> None:
    text = Path(name).read_text()

    assert "--hash=sha256:" in text
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links", text)


def test_listing_the_commands_loads_no_slow_library() -> None:
    slow = ("azure", "rich", "deflate", "requests", "jinja2", "pygal")
    program = f"import sys, tasks; print([name for name in {slow} if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_the_demo_ends_well_and_leaves_only_the_folder_that_it_names(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}

    done = subprocess.run(
        [sys.executable, "-m", "invoke", "demo"], capture_output=True, text=True, env=environment, check=True
    )

    assert "refused 0 times" in done.stdout
    assert "drill passed" in done.stdout
    assert "drill FAILED" in done.stdout
    (named,) = set(re.findall(rf"{tmp_path}/pillar9-demo-\w+", done.stdout))
    assert [str(path) for path in tmp_path.iterdir()] == [named]
