"""In what respects restored files are not as in the volume, in words: why that is, and how to have it."""

from __future__ import annotations

import os

from local.unpack.attributes import Unkept


def unkept_notes(unkept: Unkept) -> tuple[str, ...]:
    """A line for each respect, with the number of entries and the first of them."""
    return tuple(_note(respect, count, unkept.first[respect]) for respect, count in unkept.counts.items())


def _note(respect: str, count: int, first: str) -> str:
    entries = f"{count:,} {'entry' if count == 1 else 'entries'}, the first {first}"
    if respect == "owner":
        return f"owners are not as in the volume ({entries}): {_owners()}"
    if respect == "mode":
        return f"modes are not as in the volume ({entries}): {_modes()}"
    if respect == "time":
        return f"times are not as in the volume to the last digit ({entries}): this disk cannot keep them"
    if respect == "folder":
        return f"folders that the backup does not name are for this user alone, mode 0700 ({entries})"
    why = "this disk, system or engine does not keep them, or not for this user"
    return f"extended attributes are missing ({entries}): {why}"


def _owners() -> str:
    if os.geteuid() == 0:
        return "this disk, or this container, does not take them"
    return (
        "all is yours, since only root gives files away; with sudo, or into the volume itself (--live), they are kept"
    )


def _modes() -> str:
    if os.geteuid() == 0:
        return "this disk does not keep them"
    return "setuid and setgid bits are left out where their owner is you now; any other, this disk does not keep"
