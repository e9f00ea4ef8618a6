"""Runs a command and prints its peak memory in bytes, as a program: small itself, so that nothing of it is counted.

python peak.py COMMAND...   (the kernel's own high-water mark of the largest process below: ru_maxrss of the children)
"""

from __future__ import annotations

import resource
import subprocess
import sys


def main(command: list[str]) -> int:
    """The command's exit code; its own stdout is dropped."""
    done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    unit = 1 if sys.platform == "darwin" else 1024
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit)
    return done.returncode


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
