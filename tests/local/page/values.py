"""Pages and what they are made from, as plain values; and a page as a tree that can be asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import msgspec

from local import clock
from local.page.facts import KeptDrill, KeptDrills, PageFacts, Period
from local.report import STEPS, Drill, DrilledDatabase, DrillReport, RowCount, Step, Verdict
from local.store.catalog import Point
from local.store.shelf import VOLUMES
from local.watch.facts import DatabaseFacts, ProvenPoint, StoreFacts
from local.watch.records import DrillResult
from local.watch.status import StatusLimits, judge
from tests.local.watch.values import NOW, ago, point
from tests.local.watch.values import drill as drill_result

LIMITS = StatusLimits(5, 35)
VOLUME = "grafana-data"
# What only a machine of another's would write, in each text that a store can hold.
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'>&amp;{{ 7*7 }}\u202e\x1b[31m"


def drilled(name: str = "costs", verdict: Verdict = "passed", **changes: Any) -> DrilledDatabase:
    """What a drill found for a database."""
    steps = [Step(step, "passed", 0.5) for step in STEPS]
    steps[-1] = Step("rows", verdict, 0.5, "" if verdict == "passed" else "too few rows in runs")
    told: dict[str, Any] = {
        "blob": f"sqlite/2026-05-05/{name}.db.gz",
        "backup_time": clock.timestamp(ago(hours=3)),
        "sha256": "ab" * 32,
        "gzip_bytes": 4500,
        "database_bytes": 12000,
        "steps": tuple(steps),
        "rows": {"runs": RowCount(60033, 60033, 1)},
        **changes,
    }
    return DrilledDatabase(name=name, verdict=verdict, **told)


def kept(started: datetime, *databases: DrilledDatabase, **changes: Any) -> KeptDrill:
    """A drill record of that moment."""
    told: dict[str, Any] = {"where": "local", "host": "ANVIL", "fallback": None, "tool": "pillar9 0.1.0", **changes}
    drill = Drill(
        "x", started=clock.timestamp(started), seconds=2.5, verdict="passed", sqlite="3.45.1", python="3.12.3", **told
    )
    return KeptDrill(f"drills/{started.date()}/x-ANVIL.json", started, DrillReport(drill, databases or (drilled(),)))


def facts(points: Sequence[Point] = (), drills: Sequence[KeptDrill] = (), days: int = 90, **changes: Any) -> PageFacts:
    """The facts of a store with these points of "costs", of which the newest is proven if there is any drill."""
    newest = points[-1] if points else None
    last: DrillResult | None = drill_result(newest, drills[0].started) if newest and drills else None
    proof = ProvenPoint(newest, last) if newest and last else None
    known = StoreFacts(NOW, 37, (DatabaseFacts("costs", newest, proof, last, last),))
    told: dict[str, Any] = {
        "store": "file:///backups",
        "period": Period.ending(NOW, days),
        "limits": LIMITS,
        "status": judge(known, LIMITS),
        "points": tuple(points),
        "kept": KeptDrills(tuple(drills)),
        **changes,
    }
    return PageFacts(**told)


def daily(days: int) -> list[Point]:
    """A backup a day, growing, of which a tenth was sent."""
    return [
        point(ago(days=back, hours=1), size=5000 - back, raw_bytes=12000, added_bytes=500, row_total=1000 - back)
        for back in range(days - 1, -1, -1)
    ]


def full(days: int = 60) -> PageFacts:
    """A daily backup, and a drill every ten days of which the third failed."""
    times = [NOW - timedelta(days=back, minutes=30) for back in range(0, days, 10)]
    verdicts: list[Verdict] = ["failed" if number == 2 else "passed" for number in range(len(times))]
    return facts(daily(days), [kept(at, drilled(verdict=found)) for at, found in zip(times, verdicts, strict=True)])


def with_volume(days: int = 60) -> PageFacts:
    """The same, and a volume with a daily backup, of which a drill counted a file too few and a later one all."""
    databases = full(days)
    points = [
        point(
            ago(days=back, hours=1), name=VOLUME, shelf=VOLUMES, size=900 - back, added_bytes=90, row_total=None,
            raw_bytes=20480, files=300 - back, file_bytes=18000,
        )
        for back in range(days - 1, -1, -1)
    ]  # fmt: skip
    last = replace(drill_result(points[-1], ago(minutes=40)), kind="volume")
    known = DatabaseFacts(VOLUME, points[-1], ProvenPoint(points[-1], last), last, last, kind="volume")
    status = judge(StoreFacts(NOW, 37, (), (), (known,)), LIMITS)
    drills = [
        kept_volume(ago(minutes=40), volume_drilled(300)),
        kept_volume(ago(days=8), volume_drilled(299, "failed")),
    ]
    both = msgspec.structs.replace(databases.status, volumes=status.volumes)
    newest_first = sorted([*databases.kept.drills, *drills], key=lambda drill: drill.started, reverse=True)
    return replace(databases, status=both, points=(*databases.points, *points), kept=KeptDrills(tuple(newest_first)))


def volume_drilled(files: int, verdict: Verdict = "passed") -> DrilledDatabase:
    """What a drill counted in a volume with a database in it."""
    rows = {
        "files": RowCount(files, 300, None),
        "bytes": RowCount(18000, 18000, None),
        "./grafana.db: dashboard": RowCount(12, 12, None),
    }
    return drilled(VOLUME, verdict, rows=rows, blob=f"volumes/2026-05-05/{VOLUME}.tar.gz")


def kept_volume(started: datetime, volume: DrilledDatabase) -> KeptDrill:
    """The record of a drill of a volume alone."""
    found = kept(started)
    return replace(found, report=msgspec.structs.replace(found.report, databases=(), volumes=(volume,)))


# Elements that begin a line or a cell of their own.
APART = {"br", "dd", "div", "dt", "h1", "h2", "h3", "li", "p", "small", "strong", "td", "th", "tr"}
VOID = {"meta", "link", "br", "img", "hr", "input"}


@dataclass
class Node:
    """An element of a page."""

    tag: str
    attributes: dict[str, str]
    parent: Node | None = None
    children: list[Node] = field(default_factory=list)
    own_text: str = ""

    def all(self, *tags: str) -> Iterator[Node]:
        """It and all below it with one of these tags, or all, in the order of the page."""
        if self.tag in tags or not tags:
            yield self
        for child in self.children:
            yield from child.all(*tags)

    @property
    def text(self) -> str:
        """All text in it, spaces made one."""
        return " ".join("".join(" " * (node.tag in APART) + node.own_text for node in self.all()).split())


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = self.at = Node("", {})

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs}, self.at)
        assert len(node.attributes) == len(attrs), f"an attribute twice: {attrs}"
        self.at.children.append(node)
        if tag not in VOID:
            self.at = node

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.at.children.append(Node(tag, {name: value or "" for name, value in attrs}, self.at))

    def handle_endtag(self, tag: str) -> None:
        assert self.at.tag == tag, f"</{tag}> ends <{self.at.tag}>"
        assert self.at.parent
        self.at = self.at.parent

    def handle_data(self, data: str) -> None:
        self.at.children.append(Node("#text", {}, self.at, own_text=data))


def parse(text: str) -> Node:
    """The page as a tree; AssertionError where its elements are not nested as they should."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert reader.at is reader.root, f"<{reader.at.tag}> does not end"
    return reader.root
