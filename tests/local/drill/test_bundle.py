"""The program's modules as one text: it means what they mean, or there is none."""

from __future__ import annotations

import ast
import gzip
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from local.drill import verdict
from local.drill.bundle import BundleError, join, program_source
from local.drill.order import Target
from local.drill.program import program
from tests.support.drill_archives import NONCE, legacy, members, target_of, unrecorded
from tests.support.volume_archives import copied_target, entry, make_volume, recorded_target, tar_of, tar_with

FUTURE = "from __future__ import annotations\n"
SUM = {
    "main": f'''"""Prints a sum."""

{FUTURE}
import os.path
import sys
from local.drill_program.numbers import (
    ONE,
    double,
)

RESULT = double(ONE) + os.path.sep.count("/")
SHOWN = print(RESULT, file=sys.stdout)
''',
    "numbers": f'''"""Knows numbers."""

{FUTURE}
import os
import sys

ONE = 1  # the first


class Number(int):
    """A number."""


def double(number: Number) -> int:
    """Twice the number,

    told in two lines.
    """
    # Not more.
    return 2 * number if sys.argv else os.EX_OK
''',
    "unused": "this is no Python",
}


def test_modules_become_one_text_each_after_what_it_imports() -> None:
    assert (
        join(SUM)
        == f"""{FUTURE}
import os
import os.path
import sys


# ---- local.drill_program.numbers
ONE = 1  # the first


class Number(int):
    \"\"\"A number.\"\"\"


def double(number: Number) -> int:
    # Not more.
    return 2 * number if sys.argv else os.EX_OK


# ---- local.drill_program.main
RESULT = double(ONE) + os.path.sep.count("/")
SHOWN = print(RESULT, file=sys.stdout)
"""
    )
    done = subprocess.run([sys.executable, "-IS", "-"], input=join(SUM), capture_output=True, text=True, check=True)
    assert done.stdout == "3\n"


def test_the_text_does_not_depend_on_the_order_of_the_files() -> None:
    assert join(dict(reversed(SUM.items()))) == join(SUM)


REFUSED = {
    "a name defined in two modules": ({"main": "from local.drill_program.a import b\nc = b", "a": "b = c = 1"}, "c"),
    "a name defined twice in one": ({"main": "def a(): ...\na = 1"}, "defined already"),
    "a name that is a module elsewhere": (
        {"main": "from local.drill_program.a import b\nimport time", "a": "def b(): ...\ndef time(): ..."},
        "time",
    ),
    "a name of another module elsewhere": (
        {
            "main": "from local.drill_program.a import b\nfrom glob import glob as run",
            "a": "from os import system as run\nb = 1",
        },
        "run",
    ),
    "a name of a built-in": ({"main": "def open(): ..."}, "built-in open"),
    "two modules that import each other": (
        {"main": "from local.drill_program.a import b", "a": "from local.drill_program.main import c"},
        "main and a and main import each other",
    ),
    "a module that is not there": ({"main": "from local.drill_program.a import b"}, "no module"),
    "a name that is not there": ({"main": "from local.drill_program.a import b", "a": "c = 1"}, "does not define"),
    "a name that is only passed on": (
        {"main": "from local.drill_program.a import time", "a": "import time"},
        "does not define",
    ),
    "a new name for an import": ({"main": "from local.drill_program.a import b as c", "a": "b = 1"}, "renames"),
    "a relative import": ({"main": "from .a import b", "a": "b = 1"}, "may not"),
    "a relative import of a module": ({"main": "from . import a", "a": "b = 1"}, "may not"),
    "a module imported whole": ({"main": "import local.drill_program.a", "a": "b = 1"}, "may not"),
    "a module imported by its name": ({"main": "from local.drill_program import a", "a": "b = 1"}, "may not"),
    "the rest of ours": ({"main": "from local.errors import InconclusiveError"}, "may not"),
    "somebody else's": ({"main": "import msgspec"}, "may not"),
    "everything": ({"main": "from os import *"}, "may not"),
    "another future": ({"main": "from __future__ import barry_as_FLUFL"}, "may not"),
    "an import in a function": ({"main": "def a():\n    import time"}, "in the middle"),
    "an import for the types only": ({"main": "if 1:\n    from local.drill_program.a import b"}, "in the middle"),
    "an import and something else in a line": ({"main": "import time; a = 1"}, "one line"),
    "a global statement": ({"main": "def a():\n    global b\n    b = 1"}, "global"),
    "the module's own name": ({"main": "a = __name__"}, "__name__"),
    "code that runs": ({"main": "if 1:\n    a = 1"}, "more than imports and definitions"),
    "a call": ({"main": "print()"}, "more than imports and definitions"),
}


