"""A drill record is what anybody may have written: only one that a drill can have written is counted."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from local.store.interface import Store
from local.watch import records
from local.watch.records import parse, read_day
from tests.local.watch.values import NOW

DAY = NOW.date()
NAME = f"drills/{DAY}/20260505T100000.000Z-ANVIL.json"
STEPS = ["download", "checksum", "decompress", "integrity", "rows"]


def record(verdict: str = "passed") -> dict[str, Any]:
    """A record as `drill.local` keeps it."""
    return {
        "schema": 1,
        "drill": {
            "id": "x", "where": "local", "host": "ANVIL", "started": "2026-05-05T10:00:00.000Z", "seconds": 1.5,
            "verdict": verdict, "fallback": None, "sqlite": None, "python": None, "tool": "pillar9",
        },
        "databases": [
            {
                "name": "costs", "verdict": verdict, "blob": "sqlite/2026-05-05/costs.db.gz",
                "backup_time": "2026-05-05T08:00:00.000Z", "sha256": "ab" * 32, "gzip_bytes": 10, "database_bytes": 20,
                "steps": [{"name": step, "verdict": "passed", "seconds": 0.5, "detail": ""} for step in STEPS],
                "rows": {},
            }
        ],
    }  # fmt: skip


def test_a_record_tells_what_was_proven_and_how_long_it_took() -> None:
    (result,) = parse(NAME, json.dumps(record()).encode(), NOW)

    assert (result.name, result.verdict, result.sha256, result.seconds) == ("costs", "passed", "ab" * 32, 2.5)


def test_fields_of_a_later_version_are_no_damage() -> None:
    document = record()
    document["volumes"], document["databases"][0]["checks"] = [], {"recent": True}

    assert len(parse(NAME, json.dumps(document).encode(), NOW)) == 1


def set_in(*keys: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: Any) -> None:
        *parents, last, value = keys
        for key in parents:
            document = document[key]
        document[last] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        set_in("schema", 2),
        set_in("databases", 0, "verdict", "fine"),
        set_in("databases", 0, "steps", []),
        set_in("databases", 0, "steps", 4, "verdict", "failed"),
        set_in("databases", 0, "steps", 0, "seconds", -9),
        set_in("databases", 0, "sha256", None),
        set_in("databases", 0, "blob", None),
        set_in("databases", 0, "database_bytes", 0),
        set_in("drill", "check", True),
        set_in("drill", "started", "yesterday"),
        set_in("drill", "started", "2026-05-04T10:00:00.000Z"),
        set_in("drill", "started", "2026-05-05T23:00:00.000Z"),
        set_in("databases", None),
    ],
)
def test_what_no_drill_can_have_written_is_refused(change: Callable[[dict[str, Any]], None]) -> None:
    document = record()
    change(document)

    with pytest.raises(ValueError, match=r"it (has|says|is|tells)|of costs it tells"):
        parse(NAME, json.dumps(document).encode(), NOW)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"null", bytes(2 * 1024 * 1024)])
def test_a_damaged_record_is_told_and_the_others_of_its_day_count(store: Store, content: bytes) -> None:
    store.write(NAME, json.dumps(record()).encode())
    store.write(f"drills/{DAY}/damaged.json", content)

    found = read_day(store, DAY, NOW)

    assert [result.name for result in found.results] == ["costs"]
    (trouble,) = found.troubles
    assert trouble.startswith(f"the drill record drills/{DAY}/damaged.json is not counted: ")


def test_of_several_drills_the_newest_is_the_last_that_began() -> None:
    assert records.newest([]) is None
