"""A message, a docstring or a page advises only commands that there are, with options that they have."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

CODE = [*(path for room in ("local", "remote", "rbac") for path in Path(room).rglob("*")), Path("tasks.py")]
TEXTS = [path for path in CODE if path.suffix in (".py", ".j2")]
PAGES = [Path("README.md"), Path("CHANGELOG.md"), Path("invoke.yaml"), *Path("docs").glob("*.md")]
# Words that follow "invoke" in a sentence about Invoke itself.
PROSE = {"with", "run", "task", "tasks", "itself", "else"}
# It may stand behind -f FILE, on the next line, and in an f-string; what follows it up to a stop is its own.
COMMAND = re.compile(
    r"(?<!run-command )\binvoke(?:\s+-f\s+\S+)?\s+(?P<name>[a-z]+(?:\.[a-z]+)?)\b"
    r"(?P<options>(?:[ \t]+[^\s`;,:|()→#\"]+)*)"
)
# The value of a hole is a command that `init` names from a list of its own, or what a schedule runs.
HOLES = {
    "local/setup/first_settings.py",
    "local/schedule/plan.py",
    "local/output/advice.py",
    "local/command_line/command.py",
}


@cache
def flags() -> dict[str, set[str]]:
    """By command its flags, Invoke's own --help and --dry among them."""
    program = (
        "import json, tasks; print(json.dumps({command.path: [f'--{name}' for argument in command.get_arguments() "
        "for name in argument.names] for command in tasks.COMMANDS}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return {
        "backup" if path == "backup.run" else path: {*names, "--help", "--dry"}
        for path, names in json.loads(done.stdout).items()
    }


def advised(text: str) -> Iterator[tuple[str, set[str]]]:
    """Each command that a text names, and the options that it gives it."""
    for found in COMMAND.finditer(text):
        yield found["name"], set(re.findall(r"(?<!\S)--[a-z][a-z-]*", found["options"]))


@pytest.mark.parametrize("path", [*TEXTS, *PAGES], ids=str)
def test_every_command_that_is_advised_exists_and_has_the_options(path: Path) -> None:
    for name, options in advised(path.read_text()):
        assert name in {*flags(), *PROSE}
        assert options <= flags().get(name, set()), name


def test_the_texts_do_advise() -> None:
    named = {name for path in (*TEXTS, *PAGES) for name, _ in advised(path.read_text())}

    assert named >= set(flags()) - {"bench", "test"}
    assert list(advised('f"run: invoke rbac.revok{store}"')) == [("rbac.revok", set())]
    assert list(advised("`invoke -f x.yaml\nbackup.lst --onyl a`")) == [("backup.lst", {"--onyl"})]


def test_no_command_is_advised_by_a_name_that_nothing_can_check() -> None:
    holes = {path.as_posix() for path in TEXTS if re.search(r"\binvoke(?: -f [^ ]+)? \{", path.read_text())}

    assert holes <= HOLES