@pytest.mark.parametrize(("sources", "told"), REFUSED.values(), ids=REFUSED.keys())
def test_what_would_mean_something_else_in_one_text_is_refused(sources: dict[str, str], told: str) -> None:
    with pytest.raises(BundleError, match=told):
        join(sources)


def test_the_program_is_one_text_that_imports_nothing_of_ours_and_names_its_parts() -> None:
    source = program_source()
    assert "import local" not in source
    assert "from local" not in source
    assert source.count("from __future__") == 1
    parts = [line.removeprefix("# ---- local.drill_program.") for line in source.splitlines() if "# ----" in line]
    assert set(parts) == {path.stem for path in Path("local/drill_program").glob("[!_]*.py")}
    assert (parts[0], parts[-1]) == ("errors", "main")


def test_the_program_is_valid_for_python_3_8() -> None:
    ast.parse(program_source(), feature_version=(3, 8))


TRUE_CHECKS = {
    "a word": "SELECT '1x' FROM tasks; -- and no more",
    "the time": "SELECT :backup_time = '2026-05-05 12:00:00'",
    "a module": "SELECT count(*) = 2 FROM json_each('[1, 2]')",
}
ODD_CHECKS = {
    "writes": "WITH a AS (SELECT 1) DELETE FROM tasks",
    "two": "SELECT 1; SELECT 2",
    "parameter": "SELECT ?",
    "memory": "SELECT length(randomblob(900000000))",
    "for ever": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",
}


def _pythons() -> list[str]:
    """This Python, and a 3.8 where there is one that runs (pyenv's stand-in for one that is not chosen does not)."""
    candidates = [shutil.which("python3.8"), *map(str, Path.home().glob(".pyenv/versions/3.8.*/bin/python3.8"))]
    for candidate in filter(None, candidates):
        if subprocess.run([candidate, "--version"], capture_output=True).returncode == 0:
            return [sys.executable, candidate]
    return [sys.executable]


@pytest.mark.parametrize("python", _pythons(), ids=lambda path: Path(path).name)
def test_the_text_drills_right_and_wrong_archives_in_every_python_there_is(
    temp: Path, tmp_path: Path, raw: bytes, python: str
) -> None:
    content = members(raw)
    targets: list[Target] = [
        target_of(tmp_path / "ours.gz", content, raw),
        unrecorded(target_of(tmp_path / "copied.gz", content, raw)),
        unrecorded(target_of(tmp_path / "legacy.gz", legacy(raw), raw, name="legacy")),
        target_of(tmp_path / "cut.gz", content[:-9], raw, sha256=()),
        target_of(tmp_path / "true.gz", content, raw, checks=TRUE_CHECKS),
        target_of(tmp_path / "odd.gz", content, raw, checks=ODD_CHECKS, check_seconds=2.0),
    ]
    tar = tar_of(make_volume(tmp_path / "v"))
    targets += [
        recorded_target(tmp_path / "volume.gz", tar),
        replace(copied_target(tmp_path / "evil.gz", gzip.compress(tar_with(entry("../a", b"x")))), name="evil"),
    ]
    text = program(targets, nonce=NONCE, deadline=100)
    done = subprocess.run(
        [python, "-IS", "-"], input=text, capture_output=True, text=True, env={"TMPDIR": str(temp)}, timeout=120
    )
    assert (done.stderr, done.returncode) == ("", 0)
    found = verdict.outcome(done.stdout, NONCE, targets)
    assert [database.verdict for database in found.databases] == [
        *["passed", "passed", "passed", "failed", "passed", "inconclusive"]
    ]
    assert [volume.verdict for volume in found.volumes] == ["passed", "failed"]
    assert found.databases[5].checks == dict.fromkeys(ODD_CHECKS)
    assert list(temp.iterdir()) == []
