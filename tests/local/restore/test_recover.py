"""What a killed restore left: the decision as a table, and journals that nobody of ours wrote."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from local.errors import InconclusiveError
from local.events import unwatched
from local.restore.claim import work_folder
from local.restore.journal import JournalEntry, State
from local.restore.kept import Holds
from local.restore.live import restore_live
from local.restore.proven import ProvenCopy
from local.restore.recover import Ending, judge, recover, sentence
from tests.local.restore.databases import FORMER_ROWS, RESTORED_ROWS, look_at, names
from tests.support.workshop import Workshop

BEGAN = "2026-05-05T12:00:00.000Z"
ENTRY = JournalEntry(
    state="committed", rollback=False, method="through SQLite", started_time=BEGAN, kept="tasks.db.pre-restore-7"
)

# A restore that is killed when its checks begin.
KILLED = """
import os, signal, sys
from pathlib import Path
from local.restore.live import restore_live
from tests.local.restore.databases import proven
kill = lambda _: os.kill(os.getpid(), signal.SIGKILL)
restore_live(Path(sys.argv[1]), proven(Path(sys.argv[2])), kill, 3, lambda event: None)
"""


def killed(live: Path, private: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", KILLED, str(live), str(private)], check=False, env={**os.environ, "PYTHONPATH": "."}
    )


@pytest.mark.parametrize(
    ("state", "found", "ending"),
    [
        ("preparing", Holds.FORMER, Ending.CLEAR),
        ("keeping", Holds.FORMER, Ending.CLEAR),
        ("replacing", Holds.FORMER, Ending.CLEAR),
        ("replacing", Holds.RESTORED, Ending.FINISH),
        ("replacing", Holds.UNCLEAR, Ending.FINISH),
        ("committed", Holds.RESTORED, Ending.FINISH),
        ("undoing", Holds.FORMER, Ending.UNDONE),
        ("undoing", Holds.RESTORED, Ending.FINISH),
        ("undoing", Holds.UNCLEAR, Ending.FINISH),
    ],
)
def test_how_it_ends(state: State, found: Holds, ending: Ending) -> None:
    entry = msgspec.structs.replace(ENTRY, state=state, kept_inode=5)

    assert judge(entry, found) is ending
    told = sentence(Path("/data/tasks.db"), entry, ending, found)
    assert told.startswith(f"the restore that began at {BEGAN} was ended by force")
    assert ("--rollback" in told) == (ending is Ending.FINISH)
    assert ("or the restored backup" in told) == (found is Holds.UNCLEAR)


def test_no_rollback_is_promised_to_what_is_no_database() -> None:
    entry = msgspec.structs.replace(ENTRY, method="rename", kept_inode=5)

    told = sentence(Path("/data/tasks.db"), entry, Ending.FINISH, Holds.RESTORED)

    assert told.endswith("what stood there before: /data/tasks.db.pre-restore-7")


def test_the_database_and_the_backup_are_named() -> None:
    entry = msgspec.structs.replace(ENTRY, kept_inode=5, database="mission-control", backup_time=BEGAN)

    told = sentence(Path("/data/tasks.db"), entry, Ending.FINISH, Holds.RESTORED)

    assert f"holds the restored backup of {BEGAN};" in told
    assert "invoke restore mission-control --rollback goes back to it" in told


def test_past_the_commit_nothing_is_undone(live: Path, tmp_path: Path) -> None:
    killed(live, tmp_path / "private")

    told = str(recover(live))

    assert look_at(live).rows == RESTORED_ROWS
    (kept,) = live.parent.glob("*.pre-restore-*")
    assert f"the former content: {kept}" in told
    assert "its checks were not finished" in told
    assert names(live.parent) == ["tasks.db", kept.name]


def test_the_next_command_says_it_whichever_it_is(folder_workshop: Workshop, tmp_path: Path) -> None:
    path = folder_workshop.add("costs")
    killed(path, tmp_path / "private")
    folder = work_folder(path)

    checked = folder_workshop.invoke("backup", "--check")
    assert "ended by force" not in checked.stdout
    assert folder.exists()
    done = folder_workshop.invoke("backup.list")

    assert done.returncode == 0
    assert "costs: the restore that began at" in done.stdout
    assert not folder.exists()


def test_what_cannot_be_tidied_up_is_told_beside_the_one_document(folder_workshop: Workshop, tmp_path: Path) -> None:
    folder = work_folder(folder_workshop.add("costs"))
    folder.symlink_to(tmp_path)

    done = folder_workshop.invoke("backup.list", "--json")

    assert json.loads(done.stdout) == {"schema": 1, "backups": []}
    assert done.returncode == 0
    assert "✗ " in done.stderr


def test_the_next_restore_tidies_up_first(live: Path, copy: ProvenCopy, tmp_path: Path) -> None:
    killed(live, tmp_path / "other")
    told: list[str] = []

    restore_live(live, copy, lambda _: None, 3, lambda event: told.append(event.text))

    assert "ended by force after it had replaced" in told[0]
    assert len(list(live.parent.glob("*.pre-restore-*"))) == 2


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not JSON",
        b"[" * 60_000,
        b"x" * 100_000,
        msgspec.json.encode(msgspec.structs.replace(ENTRY, kept="../../etc/passwd")),
        msgspec.json.encode(msgspec.structs.replace(ENTRY, kept="other.db.pre-restore-7")),
        msgspec.json.encode(msgspec.structs.replace(ENTRY, meanwhile="tasks.db")),
        msgspec.json.encode(msgspec.structs.replace(ENTRY, kept="tasks.db.pre-restore-7-wal")),
        msgspec.json.encode(ENTRY).replace(b"{", b'{"more": 1, ', 1),
        msgspec.json.encode(msgspec.structs.replace(ENTRY, database="x; rm -rf ~")),
        msgspec.json.encode(msgspec.structs.replace(ENTRY, backup_time="yesterday")),
        msgspec.json.encode(ENTRY).replace(BEGAN.encode(), b"\\u001b[31m"),
    ],
)
def test_a_journal_that_is_none_of_ours_touches_nothing(live: Path, copy: ProvenCopy, content: bytes) -> None:
    folder = work_folder(live)
    folder.mkdir(mode=0o700)
    (folder / "journal.json").write_bytes(content)
    (folder / "former file").write_bytes(b"precious")

    told = str(recover(live))

    assert "is damaged" in told
    assert (folder / "former file").read_bytes() == b"precious"
    with pytest.raises(InconclusiveError, match="is damaged"):
        restore_live(live, copy, lambda _: None, 3, unwatched)
    assert look_at(live).rows == FORMER_ROWS


@pytest.mark.parametrize("kind", ["symlink", "fifo", "folder"])
def test_a_journal_that_is_no_file_is_not_followed(live: Path, tmp_path: Path, kind: str) -> None:
    folder = work_folder(live)
    folder.mkdir(mode=0o700)
    journal = folder / "journal.json"
    (tmp_path / "elsewhere").write_bytes(msgspec.json.encode(ENTRY))
    {
        "symlink": lambda: journal.symlink_to(tmp_path / "elsewhere"),
        "fifo": lambda: os.mkfifo(journal),
        "folder": lambda: journal.mkdir(),
    }[kind]()

    assert "is damaged" in str(recover(live))


@pytest.mark.parametrize("kind", ["symlink", "file", "writable"])
def test_a_work_folder_of_somebody_else_is_refused(live: Path, tmp_path: Path, kind: str) -> None:
    folder = work_folder(live)
    (tmp_path / "elsewhere").mkdir()
    if kind == "symlink":
        folder.symlink_to(tmp_path / "elsewhere")
    elif kind == "file":
        folder.write_text("a file")
    else:
        folder.mkdir()
        folder.chmod(0o777)

    with pytest.raises(InconclusiveError, match="somebody else made it"):
        recover(live)


def test_files_of_a_restore_that_never_began_are_cleared_away(live: Path) -> None:
    folder = work_folder(live)
    folder.mkdir(mode=0o700)
    (folder / "backup.db").write_bytes(b"half of it")

    assert "cleared away" in str(recover(live))
    assert recover(live) is None
    assert names(live.parent) == ["tasks.db"]


def test_where_there_is_nothing_nothing_is_said(live: Path, tmp_path: Path) -> None:
    assert recover(live) is None
    assert recover(tmp_path / "no folder" / "tasks.db") is None
    assert names(live.parent) == ["tasks.db"]
