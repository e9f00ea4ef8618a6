"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.bench.workbench import Workbench
from tests.support import azurite


def facts(bench: Workbench, command: str, took: Mapping[str, float]) -> str:
    """The machine, the versions, what was asked for and how many seconds each part took, as a section of the page."""
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    parts = ", ".join(f"{name} {seconds / 60:.1f}" for name, seconds in took.items())
    rows = (
        ("measured", f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"),
        ("command", f"`{command}`"),
        ("database", f"{bench.pristine.stat().st_size:,} bytes, seed {bench.seed}"),
        ("rounds", str(bench.rounds)),
        ("minutes", f"{sum(took.values()) / 60:.1f}: {parts}"),
        ("processor", f"{_processor()}, {cores()} cores of {os.cpu_count()}"),
        ("system", f"{platform.system()} {platform.release()}, {platform.machine()}"),
        ("Python", platform.python_version()),
        ("SQLite", sqlite3.sqlite_version),
        ("azure-storage-blob", version("azure-storage-blob")),
        ("Azurite", f"{azurite.VERSION}, Node {node}"),
    )
    lines = "\n".join(f"- {name}: {value}" for name, value in rows)
    return f"## Measured on\n\n{lines}\n"


def cores() -> int:
    """How many cores this process and those it starts may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    if sys.platform == "darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.machine()
