"""On which kind of file system a path is, as the mounted ones say of themselves."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

LIMIT_SECONDS = 30.0
_MOUNTS = Path("/proc/mounts")
_MACOS_LINE = re.compile(r"^.+? on (/.*) \(([^,()]+)[,)]")


def mounted() -> tuple[tuple[str, str], ...]:
    """Mount point and type of each mounted file system; OSError or subprocess.SubprocessError where it is not told."""
    if sys.platform == "darwin":
        done = subprocess.run(["/sbin/mount"], capture_output=True, check=True, timeout=LIMIT_SECONDS)
        return parse_macos(os.fsdecode(done.stdout))
    return parse_linux(os.fsdecode(_MOUNTS.read_bytes()))


def parse_linux(text: str) -> tuple[tuple[str, str], ...]:
    """Mount point and type of each line of /proc/mounts, later ones over earlier ones (proc(5), getmntent(3))."""
    rows = (line.split(" ") for line in text.splitlines())
    return tuple((_unescaped(row[1]), row[2]) for row in rows if len(row) > 2)


def parse_macos(text: str) -> tuple[tuple[str, str], ...]:
    """The same of what `mount` prints on macOS: `//me@nas/share on /Volumes/share (smbfs, nodev)`."""
    found = (_MACOS_LINE.match(line) for line in text.splitlines())
    return tuple((match[1], match[2]) for match in found if match)


def type_at(mounts: Iterable[tuple[str, str]], path: str) -> str | None:
    """The type of the file system that holds an absolute path: of the longest mount point, the last one of equals."""
    best: tuple[int, str] | None = None
    for point, kind in mounts:
        inside = path == point or path.startswith(f"{point.rstrip('/')}/")
        if inside and (best is None or len(point) >= best[0]):
            best = (len(point), kind)
    return best[1] if best else None


def _unescaped(point: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), point)
