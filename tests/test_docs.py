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
    names = [name.removesuffix(".run") for name in listed_tasks()]

    assert len(names) >= 10
    assert [name for name in names if f"`invoke {name}" not in README] == []


def test_every_configuration_key_is_in_the_readme() -> None:
    keys = [
        "store.url",
        "databases",
        *(f"{section}.{key}" for section, keys in settings.DECLARED.items() for key in keys),
    ]

    assert [key for key in keys if f"`{key}`" not in README] == []


def test_ci_runs_the_readmes_test_command() -> None:
    (command,) = re.findall(r"^python3 -m venv .* invoke test$".replace(" invoke", ".*invoke"), README, re.MULTILINE)

    assert command in Path(".ci/run").read_text().splitlines()


def test_the_version_is_told_in_one_way() -> None:
    assert tomllib.loads(Path("pyproject.toml").read_text())["project"]["version"] == version.VERSION


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_the_pinned_requirements_name_no_index(name: str) -> None:
    text = Path(name).read_text()

    assert "--hash=sha256:" in text
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links", text)


def test_listing_the_commands_loads_no_slow_library() -> None:
    program = (
        "import sys, tasks; print([name for name in ('azure', 'rich', 'deflate', 'requests') if name in sys.modules])"
    )

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
