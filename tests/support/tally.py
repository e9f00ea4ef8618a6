"""What tests tried and what was lost, counted for docs/reliability.md.

A test says `count("hostile input", "a byte of the archive changed", tried=500)`. Where the environment variable
PILLAR9_TALLY names a file, a JSON line is appended to it, from as many processes as there are; where it names none,
nothing happens. `python -m tests.reliability.page` adds the lines up and writes the page.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

# Read once, when the tests are loaded: each test afterwards has an environment without PILLAR9_ variables.
_FILE = os.environ.get("PILLAR9_TALLY")


class Count(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So often this was tried, and so often something was lost."""

    area: str
    fault: str
    tried: int
    lost: int


def count(area: str, fault: str, tried: int = 1, lost: int = 0) -> None:
    """Add to the tally; `lost` is what a user would have lost, which fails the test as well."""
    if _FILE:
        line = msgspec.json.encode(Count(area=area, fault=fault, tried=tried, lost=lost)) + b"\n"
        # One write of less than a page to a file opened for appending: processes do not mix their lines.
        file = os.open(_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(file, line)
        finally:
            os.close(file)


@contextmanager
def counted(area: str, fault: str) -> Iterator[None]:
    """Count this block as one try, and as a loss where what it asserts does not hold."""
    try:
        yield
    except KeyboardInterrupt:
        raise  # somebody stopped the tests: that says nothing
    except BaseException:
        count(area, fault, lost=1)
        raise
    count(area, fault)
