"""A live database replaced while programs use it, and put back where anything fails."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from local import interrupt
from local.errors import InconclusiveError, LockHeldError, PillarError
from local.events import Event, unwatched
from local.restore import through_sqlite
from local.restore.live import LiveRestore, restore_live, work_folder
from local.restore.proven import ProvenCopy
from local.restore.recover import recover
from tests.local.restore.databases import FORMER_ROWS, RESTORED_ROWS, Seen, look_at, make, names, proven, reading
from tests.support.live_writer import LiveWriter, live_writer

KEEP = 3
PAGE_SIZES = [1024, 4096, pytest.param(8192, marks=pytest.mark.long), 65536]

# A program that goes on with one connection: it says what it counts whenever it is asked.
_READER = """
import sqlite3, sys
live = sqlite3.connect(sys.argv[1])
for line in sys.stdin:
    print(live.execute("SELECT count(*) FROM tasks").fetchone()[0], flush=True)
"""


def good(_: Path) -> None:
    """Nothing to complain of."""


def bad(_: Path) -> str:
    """A check that fails."""
    return "the probe failed"


def restored(live: Path, copy: ProvenCopy, checks: Callable[[Path], str | None] = good) -> Path | None:
    """The pre-restore copy of a restore that went well."""
    done = restore_live(live, copy, checks, KEEP, unwatched)
    assert (done.rolled_back, done.why, done.kept_meanwhile) == (False, None, None)
    return done.kept


@pytest.mark.parametrize("mode", ["wal", "delete"])
@pytest.mark.parametrize("was", [1024, pytest.param(65536, marks=pytest.mark.long)])
@pytest.mark.parametrize("becomes", PAGE_SIZES)
@pytest.mark.parametrize("checks", [good, bad])
def test_every_page_size_in_every_mode(
    place: Path, tmp_path: Path, mode: str, was: int, becomes: int, checks: Callable[[Path], str | None]
) -> None:
    live = make(place / "tasks.db", FORMER_ROWS, mode, was)
    copy = proven(tmp_path / "private", "wal" if was == 1024 else "delete", becomes)

    done = restore_live(live, copy, checks, KEEP, unwatched)

    former, new = Seen(FORMER_ROWS, mode, was, "ok"), Seen(RESTORED_ROWS, mode, becomes, "ok")
    assert look_at(live) == (former if checks is bad else new)
    assert done.rolled_back == (checks is bad)
    assert done.kept
    assert look_at(done.kept).rows == FORMER_ROWS
    assert [name for name in names(place) if not name.endswith(("-wal", "-shm"))] == ["tasks.db", done.kept.name]


def test_a_program_that_has_it_open_sees_the_new_content_at_its_next_read(live: Path, copy: ProvenCopy) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _READER, str(live)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdin
        assert reader.stdout

        def counted() -> int:
            assert reader.stdin
            assert reader.stdout
            reader.stdin.write("count\n")
            reader.stdin.flush()
            return int(reader.stdout.readline())

        before = counted()
        restored(live, copy)
        after = counted()
        reader.stdin.close()

    assert (before, after) == (FORMER_ROWS, RESTORED_ROWS)


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_not_one_commit_of_a_busy_writer_is_lost(live: Path, copy: ProvenCopy, mode: str) -> None:
    """The copy that is kept ends with the very last commit that SQLite acknowledged before the replacement."""
    with closing(sqlite3.connect(live)) as connection:
        connection.execute(f"PRAGMA journal_mode={mode}")
    restores: list[tuple[LiveRestore, LiveWriter]] = []

    def restore_under_a_writer() -> None:
        with live_writer(live, "wal" if mode == "wal" else "delete") as writer:
            writer.wait_for(20)
            restores.append((restore_live(live, copy, good, KEEP, unwatched), writer))
            # Its tables are gone with the restore, which ends it.
            writer.wait_for(sys.maxsize)

    with pytest.raises(RuntimeError, match="the writer stopped"):
        restore_under_a_writer()

    ((done, writer),) = restores
    assert done.kept
    with closing(sqlite3.connect(done.kept)) as connection:
        entries, id_sum = connection.execute("SELECT entries, id_sum FROM live_totals").fetchone()
        assert connection.execute("SELECT count(*), sum(id) FROM live_entries").fetchone() == (entries, id_sum)
    assert entries == writer.commits >= 20
    assert look_at(live).rows == RESTORED_ROWS


def test_a_stale_wal_of_another_content_is_never_replayed(live: Path, copy: ProvenCopy, tmp_path: Path) -> None:
    other = make(tmp_path / "other.db", 300)
    with reading(other) as connection:
        connection.execute("UPDATE tasks SET title = 'stale'")
        shutil.copyfile(f"{other}-wal", f"{live}-wal")

    restored(live, copy)

    assert look_at(live) == Seen(RESTORED_ROWS, "wal", 4096, "ok")
    with reading(live) as connection:
        assert connection.execute("SELECT count(*) FROM tasks WHERE title = 'stale'").fetchone()[0] == 0


def test_a_hot_journal_is_rolled_back_before_the_copy_is_kept(place: Path, copy: ProvenCopy) -> None:
    live = make(place / "tasks.db", FORMER_ROWS, "delete")
    program = (
        "import os, signal, sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); "
        "c.execute('PRAGMA cache_size=2'); c.execute('BEGIN'); c.execute(\"UPDATE tasks SET title = 'half done'\"); "
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", program, str(live)], check=False)
    assert (place / "tasks.db-journal").stat().st_size

    kept = restored(live, copy)

    assert kept
    assert look_at(live) == Seen(RESTORED_ROWS, "delete", 4096, "ok")
    assert look_at(kept).rows == FORMER_ROWS
    with reading(kept) as connection:
        assert connection.execute("SELECT count(*) FROM tasks WHERE title = 'half done'").fetchone()[0] == 0
    assert not (place / "tasks.db-journal").exists()


def test_what_was_written_meanwhile_is_kept_when_it_is_rolled_back(live: Path, copy: ProvenCopy) -> None:
    def written_to(path: Path) -> str:
        with reading(path) as connection:
            connection.execute("INSERT INTO tasks(title) VALUES ('meanwhile')")
        return "the probe failed"

    done = restore_live(live, copy, written_to, KEEP, unwatched)

    assert look_at(live).rows == FORMER_ROWS
    assert done.kept
    assert look_at(done.kept).rows == FORMER_ROWS
    assert done.kept_meanwhile
    assert look_at(done.kept_meanwhile).rows == RESTORED_ROWS + 1


@pytest.mark.parametrize("broken", [False, True])
@pytest.mark.parametrize("error", [interrupt.Interrupted(signal.SIGINT), ZeroDivisionError()])
def test_whatever_ends_the_checks_brings_the_former_content_back(
    live: Path, copy: ProvenCopy, error: BaseException, broken: bool
) -> None:
    if broken:
        live.write_bytes(b"no database")

    def ended(_: Path) -> None:
        raise error

    with pytest.raises(type(error)):
        restore_live(live, copy, ended, KEEP, unwatched)

    assert interrupt._Process.left == f"{live} holds its former content again"
    assert live.read_bytes() == b"no database" if broken else look_at(live).rows == FORMER_ROWS
    assert not work_folder(live).exists()


def test_ctrl_c_during_the_replacement_changes_nothing(live: Path, copy: ProvenCopy, place: Path) -> None:
    def ended(event: Event) -> None:
        if event.total:
            raise interrupt.Interrupted(signal.SIGINT)

    with pytest.raises(interrupt.Interrupted):
        restore_live(live, copy, good, KEEP, ended)

    assert look_at(live).rows == FORMER_ROWS
    assert names(place) == ["tasks.db"]


@pytest.mark.parametrize(("rows", "why"), [(RESTORED_ROWS + 1, "tasks has 900 rows, 901 in the copy")])
def test_counts_that_differ_from_the_record_roll_it_back(live: Path, copy: ProvenCopy, rows: int, why: str) -> None:
    done = restore_live(live, ProvenCopy(copy.path, {"tasks": rows}, copy.schema_sha256), good, KEEP, unwatched)

    assert done.rolled_back
    assert why in str(done.why)
    assert look_at(live).rows == FORMER_ROWS


def test_a_database_that_stays_locked_is_refused_in_bounded_time(
    live: Path, copy: ProvenCopy, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(through_sqlite, "BUSY_SECONDS", 0.2)
    with reading(live) as connection:
        connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(InconclusiveError, match="other programs kept it locked"):
            restore_live(live, copy, good, KEEP, unwatched)
        connection.execute("ROLLBACK")

    assert [name for name in names(place) if name[-4:] not in ("-wal", "-shm")] == ["tasks.db"]
    assert look_at(live).rows == FORMER_ROWS


def test_another_page_size_under_an_open_wal_database_is_refused_by_its_lock(
    live: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This process's own connections are not seen as holders, but SQLite sees them."""
    monkeypatch.setattr(through_sqlite, "_MODE_SECONDS", 0.2)
    with reading(live), pytest.raises(InconclusiveError, match="kept it locked"):
        restore_live(live, proven(tmp_path / "private", page_bytes=1024), good, KEEP, unwatched)

    assert look_at(live) == Seen(FORMER_ROWS, "wal", 4096, "ok")


