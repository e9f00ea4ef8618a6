"""A volume read through each engine: what comes, what is left behind, and that nothing of it is written."""

from __future__ import annotations

import io
import tarfile

from local.volumes.engine import Engine
from tests.support.container_engines import ContainerEngine


def _names(tar: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(tar)) as opened:
        return opened.getnames()


def test_a_volume_comes_as_a_tar_whose_first_entry_is_its_own_folder(
    container_engine: ContainerEngine, engine: Engine
) -> None:
    folder = container_engine.volume("data")
    (folder / "a").write_text("hello")
    with engine.reading("data") as reader:
        tar = b"".join(reader.look())
    with tarfile.open(fileobj=io.BytesIO(tar)) as opened:
        root, entry = opened.getmembers()
    assert root.isdir()
    assert entry.name.removeprefix(root.name) == "/a"
