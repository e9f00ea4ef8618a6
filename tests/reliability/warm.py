"""Everything that a command imports, for the process from which commands are forked.

tasks.py itself is not among it: each forked process loads it as `invoke` does, and so hears its own signals.
"""

from __future__ import annotations

import importlib
import pkgutil

import local
import remote

for _name in ("azure.identity", "azure.storage.blob", "certifi", "invoke.main", "rbac.tasks", "rich.progress"):
    importlib.import_module(_name)
for _package in (local, remote):
    for _found in pkgutil.walk_packages(_package.__path__, f"{_package.__name__}."):
        importlib.import_module(_found.name)