def test_another_page_size_under_an_open_wal_database_names_who_holds_it(live: Path, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _READER, str(live)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdin
        assert reader.stdout
        reader.stdin.write("count\n")
        reader.stdin.flush()
        reader.stdout.readline()
        with pytest.raises(InconclusiveError, match=rf"\(process {reader.pid}\)"):
            restore_live(live, proven(tmp_path / "private", page_bytes=1024), good, KEEP, unwatched)
        reader.stdin.close()

    assert look_at(live) == Seen(FORMER_ROWS, "wal", 4096, "ok")


def broken_page(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * 8192 + content[12288:])


def truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


SPOILT: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (Path.unlink, "-journal"),
    "empty": (lambda path: path.write_bytes(b""), "-journal"),
    "text": (lambda path: path.write_text("text"), "-journal"),
    "truncated": (truncated, "-wal"),
    "a broken page": (broken_page, "-wal"),
}


@pytest.mark.parametrize("spoilt", SPOILT)
@pytest.mark.parametrize("checks", [good, bad])
def test_what_is_no_sound_database_is_replaced_or_comes_back_byte_for_byte(
    live: Path, copy: ProvenCopy, place: Path, spoilt: str, checks: Callable[[Path], str | None]
) -> None:
    spoil, sidecar = SPOILT[spoilt]
    spoil(live)
    live.with_name(live.name + sidecar).write_bytes(b"what a killed program left")
    former = contents(place)

    done = restore_live(live, copy, checks, KEEP, unwatched)

    if checks is bad:
        assert contents(place) == former
        return
    assert look_at(live).rows == RESTORED_ROWS
    kept = {re.sub(r"\.pre-restore-\d+", "", name): data for name, data in contents(place).items() if ".pre-" in name}
    assert kept == former
    assert (done.kept is None) == ("tasks.db" not in former)


