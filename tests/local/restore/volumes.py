"""Backups of volumes in a folder store, and as files that lie about, as a backup would have put them there."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tests.support.volume_archives import volume_archive
from tests.support.workshop import Workshop

DAY = "2026-05-05"


def shelve(workshop: Workshop, name: str, tar: bytes, day: str = DAY) -> Path:
    """The archive of this tar on the volumes' shelf of the workshop's folder store."""
    path = workshop.root / f"store/volumes/{day}/{name}.tar.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    archive = volume_archive(tar, volume=name, taken=f"{day}T12:00:00.000Z")
    path.write_bytes(archive)
    path.with_name(path.name + ".sha256").write_text(f"{hashlib.sha256(archive).hexdigest()}  {path.name}\n")
    return path
