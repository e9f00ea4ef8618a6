"""`invoke restore NAME`: to a new file or a new folder, as the backup is of a database or of a volume."""

from __future__ import annotations

from local.events import Watch
from local.restore.request import RestoreRequest
from local.restore.result import RestoreReport
from local.restore.source import find_source
from local.restore.to_new_file import Started, preview_to_file, restore_to_file
from local.restore.to_new_folder import preview_to_folder, restore_to_folder
from local.settings import Settings


def restore_to_new(configured: Settings, request: RestoreRequest, watch: Watch) -> RestoreReport:
    """Find the backup and restore it; raises what `find_source` raises and what either restore does."""
    started, source = Started.now(), find_source(configured, request, watch)
    if source.kind == "volume":
        return restore_to_folder(request, source, started, watch)
    return restore_to_file(configured, request, source, started, watch)


def preview_to_new(configured: Settings, request: RestoreRequest, watch: Watch) -> RestoreReport:
    """What `restore_to_new` would do; nothing is downloaded and nothing is changed."""
    started, source = Started.now(), find_source(configured, request, watch)
    if source.kind == "volume":
        return preview_to_folder(request, source, started)
    return preview_to_file(configured, request, source, started)
