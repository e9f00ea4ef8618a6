"""A volume's content exchanged on a real engine: whatever fails or is killed, nothing of what it held is lost."""

from __future__ import annotations

import gzip
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from local import interrupt
from local.errors import InconclusiveError, PillarError
from local.events import Event, unwatched
from local.restore import volume_in_place
from local.restore.to_new_file import Started
from local.restore.volume_exchange import ExchangedVolume, VolumeExchange
from local.restore.volume_kept import KeptVolumes
from local.restore.volume_recover import recover_volume
from local.volumes import refill
from local.volumes.engine import Engine, open_engine
from tests.local.unpack.trees import LONG_AGO_NS, awkward_tree, folder, look, member, tar_with, unpacked
from tests.support.container_engines import ContainerEngine

NAME = "data"


@pytest.fixture
def live(docker_engine: ContainerEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of a volume that holds something; what is kept of it goes to a folder of the test's."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    path = docker_engine.volume(NAME)
    (path / "former").write_bytes(b"former" * 1000)
    os.utime(path / "former", (5, 5))
    os.utime(path, (6, 6))
    return path


@pytest.fixture
def tar(tmp_path: Path) -> Path:
    """A backup's."""
    return tar_with(tmp_path / "backup.tar", folder(".", mtime=7), member("restored", b"new" * 1000, mtime=8))


def exchange(tar: Path, opened: Engine, private: Path) -> ExchangedVolume:
    private.mkdir()
    kept = KeptVolumes.of(opened.endpoint.url, NAME)
    return VolumeExchange(opened, kept, private, unwatched).carry_out(tar, is_there=True)


def _awkward_in(path: Path) -> dict[bytes, tuple[object, ...]]:
    """Fill a volume's folder with one of each thing; but for the link out of it, which Docker refuses."""
    found = awkward_tree(path)
    (found / "link out").unlink()
    os.utime(found, ns=(LONG_AGO_NS, 1_700_000_000_987_654_321))
    return look(found)


@pytest.mark.parametrize("name", ["docker_engine", pytest.param("podman_engine", marks=pytest.mark.long)])
def test_what_an_engine_keeps_to_itself_is_in_the_copy_that_is_kept_and_is_compared(
    request: pytest.FixtureRequest, name: str, tar: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What no engine puts back is told, and fails nothing: some times, and an attribute without a value."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    running: ContainerEngine = request.getfixturevalue(name)
    before = _awkward_in(running.volume(NAME))
    with open_engine() as opened:
        done = exchange(tar, opened, tmp_path / "private")
        assert (done.why, done.left_out, done.unkept.counts) == (None, (), {})
        again = VolumeExchange(opened, KeptVolumes.of(opened.endpoint.url, NAME), tmp_path / "again", unwatched)
        (tmp_path / "again").mkdir()
        assert done.kept
        with gzip.open(done.kept) as copy:
            (tmp_path / "kept.tar").write_bytes(copy.read())
        back = again.carry_out(tmp_path / "kept.tar", is_there=True)
    (tmp_path / "hand").mkdir()
    unpacked(tmp_path / "kept.tar", tmp_path / "hand" / "volume")
    assert look(tmp_path / "hand" / "volume") == before
    assert back.why is None
    assert back.unkept.counts.keys() == {"time", "extended attribute"}
    assert back.unkept.first["extended attribute"] == "user.of a folder of empty"
    untouched = {path: about for path, about in before.items() if about[3] != LONG_AGO_NS and path != b"empty"}
    now = look(running.folder(NAME))
    if name == "docker_engine":
        assert {path: now[path] for path in untouched} == untouched
    owners = {path: about[:3] for path, about in before.items()}
    assert {path: about[:3] for path, about in now.items()} == owners


class Meddled(Engine):
    """An engine behind which somebody writes to the volume whenever it was filled, or the first time alone."""

    times = 1

    def replace(self, name: str, tar: Path, filled: Callable[[], None] = lambda: None) -> None:
        """As the engine does, and then somebody comes."""
        super().replace(name, tar, filled)
        if self.times:
            self.times -= 1
            Path(self.volume(name).mountpoint, "odd one").touch()


def meddled(times: int) -> Meddled:
    opened = open_engine()
    made = Meddled(opened.endpoint, opened._api)
    made.times = times
    return made


def test_what_does_not_read_back_is_put_back_and_told(
    docker_engine: ContainerEngine, live: Path, tar: Path, tmp_path: Path
) -> None:
    before = look(live)
    with meddled(1) as opened:
        done = exchange(tar, opened, tmp_path / "private")
    assert done.why == "what was filled in does not read back as the backup: odd one is there besides"
    assert look(docker_engine.folder(NAME)) == before
    assert done.kept
    assert KeptVolumes(done.kept.parent, NAME).note() is None


def test_what_cannot_be_put_back_is_told_with_where_it_is_and_a_rollback_does_it_later(
    docker_engine: ContainerEngine, live: Path, tar: Path, tmp_path: Path
) -> None:
    before = look(live)
    with meddled(2) as opened, pytest.raises(PillarError, match=r"what it held is .*pre-restore-\d+\.tar\.gz") as told:
        exchange(tar, opened, tmp_path / "private")
    assert "--rollback" in told.value.mend
    rolled_back()
    assert look(docker_engine.folder(NAME)) == before


def test_what_the_engine_refuses_before_it_touches_anything_is_told_so(
    docker_engine: ContainerEngine, live: Path, tar: Path, tmp_path: Path
) -> None:
    before = look(live)
    with open_engine() as opened:
        docker_engine.create("came-meanwhile", NAME)
        with pytest.raises(InconclusiveError, match=r"came-meanwhile.*; nothing was touched"):
            exchange(tar, opened, tmp_path / "private")
        kept = KeptVolumes.of(opened.endpoint.url, NAME)
    assert look(live) == before
    assert (kept.note(), kept.copies()) == (None, [])


def test_a_volume_that_could_not_be_put_back_is_not_touched(
    docker_engine: ContainerEngine, live: Path, tar: Path, tmp_path: Path
) -> None:
    (live / "out").symlink_to("../../elsewhere")  # Docker makes no such link, in whatever is filled in
    before = look(live)
    with open_engine() as opened:
        with pytest.raises(InconclusiveError, match=r"'\./out' -> '\.\./\.\./elsewhere'.*nothing was touched"):
            exchange(tar, opened, tmp_path / "private")
        assert KeptVolumes.of(opened.endpoint.url, NAME).copies() == []
    assert look(docker_engine.folder(NAME)) == before


class StoppedHere(BaseException):
    """As a signal raises."""


def test_what_is_interrupted_is_put_back(docker_engine: ContainerEngine, live: Path, tar: Path, tmp_path: Path) -> None:
    before = look(live)

    def watch(event: Event) -> None:
        if event.text == "read it back":
            raise StoppedHere

    (tmp_path / "private").mkdir()
    with open_engine() as opened:
        kept = KeptVolumes.of(opened.endpoint.url, NAME)
        with pytest.raises(StoppedHere):
            VolumeExchange(opened, kept, tmp_path / "private", watch).carry_out(tar, is_there=True)
    assert look(docker_engine.folder(NAME)) == before
    assert kept.note() is None


def rolled_back() -> None:
    """`restore NAME --rollback`, once it was agreed to."""
    order = volume_in_place.order_rollback(NAME, Started.now())
    assert order.preview.restore.verdict == "passed"
    assert volume_in_place.carry_out(order, 3, unwatched).restore.verdict == "passed"


def kill(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def killed(tar: Path, private: Path, target: object, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exchange in a process of its own that is killed where it calls that."""
    process = os.fork()
    if process == 0:
        monkeypatch.setattr(target, name, kill)
        with open_engine() as opened:
            exchange(tar, opened, private)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == -signal.SIGKILL


def test_one_that_is_killed_before_it_changes_anything_leaves_no_copy_as_a_step_back(
    docker_engine: ContainerEngine, live: Path, tar: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = look(live)
    killed(tar, tmp_path / "private", interrupt, "check", monkeypatch)
    kept = KeptVolumes.of(docker_engine.url, NAME)
    assert len(kept.copies()) == 1

    assert "before it had replaced the volume, which is as it was" in str(recover_volume(NAME))
    assert kept.copies() == []
    assert look(live) == before


def test_one_that_is_killed_when_the_volume_is_filled_is_told_and_can_be_undone(
    docker_engine: ContainerEngine, live: Path, tar: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = look(live)
    killed(tar, tmp_path / "private", VolumeExchange, "_compare", monkeypatch)
    assert [path.name for path in docker_engine.folder(NAME).iterdir()] == ["restored"]

    assert "after it had replaced the volume, which holds the restored backup" in str(recover_volume(NAME))
    rolled_back()
    assert look(docker_engine.folder(NAME)) == before


def test_a_restore_behind_a_killed_one_goes_through_and_what_was_left_is_nothing_to_go_back_to(
    docker_engine: ContainerEngine, live: Path, tar: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = look(live)
    killed(tar, tmp_path / "private", refill, "_fill", monkeypatch)
    with open_engine() as opened:
        done = exchange(tar, opened, tmp_path / "again")
        kept = KeptVolumes.of(opened.endpoint.url, NAME)
    assert done.kept
    assert "cut-short" in done.kept.name
    assert len(kept.copies()) == 1
    assert done.kept in kept.surplus(3)
    rolled_back()
    assert look(docker_engine.folder(NAME)) == before


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"kept": "../../x", "started_time": "x"}', b"\xff"])
def test_a_note_that_is_none_of_ours_is_not_acted_on(tmp_path: Path, content: bytes) -> None:
    kept = KeptVolumes(tmp_path, NAME)
    (tmp_path / f"{NAME}.restoring.json").write_bytes(content)
    with pytest.raises(InconclusiveError, match=r"restoring\.json"):
        kept.note()


def test_copies_have_later_names_than_all_before_and_the_surplus_is_named(tmp_path: Path, tar: Path) -> None:
    kept = KeptVolumes(tmp_path, NAME)
    (tmp_path / f"{NAME}.pre-restore-99999999999.tar.gz").touch()
    (tmp_path / f"{NAME}.more.pre-restore-1.tar.gz").touch()
    made = kept.keep(tar, tmp_path, kept.free_name(cut_short=False))
    assert made.name == f"{NAME}.pre-restore-100000000000.tar.gz"
    assert [made, *kept.surplus(1)] == kept.copies()
    kept.unpack(made, tmp_path / "again.tar")
    assert (tmp_path / "again.tar").read_bytes() == tar.read_bytes()
    made.write_bytes(made.read_bytes()[:-20])
    with pytest.raises(InconclusiveError, match="rollback to"):
        kept.unpack(made, tmp_path / "damaged.tar")
