"""On which file systems the databases are: WAL needs memory that all who open a database share, which some lack."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from local.doctor.check import DoctorCheck
from local.doctor.file_facts import FILE_SECONDS, HangsError, look_at_file
from local.doctor.run import Precondition
from local.settings import Database

_MOUNTS = Path("/proc/mounts")
_NAME = "file systems"
_LIMIT_SECONDS = 30.0
# Network file systems, and those by which a container or a virtual machine sees its host's folders.
# https://www.sqlite.org/wal.html: "All processes using a database must be on the same host computer".
_SHARED = frozenset(
    {"9p", "afpfs", "afs", "beegfs", "ceph", "cifs", "drvfs", "fakeowner", "fuse", "glusterfs", "grpcfuse", "lustre"}
    | {"macfuse", "ncpfs", "nfs", "nfs4", "osxfs", "osxfuse", "prl_fs", "smb3", "smbfs", "vboxsf", "virtiofs"}
    | {"vmhgfs", "webdav"}
)
_MACOS_LINE = re.compile(r"^.+? on (/.*) \(([^,()]+)[,)]")


def precondition(databases: Sequence[Database]) -> Precondition:
    """All databases at once."""
    return Precondition(_NAME, partial(_look, databases), _LIMIT_SECONDS + 2 * FILE_SECONDS * len(databases))


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


def is_shared(kind: str) -> bool:
    """Whether two sides may see such a file system, of which only one has the shared memory.

    `fuseblk` is a local disk (NTFS, exFAT) behind a driver.
    """
    return kind in _SHARED or kind.startswith("fuse.")


def judge(kinds: Mapping[str, str | None]) -> DoctorCheck:
    """`kinds` are the file systems' types by the databases' names, None where it is not known."""
    shared = [f"{name} ({kind})" for name, kind in kinds.items() if kind and is_shared(kind)]
    if shared:
        told = f"on a network or virtual file system: {', '.join(shared)}; WAL does not work there between two sides"
        mend = "keep the database on a local disk of the machine (for Docker: in a volume) whose programs use it"
        return DoctorCheck(_NAME, "warn", told, mend)
    unknown = [name for name, kind in kinds.items() if kind is None]
    if unknown:
        return DoctorCheck(_NAME, "skipped", f"not known for {', '.join(unknown)}")
    return DoctorCheck(
        _NAME, "ok", f"every database is on a local disk ({', '.join(sorted({str(k) for k in kinds.values()}))})"
    )


def _look(databases: Sequence[Database]) -> Iterator[DoctorCheck]:
    mounts = _mounts()
    yield judge({database.name: type_at(mounts, _real(database.path)) for database in databases})


def _real(path: Path) -> str:
    """Behind its symlinks, as far as its file system answers; the check of the database itself tells of one that
    does not.
    """
    try:
        return look_at_file(path).real
    except HangsError:
        return str(path)


def _mounts() -> tuple[tuple[str, str], ...]:
    if sys.platform == "darwin":
        done = subprocess.run(["/sbin/mount"], capture_output=True, check=True, timeout=_LIMIT_SECONDS)
        return parse_macos(os.fsdecode(done.stdout))
    return parse_linux(os.fsdecode(_MOUNTS.read_bytes()))


def _unescaped(point: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), point)
