"""On which file systems the databases are: WAL needs memory that all who open a database share, which some lack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from local import mounts
from local.doctor.check import DoctorCheck
from local.doctor.file_facts import FILE_SECONDS, HangsError, look_at_file
from local.doctor.run import Precondition
from local.settings import Database

_NAME = "file systems"
# Network file systems, and those by which a container or a virtual machine sees its host's folders.
# https://www.sqlite.org/wal.html: "All processes using a database must be on the same host computer".
_SHARED = frozenset(
    {"9p", "afpfs", "afs", "beegfs", "ceph", "cifs", "drvfs", "fakeowner", "fuse", "glusterfs", "grpcfuse", "lustre"}
    | {"macfuse", "ncpfs", "nfs", "nfs4", "osxfs", "osxfuse", "prl_fs", "smb3", "smbfs", "vboxsf", "virtiofs"}
    | {"vmhgfs", "webdav"}
)


def precondition(databases: Sequence[Database]) -> Precondition:
    """All databases at once."""
    return Precondition(_NAME, partial(_look, databases), mounts.LIMIT_SECONDS + 2 * FILE_SECONDS * len(databases))


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
    found = mounts.mounted()
    yield judge({database.name: mounts.type_at(found, _real(database.path)) for database in databases})


def _real(path: Path) -> str:
    """Behind its symlinks, as far as its file system answers; the check of the database itself tells of one that
    does not.
    """
    try:
        return look_at_file(path).real
    except HangsError:
        return str(path)
