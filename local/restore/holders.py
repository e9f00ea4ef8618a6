"""Who has a file open, where the system tells: /proc on Linux, lsof elsewhere."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
LSOF_SECONDS = 10.0
_DELETED = " (deleted)"


@dataclass(frozen=True)
class Holder:
    """A process that has the file open."""

    process: int
    program: str

    def __str__(self) -> str:
        return f"{self.program} (process {self.process})"


@dataclass(frozen=True)
class Holders:
    """The processes that have a file open; `untold` is why there may be others, for a person ("" if there are not)."""

    processes: tuple[Holder, ...]
    untold: str = ""
    known: bool = True

    def __str__(self) -> str:
        named = ", ".join(map(str, self.processes)) or ("nobody that this user can see" if self.untold else "nobody")
        return f"{named} ({self.untold})" if self.untold else named


def holders(path: Path) -> Holders:
    """Who else has the file at `path` open, or one that stood there and was deleted; this process does not count."""
    if (_PROC / "self" / "fd").is_dir():
        return _from_proc(path)
    return _from_lsof(path)


def _from_proc(path: Path) -> Holders:
    with suppress(FileNotFoundError):
        wanted = path.stat()
        return _look_through_proc(path, (wanted.st_dev, wanted.st_ino))
    return _look_through_proc(path, None)


def _look_through_proc(path: Path, wanted: tuple[int, int] | None) -> Holders:
    found, hidden = [], False
    for process in _processes():
        try:
            if _holds(process, path, wanted):
                found.append(Holder(int(process.name), _program(process)))
        except PermissionError:
            hidden = True
        except OSError:
            continue  # it has ended meanwhile
    return Holders(tuple(found), "other users' programs are not shown" if hidden else "")


def _processes() -> Iterator[Path]:
    own = str(os.getpid())
    return (each for each in sorted(_PROC.iterdir()) if each.name.isdecimal() and each.name != own)


def _holds(process: Path, path: Path, wanted: tuple[int, int] | None) -> bool:
    with os.scandir(process / "fd") as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                found = entry.stat()
                if (found.st_dev, found.st_ino) == wanted:
                    return True
                if found.st_nlink == 0 and str(Path(entry.path).readlink()) == f"{path}{_DELETED}":
                    return True
    return False


def _program(process: Path) -> str:
    return (process / "comm").read_text(errors="replace").strip() or "a program"


def _from_lsof(path: Path) -> Holders:
    """`lsof -F` prints a line for each field (man lsof, OUTPUT FOR OTHER PROGRAMS), and ends with 1 for no holder."""
    if not path.exists():
        return Holders(())
    command = ["lsof", "-w", "-F", "pc", "--", str(path)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=LSOF_SECONDS, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        why = (
            f"nothing came of lsof in {LSOF_SECONDS:g} s" if isinstance(error, subprocess.TimeoutExpired) else "no lsof"
        )
        return Holders((), f"this system does not tell: {why}", known=False)
    hidden = "" if os.geteuid() == 0 else "other users' programs are not shown"
    return Holders(parse_lsof(done.stdout.decode(errors="replace")), hidden)


def parse_lsof(text: str) -> tuple[Holder, ...]:
    """The processes in what `lsof -F pc` prints: "p" and the number, then "c" and the command."""
    found: dict[int, str] = {}
    process = 0
    for line in text.splitlines():
        if line[:1] == "p" and line[1:].isdecimal():
            process = int(line[1:])
        elif line[:1] == "c" and process:
            found[process] = line[1:]
    return tuple(Holder(number, name) for number, name in found.items() if number != os.getpid())
