"""Backups of volumes in a folder store, and as files that lie about, as a backup would have put them there."""

from __future__ import annotations

from pathlib import Path

from tests.support.volume_archives import put_volume, volume_archive
from tests.support.workshop import Workshop


def shelve(workshop: Workshop, name: str, tar: bytes) -> Path:
    """The archive of this tar on the volumes' shelf of the workshop's folder store, without metadata: a copied file."""
    return put_volume(workshop.root / "store", volume_archive(tar, volume=name), name=name)
