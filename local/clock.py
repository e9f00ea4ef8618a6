"""Moments in UTC, and the two ways in which they are written: as RFC 3339, and in names."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """This moment in UTC, to the millisecond, as backups record it."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def timestamp(moment: datetime) -> str:
    """UTC with milliseconds: 2026-05-05T12:00:03.123Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def compact_timestamp(moment: datetime) -> str:
    """The same for names of files and blobs, without the colons that some file systems refuse."""
    return timestamp(moment).replace("-", "").replace(":", "")
