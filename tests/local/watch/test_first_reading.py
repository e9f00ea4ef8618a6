"""Records and metadata are read in several threads from the first one on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[3]


def test_no_process_crashes_where_threads_read_the_first_record_together() -> None:
    command = [sys.executable, "-m", "tests.local.watch.first_reading", "40"]

    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True)

    assert done.stdout == "0\n"
