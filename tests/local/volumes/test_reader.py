"""A volume read through each engine: what comes, what is left behind, and that nothing of it is written."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from local.errors import EngineError
from local.volumes.engine import Engine, open_engine
from local.volumes.engine_errors import NotThereError, StreamBrokenError
from local.volumes.facts import LABEL, volume_facts
from local.volumes.reading_container import make_container
from tests.support.container_engines import ContainerEngine

MEGABYTE = 1 << 20


def entries(tar: bytes) -> list[tarfile.TarInfo]:
    """What a tar holds, in its order."""
    with tarfile.open(fileobj=io.BytesIO(tar)) as opened:
        return opened.getmembers()


def _listing(folder: Path) -> list[tuple[str, int, int, int, int, int]]:
    """Whatever would change if something were written there: the time of the last change of each inode as well."""
    found = []
    for path in sorted([folder, *folder.rglob("*")]):
        told = path.lstat()
        found.append((str(path), told.st_mode, told.st_uid, told.st_size, told.st_mtime_ns, told.st_ctime_ns))
    return found


def test_a_volume_comes_as_a_tar_whose_first_entry_is_its_own_folder(
    container_engine: ContainerEngine, engine: Engine
) -> None:
    folder = container_engine.volume("data")
    (folder / "a").write_text("hello")
    os.chown(folder, 999, 998)
    folder.chmod(0o750)
    with engine.reading("data") as reader:
        root, entry = entries(b"".join(reader.look()))
    owner = (999, 998) if container_engine.name == "docker" else (0, 0)
    assert (root.isdir(), root.uid, root.gid, stat.S_IMODE(root.mode)) == (True, *owner, 0o750)
    assert entry.name.removeprefix(root.name) == "/a"


def test_a_file_comes_by_itself(container_engine: ContainerEngine, engine: Engine) -> None:
    folder = container_engine.volume("data")
    (folder / "a b").mkdir()
    (folder / "a b" / "c#?é%2f").write_bytes(b"x" * 3 * MEGABYTE)
    with engine.reading("data") as reader:
        tar = b"".join(reader.look("a b/c#?é%2f".encode()))
    (entry,) = entries(tar)
    assert (entry.name, entry.size) == ("c#?é%2f", 3 * MEGABYTE)


def test_a_path_that_is_not_there_is_told_as_that(container_engine: ContainerEngine, engine: Engine) -> None:
    container_engine.volume("data")
    with engine.reading("data") as reader, pytest.raises(NotThereError):
        list(reader.look(b"gone"))


def test_a_file_whose_name_is_no_utf8_comes_with_the_volume_and_is_refused_by_itself(
    container_engine: ContainerEngine, engine: Engine
) -> None:
    folder = container_engine.volume("data")
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9")).write_text("x")
    with engine.reading("data") as reader:
        assert entries(b"".join(reader.look()))[1].name.endswith("caf\udce9")
        with pytest.raises(EngineError, match="no UTF-8"):
            list(reader.look(b"caf\xe9"))


def test_nothing_of_the_volume_is_written_and_the_container_is_never_started(
    container_engine: ContainerEngine, engine: Engine
) -> None:
    folder = container_engine.volume("data")
    (folder / "d").mkdir()
    (folder / "d" / "a").write_text("hello")
    (folder / "l").symlink_to("/etc/passwd")
    before = _listing(folder)
    with engine.reading("data") as reader:
        list(reader.look())
        list(reader.look(b"d/a"))
        (user,) = engine.users("data")
        found = container_engine.api.inspect_container(user.identity)
    assert _listing(folder) == before
    assert (user.state, user.may_write, user.at_work, user.is_reader) == ("created", False, False, True)
    assert found["State"]["StartedAt"].startswith("0001")
    assert found["HostConfig"]["NetworkMode"] == "none"
    assert engine.users("data") == ()


def test_a_volume_without_a_file_stays_so(container_engine: ContainerEngine, engine: Engine) -> None:
    folder = container_engine.volume("empty")
    with engine.reading("empty") as reader:
        assert len(entries(b"".join(reader.look()))) == 1
    assert list(folder.iterdir()) == []


def test_a_volume_that_is_not_there_is_not_made(container_engine: ContainerEngine, engine: Engine) -> None:
    container_engine.volume("grafana-data")
    with (
        pytest.raises(EngineError, match="no volume of that name; there is grafana-data"),
        engine.reading("grafana-date"),
    ):
        pass
    assert [volume["Name"] for volume in container_engine.api.volumes()["Volumes"]] == ["grafana-data"]
    assert container_engine.names() == set()


def test_a_volume_that_goes_just_before_it_is_mounted_is_told_and_not_made(
    container_engine: ContainerEngine, engine: Engine
) -> None:
    container_engine.volume("data", {"owner": "us"})
    # That it is another one Podman tells by the second in which it was made.
    facts = replace(engine.volume("data"), created="2026-01-01T00:00:00Z")
    container_engine.api.remove_volume("data")
    with pytest.raises(EngineError, match="at that moment"):
        make_container(container_engine.api, facts, "reader", "mark", read_only=True)
    assert container_engine.names() == set()
    # Podman gives what it makes none of our labels: another's cannot be told from ours there, and stays.
    if container_engine.name == "docker":
        assert not container_engine.api.volumes()["Volumes"]


@pytest.mark.parametrize("begun", [False, True], ids=["before the stream", "within the stream"])
def test_the_container_goes_whatever_ends_the_reading(
    container_engine: ContainerEngine, engine: Engine, begun: bool
) -> None:
    (container_engine.volume("data") / "a").write_bytes(b"x" * 8 * MEGABYTE)
    with suppress(ZeroDivisionError), engine.reading("data") as reader:
        if begun:
            next(iter(reader.look()))
        raise ZeroDivisionError
    assert container_engine.names() == set()


def test_the_image_is_made_again_when_somebody_has_removed_it(
    container_engine: ContainerEngine, engine: Engine
) -> None:
    container_engine.volume("data")
    for _ in range(2):
        with engine.reading("data") as reader:
            assert list(reader.look())
        for image in container_engine.api.images(filters={"label": LABEL}):
            container_engine.api.remove_image(image["Id"], force=True)


def test_a_container_that_goes_while_it_is_read_is_an_error(container_engine: ContainerEngine, engine: Engine) -> None:
    (container_engine.volume("data") / "a").write_text("hello")
    with engine.reading("data") as reader:
        (user,) = engine.users("data")
        container_engine.api.remove_container(user.identity)
        with pytest.raises(EngineError):
            list(reader.look())


def _meanwhile(engine: Engine, change: Callable[[], object]) -> bytes:
    """The volume's tar, while it is changed when a megabyte of it has come."""
    with engine.reading("data") as reader:
        stream = reader.look()
        pieces = [next(stream)]
        change()
        return b"".join([*pieces, *stream])


