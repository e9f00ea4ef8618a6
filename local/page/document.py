"""What `invoke report` says when the page is written: a few lines for people, or all of it as a document."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import msgspec

from local.output.screen import Screen, size
from local.page.evidence import EvidenceLine
from local.page.model import Card, Page
from local.report import Document
from local.watch.status import Health


class ReportFacts(msgspec.Struct, frozen=True):
    """The page as a file, and what is in it; `unread_records` and `left_out_lines` (of the evidence) were too many,
    `notes` say what else is missing."""

    verdict: Health
    report_time: str
    file: str
    page_bytes: int
    first_date: str
    last_date: str
    read_records: int
    unread_records: int
    left_out_lines: int
    notes: tuple[str, ...]


class ReportedDatabase(msgspec.Struct, frozen=True):
    """One database: its state, how many backups the store holds, and what they sent of what they are."""

    name: str
    verdict: Health
    last_backup: str | None
    last_proven: str | None
    restore_seconds: float | None
    points: int
    whole_bytes: int
    sent_bytes: int
    saved: float | None


class PageDocument(Document, frozen=True):
    """The `--json` document of `report`: the evidence of the page, line for line."""

    report: ReportFacts
    databases: tuple[ReportedDatabase, ...]
    drills: tuple[EvidenceLine, ...]


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
    return PageDocument(facts, tuple(_database(card) for card in page.cards), lines)


def show(screen: Screen, found: PageDocument) -> None:
    """What stands in the page, what does not, and where it is."""
    told = found.report
    for note in told.notes:
        screen.say(note, "yellow")
    counted = f"databases: {len(found.databases)}, drill records: {told.read_records} since {told.first_date}"
    screen.say(f"report ({counted}): status {told.verdict}", "green" if told.verdict == "ok" else "bold red")
    screen.say(f"written to {told.file} ({size(told.page_bytes)}, for your eyes only: chmod 644 shares it)")


def open_page(path: Path, screen: Screen) -> None:
    """Show the page in the browser; where there is none, say so: the page is written in any case."""
    if not webbrowser.open(path.as_uri()):
        screen.say(f"no browser could be started ($BROWSER names one): open {path.as_uri()}", "yellow")


def _database(card: Card) -> ReportedDatabase:
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
