"""The status as the node exporter's textfile collector reads it: one file, whole or as it was before.

The format: https://prometheus.io/docs/instrumenting/exposition_formats/ (text format 0.0.4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from local.errors import ConfigError
from local.store.durable import replace_file
from local.store.shelf import by_kind
from local.watch.status import DatabaseStatus, Status

# The collector runs as another user.
_MODE = 0o644
_HELP: Mapping[str, str] = {
    "pillar9_backup_age_seconds": "Since a run last stored this content or found it the same.",
    "pillar9_backup_proven_age_seconds": "Since a drill last passed the newest content that any drill has passed.",
    "pillar9_backup_unchanged_seconds": "Since the content last changed.",
    "pillar9_restore_seconds": "What the steps of that drill took.",
    "pillar9_database_bytes": "Size of the database, or of the volume's tar, in its newest backup.",
}


def exposition(status: Status) -> str:
    """The metrics of a status; a value that is not known has no line."""
    now = status.status.status_time
    lines: list[str] = []
    for name, value_of in _values(now).items():
        lines += (f"# HELP {name} {_HELP[name]}", f"# TYPE {name} gauge")
        told = ((kind, each.name, value_of(each)) for kind, each in by_kind(status.databases, status.volumes))
        lines += [f'{name}{{{kind}="{source}"}} {value}' for kind, source, value in told if value is not None]
    late = int(status.status.verdict != "ok")
    lines += ("# HELP pillar9_late Whether anything is late or its drill failed.", "# TYPE pillar9_late gauge")
    return "\n".join([*lines, f"pillar9_late {late}", ""])


def write_file(path: Path, status: Status) -> None:
    """Put the metrics in place of the file by one rename; ConfigError where they cannot be written there.

    The collector reads `*.prom` only, so it never meets the temporary file.
    """
    try:
        replace_file(path, exposition(status).encode(), _MODE)
    except OSError as error:
        raise ConfigError(
            f"--prometheus {path}", error.strerror or str(error), f"look at it: ls -ld {path.parent}"
        ) from error


def _values(now: str) -> dict[str, Callable[[DatabaseStatus], float | None]]:
    return {
        "pillar9_backup_age_seconds": lambda database: _since(now, database.last_backup),
        "pillar9_backup_proven_age_seconds": lambda database: _since(now, database.drill_time),
        "pillar9_backup_unchanged_seconds": lambda database: _since(now, database.unchanged_since),
        "pillar9_restore_seconds": lambda database: database.restore_seconds,
        "pillar9_database_bytes": lambda database: database.database_bytes,
    }


def _since(now: str, moment: str | None) -> float | None:
    if moment is None:
        return None
    seconds = (datetime.fromisoformat(now) - datetime.fromisoformat(moment)).total_seconds()
    return max(0.0, round(seconds, 3))
