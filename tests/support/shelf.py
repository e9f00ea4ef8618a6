"""The shelf of the databases in the stores of most tests."""

from __future__ import annotations

from local.store.shelf import databases_in

SHELF = databases_in("sqlite")
