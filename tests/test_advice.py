"""A message, a docstring or a page advises only commands that there are."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

TEXTS = [*Path("local").rglob("*.py"), *Path("remote").glob("*.py"), *Path("rbac").glob("*.py"), Path("tasks.py")]
PAGES = [Path("README.md"), Path("invoke.yaml"), *Path("docs").glob("*.md")]
# Words that follow "invoke" in a sentence about Invoke itself.
PROSE = {"with", "run", "task", "tasks", "itself"}


def test_every_command_that_is_advised_exists() -> None:
    program = "import tasks; print(*(command.path for command in tasks.COMMANDS))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    there = {"backup" if path == "backup.run" else path for path in done.stdout.split()}

    advised = {
        (path.as_posix(), name)
        for path in (*TEXTS, *PAGES)
        for name in re.findall(r"(?<!run-command )\binvoke ([a-z]+(?:\.[a-z]+)?)\b", path.read_text())
    }
    assert len(advised) > 20
    assert {(path, name) for path, name in advised if name not in there | PROSE} == set()
