"""Runs one of our tasks as if it were a later moment, so that a day's six runs need no day.

python -m tests.bench.later SECONDS INVOKE-ARGUMENTS...

Only the times of backups move: signatures are made and checked by the real clock, and files keep theirs.
"""

from __future__ import annotations

import sys
from datetime import timedelta

from invoke.main import program

from local import clock


def main(seconds: str, *arguments: str) -> None:
    """The task's own exit code."""
    real, ahead = clock.now, timedelta(seconds=float(seconds))
    clock.now = lambda: real() + ahead
    sys.argv[1:] = arguments
    program.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
