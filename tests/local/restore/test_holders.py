"""Who has a file open, from /proc and from lsof."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local.restore import holders as module
from local.restore.holders import Holder, Holders, holders, parse_lsof

_HOLD = "import sys; file = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"


@contextmanager
def held(path: Path) -> Iterator[int]:
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        process.stdout.readline()
        yield process.pid
        process.kill()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a file.db"
    path.write_text("content")
    return path


needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="macOS has no /proc; lsof is tested below")


@needs_proc
def test_another_process_is_told_by_name_and_number(file: Path) -> None:
    with held(file) as process:
        found = holders(file)

    assert [each.process for each in found.processes] == [process]
    assert str(found).startswith(f"{found.processes[0].program} (process {process})")
    assert "python" in found.processes[0].program


@needs_proc
def test_a_deleted_file_is_still_held(file: Path) -> None:
    with held(file) as process:
        file.unlink()
        found = holders(file)

    assert [each.process for each in found.processes] == [process]


def test_this_process_does_not_count(file: Path) -> None:
    with file.open():
        assert holders(file).processes == ()


def test_lsof_is_read_where_there_is_no_proc(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "lsof"
    program.write_text('#!/bin/sh\ntest "$6" = "" && test -f "$5" && printf "p77\\ncnode\\nf3\\np78\\ncmy app\\n"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(module, "_PROC", tmp_path / "no proc")

    assert holders(file).processes == (Holder(77, "node"), Holder(78, "my app"))
    assert holders(tmp_path / "nothing") == Holders(())


@pytest.mark.parametrize(("script", "why"), [("exec sleep 60", "nothing came of lsof"), (None, "no lsof")])
def test_where_the_system_does_not_tell_it_says_so(
    script: str | None, why: str, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if script:
        (tmp_path / "lsof").write_text(f"#!/bin/sh\nPATH=/bin:/usr/bin {script}\n")
        (tmp_path / "lsof").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(module, "_PROC", tmp_path / "no proc")
    monkeypatch.setattr(module, "LSOF_SECONDS", 0.3)

    found = holders(file)

    assert not found.known
    assert why in str(found)


def test_lines_of_no_meaning_are_passed_over() -> None:
    assert parse_lsof("garbage\npx\ncnobody\np5\n") == ()
