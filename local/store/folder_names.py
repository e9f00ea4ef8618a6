"""Which file of a folder holds which content: the current one, the day's former ones, and what stands beside each."""

from __future__ import annotations

import re
from pathlib import Path

SIDECAR_SUFFIX = ".sha256"
METADATA_SUFFIX = ".json"
ARCHIVE_SUFFIXES = (".db.gz", ".tar.gz")
_FORMER = re.compile(r"(?P<name>[^@/]+)@(?P<version>\d{8}T\d{6}\.\d{3}Z(?:-\d+)?)(?P<suffix>\.db\.gz|\.tar\.gz)")


def former_path(path: Path, version: str) -> Path:
    """Where the content of `path` stands that was taken at `version`: costs@20260505T040000.000Z.db.gz."""
    for suffix in ARCHIVE_SUFFIXES:
        if path.name.endswith(suffix):
            return path.with_name(f"{path.name.removesuffix(suffix)}@{version}{suffix}")
    return path.with_name(f"{path.name}@{version}")


def split_name(name: str) -> tuple[str, str | None]:
    """A file's name (slashes between folders) as the name of its content and which former one it is, if it is one."""
    folder, slash, file = name.rpartition("/")
    former = _FORMER.fullmatch(file)
    if not former:
        return name, None
    return f"{folder}{slash}{former['name']}{former['suffix']}", former["version"]


def is_derived(name: str) -> bool:
    """Whether a file only describes an archive beside it: its metadata, or the sidecar of a former content."""
    for suffix in (METADATA_SUFFIX, SIDECAR_SUFFIX):
        archive = name.removesuffix(suffix)
        if archive != name and archive.endswith(ARCHIVE_SUFFIXES):
            return suffix == METADATA_SUFFIX or split_name(archive)[1] is not None
    return False


def beside(path: Path, suffix: str) -> Path:
    """The file that stands beside an archive."""
    return path.with_name(path.name + suffix)
