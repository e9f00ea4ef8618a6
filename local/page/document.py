"""What `invoke report` says when the page is written: a few lines for people, or all of it as a document."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from local.output.screen import Screen, size
from local.page.evidence import EvidenceLine
from local.page.model import Card, Page
from local.report import DatabaseName, Document, Moment
from local.watch.status import Health


class ReportFacts(msgspec.Struct, frozen=True):
    """The page as a file, and what is in it."""

    verdict: Annotated[Health, Meta(description="the worst of all databases and volumes, as `status` tells it")]
    report_time: Annotated[Moment, Meta(description="when the store was looked at")]
    file: Annotated[str, Meta(description="where the page is, on this machine")]
    page_bytes: Annotated[int, Meta(description="size of that file")]
    first_date: Annotated[
        str, Meta(description="the first UTC day that it tells of", extra_json_schema={"format": "date"})
    ]
    last_date: Annotated[str, Meta(description="the last one", extra_json_schema={"format": "date"})]
    read_records: Annotated[int, Meta(description="drill records of those days that were read and are of use")]
    unread_records: Annotated[int, Meta(description="older ones that were not read, since they are too many")]
    left_out_lines: Annotated[
        int, Meta(description="lines of evidence that are not in the page, since they are too many")
    ]
    notes: Annotated[tuple[str, ...], Meta(description="what else is missing, and what a person should know")]


class ReportedDatabase(msgspec.Struct, frozen=True):
    """One database or volume: its state, its backups, and what they sent of what they are."""

    name: DatabaseName
    verdict: Annotated[Health, Meta(description="`late`: a limit is passed; `failed`: its newest drill failed")]
    last_backup: Annotated[Moment | None, Meta(description="as `status` tells it")]
    last_proven: Annotated[Moment | None, Meta(description="as `status` tells it")]
    restore_seconds: Annotated[
        float | None, Meta(description="what the steps of its newest drill that passed took (RTO)")
    ]
    points: Annotated[int, Meta(description="points in time of those days that the store holds")]
    whole_bytes: Annotated[
        int, Meta(description="what those that tell what they sent would have sent as whole archives")
    ]
    sent_bytes: Annotated[int, Meta(description="what those sent")]
    saved: Annotated[
        float | None,
        Meta(description="share of `whole_bytes` that was not sent; null where no point tells what it sent"),
    ]


class PageDocument(Document, frozen=True, omit_defaults=True):
    """`report`."""

    report: ReportFacts
    databases: tuple[ReportedDatabase, ...]
    drills: Annotated[
        tuple[EvidenceLine, ...], Meta(description="the evidence of the page, line for line, the newest first")
    ]
    volumes: Annotated[
        tuple[ReportedDatabase, ...],
        Meta(description="the Docker volumes, with the fields of a database; absent where there is none"),
    ] = ()


def of(page: Page, path: Path, page_bytes: int) -> PageDocument:
    """The document of a page that was written."""
    lines = tuple(line for month in page.calendar.months for line in month.lines)
    facts = ReportFacts(
        page.verdict,
        page.page_time,
        str(path),
        page_bytes,
        page.first.isoformat(),
        page.last.isoformat(),
        page.records_read,
        page.records_unread,
        page.calendar.lines_left_out,
        page.notes,
    )
    databases, volumes = (
        tuple(_reported(card) for card in page.cards if card.kind == kind) for kind in ("database", "volume")
    )
    return PageDocument(facts, databases, lines, volumes)


def show(screen: Screen, found: PageDocument) -> None:
    """What stands in the page, what does not, and where it is."""
    told = found.report
    for note in told.notes:
        screen.say(note, "yellow")
    volumes = f", volumes: {len(found.volumes)}" if found.volumes else ""
    records = f"drill records: {told.read_records} since {told.first_date}"
    counted = f"databases: {len(found.databases)}{volumes}, {records}"
    screen.say(f"report ({counted}): status {told.verdict}", "green" if told.verdict == "ok" else "bold red")
    screen.say(f"written to {told.file} ({size(told.page_bytes)}, for your eyes only: chmod 644 shares it)")


def open_page(path: Path, screen: Screen) -> None:
    """Show the page in the browser; where there is none, say so: the page is written in any case."""
    if not webbrowser.open(path.as_uri()):
        screen.say(f"no browser could be started ($BROWSER names one): open {path.as_uri()}", "yellow")


def _reported(card: Card) -> ReportedDatabase:
    state, upload = card.state, card.upload
    return ReportedDatabase(
        state.name,
        state.verdict,
        state.last_backup,
        state.last_proven,
        state.restore_seconds,
        card.points,
        upload.whole_bytes,
        upload.sent_bytes,
        round(upload.saved, 4) if upload.points else None,
    )
