"""How a database stands: facts and limits in, one value out; and the same as metrics."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import msgspec
import pytest

from local.errors import ConfigError
from local.watch import prometheus
from local.watch.facts import DatabaseFacts, ProvenPoint, StoreFacts
from local.watch.status import DatabaseStatus, Status, StatusLimits, exit_code, judge
from tests.local.watch.values import NOW, ago, drill, point

LIMITS = StatusLimits(max_age_hours=5, max_age_days=35, max_unchanged_days=30)
NEWEST = point(ago(hours=3), content_since=ago(days=2), raw_bytes=8192)
PROVEN = point(ago(days=10))
FINE = DatabaseFacts("costs", NEWEST, ProvenPoint(NEWEST, drill(NEWEST, ago(hours=2))), drill(NEWEST, ago(hours=2)))


def judged(found: DatabaseFacts, limits: StatusLimits = LIMITS, missing: tuple[str, ...] = ()) -> DatabaseStatus:
    (database,) = status_of(found, limits, missing).databases
    return database


def status_of(found: DatabaseFacts, limits: StatusLimits = LIMITS, missing: tuple[str, ...] = ()) -> Status:
    return judge(StoreFacts(NOW, 37, (found,)), limits, missing)


def changed(**fields: object) -> DatabaseFacts:
    return DatabaseFacts(**{**{name: getattr(FINE, name) for name in FINE.__dataclass_fields__}, **fields})


def test_a_young_and_proven_database_is_ok_with_the_contracts_fields() -> None:
    document = json.loads(msgspec.json.encode(status_of(FINE)))

    assert list(document) == ["schema", "status", "databases"]
    assert document["status"] == {"verdict": "ok", "status_time": "2026-05-05T12:00:00.000Z", "notes": []}
    assert document["databases"][0] == {
        "name": "costs",
        "last_backup": "2026-05-05T09:00:00.000Z",
        "backup_age_hours": 3.0,
        "unchanged_since": "2026-05-03T12:00:00.000Z",
        "last_proven": "2026-05-05T09:00:00.000Z",
        "proven_age_days": 0.0833,
        "restore_seconds": 2.5,
        "verdict": "ok",
        "drill_time": "2026-05-05T10:00:00.000Z",
        "database_bytes": 8192,
        "late": [],
        "notes": [],
    }
    assert exit_code(status_of(FINE)) == 0


@pytest.mark.parametrize(
    ("found", "verdict", "kinds"),
    [
        (changed(newest=point(ago(hours=6))), "late", ["backup"]),
        (changed(newest=point(ago(hours=6), unchanged_until=ago(hours=1))), "ok", []),
        (changed(newest=point(ago(hours=6), unchanged_until=NOW + timedelta(days=1))), "late", ["backup"]),
        (changed(newest=None, proof=None, last_drill=None), "late", ["backup"]),
        (changed(newest=point(ago(hours=1), content_since=ago(days=31))), "late", ["unchanged"]),
        (changed(proof=None, last_drill=None), "late", ["proof"]),
        (changed(proof=ProvenPoint(PROVEN, drill(PROVEN, ago(days=36)))), "late", ["proof"]),
        (changed(proof=ProvenPoint(PROVEN, drill(PROVEN, ago(days=34)))), "ok", []),
        (changed(last_drill=drill(NEWEST, ago(hours=1), "failed")), "failed", ["drill"]),
        (changed(last_attempt=drill(NEWEST, ago(hours=1), "inconclusive")), "ok", []),
    ],
)
def test_what_is_late_is_told_by_its_kind(found: DatabaseFacts, verdict: str, kinds: list[str]) -> None:
    database = judged(found)

    assert (database.verdict, [late.kind for late in database.late]) == (verdict, kinds)
    assert exit_code(status_of(found)) == (0 if verdict == "ok" else 1)
    assert (database.backup_age_hours or 0) >= 0


def test_it_says_the_age_the_limit_and_the_command() -> None:
    (late,) = judged(changed(newest=point(ago(hours=7)))).late

    assert f"{late.message}: {late.mend}" == (
        "last backup 7.0 h ago, limit 5 h: invoke backup; is the schedule running?"
    )


def test_a_content_may_stay_the_same_where_no_limit_is_set() -> None:
    found = changed(newest=point(ago(hours=1), content_since=ago(days=900)))

    assert judged(found, StatusLimits(5, 35)).verdict == "ok"


def test_a_newer_content_that_is_not_proven_yet_is_told_and_not_late() -> None:
    database = judged(changed(proof=ProvenPoint(PROVEN, drill(PROVEN, ago(days=9)))))

    assert database.verdict == "ok"
    assert database.last_proven == "2026-04-25T12:00:00.000Z"
    assert database.notes == ("its newest content is not proven yet; the next drill proves it",)


def test_a_file_that_is_gone_and_an_inconclusive_drill_are_told_and_not_late() -> None:
    database = judged(changed(last_attempt=drill(NEWEST, ago(hours=1), "inconclusive")), missing=("costs",))

    assert database.verdict == "ok"
    assert database.notes == (
        "its file is not on this machine (see databases in invoke.yaml)",
        "its drill of 2026-05-05T11:00:00.000Z proved nothing (rows: too few)",
    )


LINE = re.compile(
    r"# HELP (?P<helped>[a-z_][a-z0-9_]*) [^\\\n]+|# TYPE (?P<typed>[a-z_][a-z0-9_]*) gauge"
    r'|(?P<name>[a-z_][a-z0-9_]*)(?:\{database="(?P<database>[^"\\\n]+)"\})? (?P<value>-?\d+(?:\.\d+)?)'
)


def samples_in(text: str) -> dict[str, dict[str | None, float]]:
    """Every sample of the text format 0.0.4, read as strictly as `promtool check metrics` reads it."""
    found: dict[str, dict[str | None, float]] = {}
    heads: list[str] = []
    assert text.endswith("\n")
    for line in text[:-1].split("\n"):
        read = LINE.fullmatch(line)
        assert read, line
        if read["helped"]:
            heads.append(read["helped"])
        elif read["typed"]:
            assert heads[-1] == read["typed"]
            found[read["typed"]] = {}
        else:
            assert read["name"] == heads[-1]
            assert read["database"] not in found[read["name"]]
            found[read["name"]][read["database"]] = float(read["value"])
    assert len(heads) == len(set(heads))
    return found


def test_the_metrics_are_those_of_the_text_format_and_unknown_values_have_none() -> None:
    text = prometheus.exposition(judge(StoreFacts(NOW, 37, (FINE, DatabaseFacts("hivemind"))), LIMITS))

    assert samples_in(text) == {
        "pillar9_backup_age_seconds": {"costs": 3 * 3600},
        "pillar9_backup_proven_age_seconds": {"costs": 2 * 3600},
        "pillar9_backup_unchanged_seconds": {"costs": 2 * 86400},
        "pillar9_restore_seconds": {"costs": 2.5},
        "pillar9_database_bytes": {"costs": 8192},
        "pillar9_late": {None: 1},
    }
    if find_spec("prometheus_client"):
        families = list(import_module("prometheus_client.parser").text_string_to_metric_families(text))
        read = {
            each.name: {sample.labels.get("database"): sample.value for sample in each.samples} for each in families
        }
        assert read == samples_in(text)
        assert {family.type for family in families} == {"gauge"}


def test_the_file_is_replaced_whole_and_anybody_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "pillar9.prom"
    path.write_text("former")
    path.chmod(0o600)

    prometheus.write_file(path, status_of(FINE))

    assert path.read_text() == prometheus.exposition(status_of(FINE))
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_written_is_a_mistake_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder.prom").mkdir()

    for path in (tmp_path / "missing" / "x.prom", tmp_path / "folder.prom"):
        with pytest.raises(ConfigError, match="--prometheus"):
            prometheus.write_file(path, status_of(FINE))

    assert [path.name for path in tmp_path.iterdir()] == ["folder.prom"]