@pytest.fixture
def large(container_engine: ContainerEngine) -> Path:
    """A file of 32 MB, more than an engine and a socket keep ahead of their reader, before another one."""
    folder = container_engine.volume("data")
    (folder / "z").write_text("the last one")
    path = folder / "large"
    path.write_bytes(b"x" * 32 * MEGABYTE)
    return path


def test_a_file_that_shrinks_while_it_is_read_breaks_the_stream(engine: Engine, large: Path) -> None:
    with pytest.raises(StreamBrokenError, match="ended the tar before its end") as told:
        _meanwhile(engine, lambda: os.truncate(large, MEGABYTE))
    assert "pause:" in told.value.mend


def test_a_file_that_grows_while_it_is_read_hides_nothing_behind_it(
    container_engine: ContainerEngine, engine: Engine, large: Path
) -> None:
    def grow() -> None:
        with large.open("ab") as file:
            file.write(b"more")

    if container_engine.name == "podman":
        # It ends the tar behind such a file, as if that were all.
        with pytest.raises(StreamBrokenError, match="a file grew meanwhile"):
            _meanwhile(engine, grow)
    else:
        found = entries(_meanwhile(engine, grow))
        assert [(Path(entry.name).name, entry.size) for entry in found[1:]] == [("large", 32 * MEGABYTE), ("z", 12)]


def test_the_last_file_of_a_volume_may_have_been_written_at_any_time_before(engine: Engine, large: Path) -> None:
    large.with_name("zz").write_text("just now")
    with engine.reading("data") as reader:
        assert len(entries(b"".join(reader.look()))) == 4


@pytest.mark.long
def test_what_podman_keeps_to_itself_is_said_or_is_an_error(podman_engine: ContainerEngine) -> None:
    (podman_engine.volume("data") / "dev").mkdir()
    with open_engine() as engine, engine.reading("data") as reader:
        assert reader.without == ("the owners of all files: Podman tells each as root's",)
        with pytest.raises(EngineError, match="under the name dev"):
            list(reader.look())


def test_docker_keeps_nothing_of_that_to_itself(docker_engine: ContainerEngine) -> None:
    (docker_engine.volume("data") / "dev").mkdir()
    with open_engine() as engine, engine.reading("data") as reader:
        assert reader.without == ()
        assert len(entries(b"".join(reader.look()))) == 2


def test_a_file_that_is_added_while_a_volume_is_being_mounted_is_no_new_volume(docker_engine: ContainerEngine) -> None:
    """Docker's time of creation changes with it."""
    docker_engine.volume("data")
    with open_engine() as engine:
        facts = replace(engine.volume("data"), created="2026-01-01T00:00:00Z")
    make_container(docker_engine.api, facts, "reader", "mark", read_only=True)
    assert docker_engine.names() == {"reader"}


def test_a_large_file_is_never_whole_in_memory(docker_engine: ContainerEngine) -> None:
    with (docker_engine.volume("data") / "sparse").open("wb") as file:
        file.truncate(64 * MEGABYTE)
    with open_engine() as engine, engine.reading("data") as reader:
        tracemalloc.start()
        count = sum(map(len, reader.look()))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert count > 64 * MEGABYTE
    assert peak < 8 * MEGABYTE


def test_containers_of_others_are_let_be(container_engine: ContainerEngine, engine: Engine) -> None:
    container_engine.volume("data")
    make_container(
        container_engine.api,
        volume_facts(container_engine.api, "data"),
        "another-machines",
        "f" * 32,
        read_only=True,
    )
    container_engine.create("an-app", "data")
    with engine.reading("data"):
        pass
    assert container_engine.names() == {"another-machines", "an-app"}


def test_who_uses_a_volume_is_told_with_what_it_may_do(docker_engine: ContainerEngine) -> None:
    folder = docker_engine.volume("data")
    docker_engine.volume("data2")
    docker_engine.run("writer", "data")
    docker_engine.create("waiting", "data")
    docker_engine.create("elsewhere", "data2")
    docker_engine.run("by-path", "data2", Binds=[f"{folder}:/bound:ro"])
    with open_engine() as engine:
        users = {user.name: (user.state, user.may_write) for user in engine.users("data")}
        assert users == {"writer": ("running", True), "waiting": ("created", True), "by-path": ("running", False)}
        assert [user.name for user in engine.writers("data")] == ["writer"]
        docker_engine.api.pause("writer")
        assert engine.writers("data") == ()
    docker_engine.api.unpause("writer")
