"""A volume's content replaced: it equals the tar, keeps how it was made, and what is refused is not touched."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from local.errors import EngineError
from local.volumes.engine import Engine, open_engine
from tests.support.container_engines import ContainerEngine

LABELS = {"com.docker.compose.project": "shop", "com.docker.compose.volume": "data"}


@pytest.fixture
def tar(tmp_path: Path) -> Path:
    """A volume's content, as an archive has it."""
    path = tmp_path / "content.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as opened:
        _add(opened, "./", tarfile.DIRTYPE, 0o2750)
        _add(opened, "./a", tarfile.REGTYPE, 0o640, b"hello")
        _add(opened, "./d", tarfile.DIRTYPE, 0o1777)
        _add(opened, "./d/link", tarfile.SYMTYPE, 0o777, linkname="../a")
        _add(opened, "./hard", tarfile.LNKTYPE, 0o640, linkname="./a")
        _add(opened, "./pipe", tarfile.FIFOTYPE, 0o600)
        _add(opened, f"./{'n' * 120}", tarfile.REGTYPE, 0o4755, b"\0" * 100_000)
    return path


def _add(opened: tarfile.TarFile, name: str, kind: bytes, mode: int, data: bytes = b"", linkname: str = "") -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.size, entry.linkname = kind, mode, len(data), linkname
    entry.uid, entry.gid, entry.mtime = 999, 998, 1_000_000_000.25
    entry.pax_headers = {"SCHILY.xattr.user.color": "red"} if kind == tarfile.REGTYPE else {}
    opened.addfile(entry, io.BytesIO(data))


def _told(folder: Path) -> dict[str, tuple[Any, ...]]:
    found = {}
    for path in [folder, *folder.rglob("*")]:
        told = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found[str(path.relative_to(folder))] = (oct(told.st_mode), told.st_uid, told.st_gid, told.st_mtime_ns, content)
    return found


def test_the_volume_equals_the_tar_and_is_made_as_it_was(
    container_engine: ContainerEngine, engine: Engine, tar: Path, tmp_path: Path
) -> None:
    folder = container_engine.volume("data", LABELS)
    (folder / "d").mkdir()
    (folder / "d" / "former").write_text("must go")
    (tmp_path / "wanted").mkdir()
    subprocess.run(["tar", "-xpf", tar, "-C", tmp_path / "wanted", "--numeric-owner"], check=True)
    engine.replace("data", tar)
    folder = container_engine.folder("data")
    assert _told(folder) == _told(tmp_path / "wanted")
    assert (folder / "hard").samefile(folder / "a")
    assert os.getxattr(folder / "a", "user.color") == b"red"
    assert engine.volume("data").labels == LABELS
    assert container_engine.names() == set()


def test_one_that_a_container_refers_to_is_refused_with_its_name_and_nothing_is_touched(
    docker_engine: ContainerEngine, tar: Path
) -> None:
    folder = docker_engine.volume("data")
    (folder / "former").write_text("stays")
    with open_engine() as engine:
        docker_engine.run("app", "data")
        with pytest.raises(EngineError, match="in use by app"):
            engine.replace("data", tar)
        docker_engine.api.stop("app")
        with pytest.raises(EngineError, match="app would mount it") as told:
            engine.replace("data", tar)
    assert "docker rm app" in told.value.mend
    assert [path.name for path in folder.iterdir()] == ["former"]


def test_one_whose_data_is_elsewhere_is_refused(docker_engine: ContainerEngine, tar: Path, tmp_path: Path) -> None:
    docker_engine.api.create_volume("bound", driver_opts={"type": "none", "o": "bind", "device": str(tmp_path)})
    with open_engine() as engine, pytest.raises(EngineError, match="a device of its own"):
        engine.replace("bound", tar)


@pytest.mark.parametrize(
    ("link", "refused"),
    [
        ("../../x", True),
        ("/dev/stdout", False),
        *(
            pytest.param(*case, marks=pytest.mark.long)
            for case in [("/../../../x", True), ("..", False), ("../..x", False), ("../d/../a", False)]
        ),
    ],
)
def test_a_link_that_docker_would_refuse_halfway_is_refused_before_anything_is_touched(
    docker_engine: ContainerEngine, tmp_path: Path, link: str, refused: bool
) -> None:
    (docker_engine.volume("data") / "former").write_text("")
    tar = tmp_path / "content.tar"
    with tarfile.open(tar, "w") as opened:
        _add(opened, "./", tarfile.DIRTYPE, 0o755)
        _add(opened, "./d", tarfile.DIRTYPE, 0o755)
        _add(opened, "./d/link", tarfile.SYMTYPE, 0o777, linkname=f"{link}")
    with open_engine() as engine:
        if refused:
            with pytest.raises(EngineError, match="leads out of a volume"):
                engine.replace("data", tar)
        else:
            engine.replace("data", tar)
    assert (docker_engine.folder("data") / "former").exists() == refused


def test_one_that_is_not_there_is_refused(docker_engine: ContainerEngine, tar: Path) -> None:
    with open_engine() as engine, pytest.raises(EngineError, match="no volume of that name"):
        engine.replace("data", tar)
    assert docker_engine.api.volumes()["Volumes"] in (None, [])


def test_a_tar_that_is_cut_off_is_refused_before_anything_is_touched(
    docker_engine: ContainerEngine, tar: Path, tmp_path: Path
) -> None:
    (docker_engine.volume("data") / "former").write_text("")
    torn = tmp_path / "torn.tar"
    torn.write_bytes(tar.read_bytes()[:3000])
    with open_engine() as engine, pytest.raises(EngineError, match="no whole tar"):
        engine.replace("data", torn)
    assert (docker_engine.folder("data") / "former").exists()


def test_what_an_engine_cannot_unpack_fails_and_the_former_content_can_be_put_back(
    docker_engine: ContainerEngine, tar: Path, tmp_path: Path
) -> None:
    docker_engine.volume("data", LABELS)
    wrong = tmp_path / "wrong.tar"
    with tarfile.open(wrong, "w") as opened:
        _add(opened, "./a", tarfile.LNKTYPE, 0o644, linkname="./there-is-none")
    with open_engine() as engine:
        with pytest.raises(EngineError, match="there-is-none"):
            engine.replace("data", wrong)
        engine.replace("data", tar)
        assert engine.volume("data").labels == LABELS
    assert (docker_engine.folder("data") / "a").read_text() == "hello"


def test_one_that_another_run_reads_is_refused_until_that_has_ended(docker_engine: ContainerEngine, tar: Path) -> None:
    (docker_engine.volume("data") / "former").write_text("stays")
    with open_engine() as engine, open_engine() as other:
        with other.reading("data"), pytest.raises(EngineError, match="another run reads it now") as told:
            engine.replace("data", tar)
        assert "run this again when that has ended" in told.value.mend
        assert [path.name for path in docker_engine.folder("data").iterdir()] == ["former"]
        engine.replace("data", tar)
    assert docker_engine.names() == set()
