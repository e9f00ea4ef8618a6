"""What one look saw otherwise than the other: it was written to meanwhile, so its copy may be of two moments."""

from __future__ import annotations

from dataclasses import replace

from local.volumes.seen import SeenEntry


def difference(before: SeenEntry | None, after: SeenEntry | None) -> str | None:
    """In words for a person; None where there is none.

    A folder's time is no difference: it tells of names that came or went, and those are told of themselves.
    """
    if before is None:
        return None if after is None else "appeared"
    if after is None:
        return "vanished"
    old, new = before.entry, after.entry
    if old.kind != new.kind:
        return f"was a {old.kind}, is a {new.kind}"
    if old.size != new.size:
        return f"{'grew' if old.size < new.size else 'shrank'} from {old.size:,} to {new.size:,} bytes"
    if before.check_sums != after.check_sums:
        return "its content changed"
    if old.link != new.link:
        return "its target changed"
    if replace(old, mtime_ns=0, offset=0) != replace(new, mtime_ns=0, offset=0):
        return "its mode, owner or attributes changed"
    if old.mtime_ns != new.mtime_ns and old.kind != "folder":
        return "it was written to, or touched"
    return None
