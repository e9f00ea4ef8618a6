"""Where this machine keeps what is not in the store: the cache and the lock of each store."""

from __future__ import annotations

import hashlib
from pathlib import Path

import platformdirs

from local.settings import StoreSettings


def cache_of(store: StoreSettings) -> Path:
    """The folder for what belongs to one store; it may be deleted at any time."""
    key = hashlib.sha256(f"{store.url} {store.prefix}".encode()).hexdigest()[:16]
    return Path(platformdirs.user_cache_dir("pillar9", appauthor=False)) / key
