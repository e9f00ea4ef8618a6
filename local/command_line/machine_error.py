"""What this machine itself refuses: a folder that may not be written, a path that is a file, a full disk."""

from __future__ import annotations

import errno
from shlex import quote

from local.errors import ConfigError, PillarError

# These say that a path was meant otherwise, or needs other rights; a full or broken disk is no mistake.
_PATH = frozenset(
    {
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
        errno.EEXIST,
        errno.EISDIR,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
    }
)
_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG, errno.EMFILE, errno.ENFILE})


def machine_error(error: OSError) -> PillarError | None:
    """The operating system's refusal as an error that says what mends it; None where nobody knows, as for a socket."""
    path = error.filename or error.filename2
    where = f"this machine: {path}" if path else "this machine"
    told = error.strerror or str(error)
    if error.errno in _PATH:
        mend = f"look at it: ls -ld {quote(str(path))}" if path else "look at TMPDIR and XDG_CACHE_HOME"
        return ConfigError(where, told, f"{mend} (the cache moves with XDG_CACHE_HOME, temporary files with TMPDIR)")
    if error.errno in _DISK:
        return PillarError(where, told, f"free space there: df -h {quote(str(path))}" if path else "free space: df -h")
    return None
