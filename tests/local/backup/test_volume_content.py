"""What is recorded and told of a volume's tar."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from local.backup.volume_content import VolumeToStore, bounded
from local.errors import SourceError
from local.store import layout
from local.volumes.snapshot import VolumeContents, VolumeSnapshot

NOON = datetime(2026, 5, 5, 12, tzinfo=UTC)


def content(**known: Any) -> VolumeToStore:
    found: dict[str, Any] = {
        "files": 3,
        "file_bytes": 30,
        "list_sha256": "0" * 64,
        "changing": (),
        "left_out": (),
        "outward": (),
        "databases": {},
        "not_databases": (),
    }
    contents = VolumeContents(**{**found, **known})
    return VolumeToStore("site", VolumeSnapshot(Path("volume.tar"), 2048, (2048,), NOON, contents))


def test_of_many_names_the_first_are_told_and_how_many_more_there_are() -> None:
    assert bounded(("a", "b", "c"), 3) == ("a", "b", "c")
    assert bounded(("a", "b", "c", "d"), 3) == ("a", "b", "and 2 more")
    (told,) = content(changing=tuple(f"f{number}: grew" for number in range(2_000))).warnings()
    assert told.endswith("f6: grew; and 1,993 more")
    lists = content(changing=tuple(f"f{number}: grew" for number in range(2_000))).examine().in_the_archive
    assert lists["changed_while_read"][-1] == "and 1,001 more"


def test_what_is_as_it_should_be_is_no_warning() -> None:
    quiet = content(outward=("access.log",))

    assert list(quiet.warnings()) == []
    assert list(quiet.notes()) == ["symlinks that lead out of it, kept as they are: access.log"]


def test_the_same_content_is_recorded_anew_where_it_stood_still_this_time() -> None:
    restless, still = content(changing=("log: grew",)), content()
    recorded = restless.examine().recorded

    assert restless.was_examined_so(recorded)
    assert not still.was_examined_so(recorded)
    assert still.was_examined_so(still.examine().recorded)
    assert not still.was_examined_so(layout.changed(still.examine().recorded, tool="pillar9 0.0.1"))


def test_more_than_a_record_holds_fails_the_volume_and_makes_no_archive_that_cannot_be_read() -> None:
    outward = tuple(map(str, range(600_000)))

    with pytest.raises(SourceError, match="600,000 symlinks that lead out of it"):
        content(outward=outward).examine()
