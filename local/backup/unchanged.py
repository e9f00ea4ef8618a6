"""What is recorded of a content that is found again, by whichever way."""

from __future__ import annotations

from datetime import datetime, timedelta

from local.store import layout
from local.store.layout import BackupRecord

# How often a run that finds nothing changed writes its time, where others ran shortly before.
UNCHANGED_EVERY = timedelta(minutes=15)


def recorded_again(recorded: BackupRecord, taken: datetime, *, same_day: bool) -> BackupRecord:
    """The record of the same content at `taken`: a point of its own on another day only."""
    if not same_day:
        return layout.changed(recorded, taken=taken, unchanged_until=None, added_bytes=0)
    newest = recorded.unchanged_until or recorded.taken
    if newest and newest <= taken < newest + UNCHANGED_EVERY:
        return recorded
    return layout.changed(recorded, unchanged_until=taken)
