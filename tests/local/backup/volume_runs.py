"""Backups of volumes in this process and by whole ones, and what is stored of them, fetched by hand."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from local.backup.run import back_up
from local.backup.upload import SnapshotUpload, Stored
from local.events import Watch, unwatched
from local.report import BackupReport
from local.settings import AzureSettings, Volume
from local.store.catalog import Point
from local.store.open import open_repository
from local.store.shelf import VOLUMES
from tests.support.odd_volume import unpacked
from tests.support.workshop import Workshop


def configure(workshop: Workshop, *volumes: dict[str, Any]) -> None:
    """These are what is configured."""
    workshop.more["volumes"] = list(volumes)


def points(workshop: Workshop) -> list[Point]:
    """All backups of volumes in the store."""
    return list(workshop.repository.on(VOLUMES).points())


def fetched(workshop: Workshop, point: Point, folder: Path) -> Path:
    """The archive and its sidecar, as a person would fetch them."""
    folder.mkdir()
    name = point.entry.name
    archive = folder / name.rpartition("/")[2]
    with urlopen(workshop.store.link(point.entry, 60)) as answer:
        archive.write_bytes(answer.read())
    archive.with_name(f"{archive.name}.sha256").write_bytes(workshop.store.read(f"{name}.sha256") or b"")
    return archive


def by_hand(workshop: Workshop, point: Point, folder: Path) -> Path:
    """What `sha256sum -c` lets pass and `tar xzf` makes of it."""
    archive = fetched(workshop, point, folder)
    subprocess.run(["sha256sum", "-c", f"{archive.name}.sha256"], cwd=folder, check=True, capture_output=True)
    return unpacked(archive, folder / "unpacked", "tar")


def fill(folder: Path, files: int = 20) -> None:
    """Files of which each is a chunk of its own, and small ones."""
    for number in range(files):
        (folder / f"large-{number:03}").write_bytes(number.to_bytes(2, "big") * 40_000)
        (folder / f"small-{number:03}").write_text(f"{number}\n" * 10)


def back_up_here(
    workshop: Workshop,
    volumes: Sequence[Volume],
    watch: Watch = unwatched,
    finish: Callable[[SnapshotUpload], Stored] = SnapshotUpload.deliver,
) -> BackupReport:
    """A run in this process, which sees what it tells and may stand in its way."""
    opening = partial(open_repository, workshop.store_settings, AzureSettings())
    return back_up(opening, [], workshop.root / "own", watch, finish, volumes=volumes)
