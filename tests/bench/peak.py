"""Runs a command and prints its peak memory in bytes, as a program: small itself, so that nothing of it is counted.

python peak.py [--anonymous] COMMAND...

Resident memory is the kernel's own high-water mark of the largest process below (ru_maxrss of the children). With
--anonymous, what the command keeps for itself comes first (RssAnon of Linux, looked at often, of the command alone;
resident memory elsewhere): ru_maxrss also counts pages of files, which the kernel drops when it needs them.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

LOOK_SECONDS = 0.01


def main(arguments: list[str]) -> int:
    """The command's exit code; its own stdout is dropped."""
    anonymous = arguments[0] == "--anonymous"
    command = arguments[1:] if anonymous else arguments
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        kept = highest_anonymous(process) if anonymous else 0
    unit = 1 if sys.platform == "darwin" else 1024
    resident = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
    print(*([kept or resident] if anonymous else []), resident)
    return process.returncode


def highest_anonymous(process: subprocess.Popen[bytes]) -> int:
    """The most bytes of RssAnon that were seen until the process ended; 0 where the kernel does not tell."""
    status, highest = Path(f"/proc/{process.pid}/status"), 0
    while process.poll() is None:
        with suppress(OSError):  # not Linux
            lines = [line for line in status.read_text().splitlines() if line.startswith("RssAnon:")]
            # A process that has ended and was not waited for has no memory.
            highest = max([highest, *(int(line.split()[1]) * 1024 for line in lines)])
        time.sleep(LOOK_SECONDS)
    return highest


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
