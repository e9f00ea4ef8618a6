"""`invoke restore` as people and scripts run it."""

from __future__ import annotations

import json
import os
import pty
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from local.errors import ConfigError
from local.output.screen import Screen
from local.restore import question
from local.restore.result import Restore, RestorePlan, RestoreReport, RowChange
from tests.support.terminal import log_lines
from tests.support.workshop import CHECKOUT, Workshop


def run_in(folder: Path, workshop: Workshop, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`invoke restore …` from another folder than the checkout."""
    command = workshop.command("restore", *arguments)
    command[3:3] = ["--search-root", str(CHECKOUT)]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(CHECKOUT)}
    )


def test_a_backup_of_either_store_becomes_a_new_file_and_never_a_second_time(
    workshop: Workshop, tmp_path: Path
) -> None:
    workshop.add("costs", rows={"tasks": 1000})
    assert workshop.invoke("backup").returncode == 0
    workshop.add("hivemind")
    del workshop.databases["costs"]
    target = tmp_path / "back.db"

    done = workshop.invoke("restore", "costs", "--to", str(target), "--json")

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["schema"], report["restore"]["verdict"], report["restore"]["live"]) == (1, "passed", False)
    assert [step["name"] for step in report["steps"]] == ["download", "checksum", "decompress", "integrity", "rows"]
    assert report["rows"]["tasks"] == {"before": None, "restored": 1000}
    assert report["probe"] is None
    with closing(sqlite3.connect(target)) as connection:
        assert connection.execute("SELECT count(*) FROM tasks").fetchone() == (1000,)
    again = workshop.invoke("restore", "costs", "--to", str(target))
    assert again.returncode == 2
    assert "never overwrites" in again.stderr


def test_a_folder_gets_name_db_and_the_last_line_says_where_it_stands(
    folder_workshop: Workshop, tmp_path: Path
) -> None:
    folder_workshop.add("costs")
    folder_workshop.invoke("backup")
    folder = tmp_path / "here"
    folder.mkdir()

    checked = run_in(folder, folder_workshop, "costs", "--check")
    assert checked.returncode == 0, checked.stderr
    first, second, *_, last = log_lines(checked.stdout)
    assert first.endswith("a check, which changes nothing")
    assert second.startswith("check of a restore of costs")
    assert last == "check: the restore would begin; nothing was changed"
    assert list(folder.iterdir()) == []

    done = run_in(folder, folder_workshop, "costs")
    assert done.returncode == 0, done.stderr
    assert log_lines(done.stdout)[-1].endswith(f"stands at {folder}/costs.db")
    assert [path.name for path in folder.iterdir()] == ["costs.db"]


def test_what_fails_its_drill_leaves_nothing_and_ends_with_1(folder_workshop: Workshop, tmp_path: Path) -> None:
    folder_workshop.add("costs")
    folder_workshop.invoke("backup")
    (archive,) = (folder_workshop.root / "store").glob("sqlite/*/costs.db.gz")
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 1
    archive.write_bytes(content)

    done = folder_workshop.invoke("restore", "costs", "--to", str(tmp_path / "back.db"))

    assert done.returncode == 1
    assert "restore FAILED" in log_lines(done.stdout)[-1]
    assert "docs/restore.md" in log_lines(done.stdout)[-1]
    assert list(tmp_path.glob("back.db*")) == []


def test_on_a_terminal_the_facts_are_shown_and_no_is_no(folder_workshop: Workshop) -> None:
    folder_workshop.add("costs")
    folder_workshop.invoke("backup")
    shown, code = answered("no\n", folder_workshop.command("restore", "costs", "--live"))
    assert "Replace the live database costs?" in shown
    assert "live database: " in shown
    assert (code, "nothing was changed" in shown) == (4, True)


def answered(answer: str, command: list[str]) -> tuple[str, int]:
    """A process at a terminal at which a person types `answer` as soon as it is asked."""
    master, slave = pty.openpty()
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, cwd=CHECKOUT) as process:
        os.close(slave)
        shown = b""
        while b"or yes: " not in shown:
            shown += os.read(master, 65536)
        os.write(master, answer.encode())
        try:
            while piece := os.read(master, 65536):
                shown += piece
        except OSError:  # Linux's way to say that the process has closed it
            pass
    os.close(master)
    return shown.decode(), process.returncode


PREVIEW = RestoreReport(
    Restore("i", "s", 0.0, "passed", "costs", "b", None, "/x.db", True, None, None, False, False, (), None),
    (),
    {"tasks": RowChange(5, 4)},
    None,
    RestorePlan("sound", (), None, "m", 1, 2, None, None),
)


def test_yes_asks_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    question.agree(Screen(), PREVIEW, yes=True)
    assert capsys.readouterr().out == ""
    with pytest.raises(ConfigError, match="no terminal to ask at"):
        question.agree(Screen(), PREVIEW, yes=False)