def contents(folder: Path) -> dict[str, bytes]:
    """Of all but the shared memory, which whoever looks at a -wal makes."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith("-shm")}


def test_a_symlinked_database_is_replaced_where_it_is(live: Path, copy: ProvenCopy, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(live)

    kept = restored(link, copy)

    assert kept
    assert kept.parent == live.parent
    assert link.is_symlink()
    assert look_at(live).rows == RESTORED_ROWS


@pytest.mark.parametrize("broken", [False, True])
def test_owner_and_mode_stay(live: Path, copy: ProvenCopy, broken: bool) -> None:
    if broken:
        live.write_text("text")
    live.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(live, 1234, 2345)
    before = live.stat()

    kept = restored(live, copy)

    assert kept
    for path in (live, kept):
        found = path.stat()
        assert (found.st_uid, found.st_gid, found.st_mode) == (before.st_uid, before.st_gid, before.st_mode)


def test_copies_beyond_the_number_to_keep_are_named_and_stay(live: Path, copy: ProvenCopy, place: Path) -> None:
    for epoch in (1, 20, 4_000_000_000):
        (place / f"tasks.db.pre-restore-{epoch}").write_bytes(b"older")
    (place / "tasks.db.pre-restore-1-wal").write_bytes(b"its wal")

    done = restore_live(live, copy, good, 2, unwatched)

    assert done.kept == place / "tasks.db.pre-restore-4000000001"
    assert [path.name for path in done.surplus] == [
        "tasks.db.pre-restore-20",
        "tasks.db.pre-restore-1",
        "tasks.db.pre-restore-1-wal",
    ]
    assert all(path.exists() for path in done.surplus)


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_backup_during_a_restore_is_of_one_content(live: Path, copy: ProvenCopy, tmp_path: Path, mode: str) -> None:
    """Taken by another process while the restore stands still in the middle."""
    with closing(sqlite3.connect(live)) as connection:
        connection.execute(f"PRAGMA journal_mode={mode}")
    taking = (
        "import sys; from pathlib import Path; from local.sqlite import snapshot; "
        "snapshot.take(Path(sys.argv[1]), Path(sys.argv[2])); print(snapshot.examine(Path(sys.argv[2])).rows['tasks'])"
    )
    command = [sys.executable, "-c", taking, str(live), str(tmp_path / "snapshot.db")]
    backups: list[subprocess.Popen[str]] = []

    def watch(event: Event) -> None:
        if event.total and not backups:
            backups.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            if mode == "wal":
                backups[0].wait()

    restore_live(live, copy, good, KEEP, watch)
    (backup,) = backups
    told = backup.communicate()[0]

    assert backup.returncode == 0
    assert int(told) in ((FORMER_ROWS,) if mode == "wal" else (FORMER_ROWS, RESTORED_ROWS))


def test_a_second_restore_of_the_same_database_waits_for_the_first(live: Path, tmp_path: Path) -> None:
    second = (
        "import sys; from pathlib import Path; from local.errors import LockHeldError\n"
        "from local.restore.claim import claimed\nfrom local.restore.recover import recover\n"
        "print(recover(Path(sys.argv[1])))\n"
        "try:\n    with claimed(Path(sys.argv[1])): print('in')\nexcept LockHeldError as error: print(error)"
    )

    def checks(path: Path) -> None:
        done = subprocess.run([sys.executable, "-c", second, str(path)], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines() == [
            "None",
            f"restore not begun: another restore of this database is under way, process {os.getpid()}",
        ]

    restored(live, proven(tmp_path / "private"), checks)
    assert LockHeldError.exit_code == 75


def test_the_copy_may_be_on_another_file_system(live: Path, tmp_path: Path) -> None:
    """/dev/shm is one of its own on Linux; elsewhere it is the same one."""
    base = Path("/dev/shm") if Path("/dev/shm").is_dir() else tmp_path
    folder = base / f"pillar9-test-{os.getpid()}"
    try:
        restored(live, proven(folder))
    finally:
        shutil.rmtree(folder)
    assert look_at(live).rows == RESTORED_ROWS


@pytest.mark.parametrize("mode", ["wal", "delete"])
@pytest.mark.parametrize("limit", [0, 30_000, 90_000, 130_000, 200_000])
def test_a_file_that_may_grow_no_more_ends_it_and_changes_nothing(
    live: Path, copy: ProvenCopy, place: Path, mode: str, limit: int
) -> None:
    """SQLite's own writes fail as well, as on a full disk."""
    with closing(sqlite3.connect(live)) as connection:
        connection.execute(f"PRAGMA journal_mode={mode}")
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, former[1]))
    try:
        with suppress(PillarError):
            restore_live(live, copy, good, KEEP, unwatched)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)
    told = recover(live)

    seen = look_at(live)
    assert (seen.rows, seen.integrity, seen.journal_mode) in ((FORMER_ROWS, "ok", mode), (RESTORED_ROWS, "ok", mode)), (
        told
    )
    assert not work_folder(live).exists()
    assert len(names(place)) == (1 if seen.rows == FORMER_ROWS else 2)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def broken_leaf(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: -2 * 4096] + b"\xff" * 8192)


