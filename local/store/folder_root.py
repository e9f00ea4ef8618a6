"""The folder of a store, which is somebody's disk: mounted or not."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

from local.errors import StoreError


def check_root(root: Path) -> None:
    """Return where the store's own folder is there, StoreError otherwise: what it lacks is a disk or a path."""
    if not root.is_dir():
        mend = f"mount its disk, mend store.url, or make it: mkdir -p {quote(str(root))}"
        raise StoreError("store: open the folder", f"there is no folder {root}", mend)
