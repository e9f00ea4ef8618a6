"""A restore to a new file: it appears whole or not at all, and nothing that is there already is touched."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from shlex import quote

from local.errors import ConfigError
from local.restore.fetch import sidecars
from local.restore.proven import ProvenCopy
from local.settings import Database
from local.store.durable import sync_folder

# What file systems without hard links answer (exFAT, FAT, SMB, some FUSE ones).
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EINVAL})


def target_path(given: str | None, usual: str) -> Path:
    """Where it is restored to: `--to`, else under its usual name here; absolute, its last part never followed."""
    return Path(os.path.abspath(os.path.expanduser(given or usual)))  # noqa: PTH100, PTH111 - Path's own raise


def check_target(path: Path, databases: Iterable[Database]) -> None:
    """Raise ConfigError unless a new database may appear at `path`.

    Not where anything has that name, be it a link to nothing; not where the -wal, -shm or -journal of a former database
    would be replayed over it; not where a configured database is expected.
    """
    check_new(path)
    left = sidecars(path)
    if left:
        names = " and ".join(map(str, left))
        came_back = f"{names} of a former database would be replayed over the restored one"
        raise ConfigError("--to", came_back, "move it away, or choose another path: --to PATH")
    for database in databases:
        if os.path.realpath(database.path) == os.path.realpath(path):
            mend = f"restore it in place: invoke restore {database.name} --live"
            raise ConfigError("--to", f"{path} is the path of the live database {database.name}", mend)


def check_new(path: Path) -> None:
    """Raise ConfigError unless this user may make something new of that name there, and nothing has it."""
    try:
        _check_new(path)
    except (OSError, ValueError) as error:
        raise ConfigError(
            "--to", f"{str(path)!r}: {getattr(error, 'strerror', error)}", "choose another path"
        ) from None


def _check_new(path: Path) -> None:
    if not path.parent.is_dir():
        raise ConfigError("--to", f"there is no folder {path.parent}", f"make it: mkdir -p {quote(str(path.parent))}")
    with suppress(FileNotFoundError):
        path.lstat()
        raise exists_already(path)
    if not os.access(path.parent, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        raise ConfigError("--to", f"this user may not write to {path.parent}", "choose another path: --to PATH")


def appear(copy: ProvenCopy, path: Path) -> None:
    """The proven copy is at `path`, at once and on the disk; ConfigError where something came there meanwhile."""
    if sidecars(path):
        check_target(path, ())
    try:
        os.link(copy.path, path)
    except FileExistsError:
        raise exists_already(path) from None
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _claim_and_rename(copy.path, path)
    else:
        copy.path.unlink()
    sync_folder(path.parent)


def _claim_and_rename(source: Path, path: Path) -> None:
    """For file systems without hard links: the name is taken by an empty file, which the database then replaces.

    A process that is killed in just between leaves that empty file, and the next restore to it is refused.
    """
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise exists_already(path) from None
    try:
        source.replace(path)
    except BaseException:
        path.unlink()
        raise


def exists_already(path: Path) -> ConfigError:
    """The refusal of a target that something has, be it an empty folder or a link to nothing."""
    mend = f"choose another path (--to PATH), or move it away: mv -n {quote(str(path))} {quote(f'{path}.old')}"
    return ConfigError("--to", f"{path} exists, and a restore never overwrites anything", mend)