@pytest.mark.parametrize("spoil", [empty, broken_leaf])
@pytest.mark.parametrize("checks", [good, bad])
def test_what_is_open_is_replaced_under_its_locks_even_if_it_is_empty_or_damaged(
    live: Path, copy: ProvenCopy, spoil: Callable[[Path], object], checks: Callable[[Path], str | None]
) -> None:
    spoil(live)
    number, former = live.stat().st_ino, live.read_bytes()
    hold = "import sys; file = open(sys.argv[1]); print(1, flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(live)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout
        holder.stdout.readline()
        done = restore_live(live, copy, checks, KEEP, unwatched)
        assert holder.stdin
        holder.stdin.close()

    assert live.stat().st_ino == number
    assert done.kept
    assert done.kept_meanwhile is None
    if checks is good:
        assert look_at(live).rows == RESTORED_ROWS
    elif spoil is empty:
        with closing(sqlite3.connect(live)) as connection:
            assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    else:
        # The last to close it has written the -wal into it; the first page has SQLite's counters.
        assert live.read_bytes()[4096:] == former[4096:]


@pytest.mark.parametrize("spoil", [empty, broken_leaf, truncated])
def test_a_file_without_a_header_that_is_open_is_refused_by_name(
    live: Path, copy: ProvenCopy, spoil: Callable[[Path], object]
) -> None:
    spoil(live)
    live.write_bytes(b"x" + live.read_bytes()[1:])
    before = live.read_bytes()
    hold = "import sys; file = open(sys.argv[1]); print(1, flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(live)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout
        holder.stdout.readline()
        with pytest.raises(InconclusiveError, match=rf"still open.*\(process {holder.pid}\)"):
            restore_live(live, copy, good, KEEP, unwatched)
        assert holder.stdin
        holder.stdin.close()

    assert live.read_bytes() == before
