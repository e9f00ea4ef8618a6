"""The restored file on a disk that is full, and of an archive that is damaged too."""

from __future__ import annotations

import hashlib
import resource
from pathlib import Path

import pytest

from tests.support.drill_archives import (
    drilled,
    ending,
    member,
    target_of,
)


@pytest.mark.parametrize("rotten_at", [0, 2])
def test_a_full_disk_is_told_before_what_is_damaged_behind_it_and_after_what_is_before(
    temp: Path, archive: Path, raw: bytes, rotten_at: int
) -> None:
    """All in members that one core inflates together."""
    parts = [member(raw[at : at + 20_000]) for at in range(0, 80_000, 20_000)]
    parts[rotten_at] = parts[rotten_at][:-8] + bytes(8)
    digest = hashlib.sha256(b"".join(parts)).hexdigest()
    target = target_of(archive, b"".join(parts), raw, sha256=(("metadata", digest),))
    limit = (30_000, 30_000)
    database = drilled(temp, target, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
    verdict, detail = ("inconclusive", "no room on the disk") if rotten_at else ("failed", "the gzip data is damaged")
    assert ending(database) == ("decompress", verdict)
    assert database.steps[-1].detail.startswith(detail)
