"""`invoke version`: what a bug report has to say of the machine that it is about."""

from __future__ import annotations

import platform
import sqlite3
from importlib.metadata import PackageNotFoundError, version

import msgspec

from local.output.screen import Screen
from local.report import Document
from local.version import VERSION

# What this product asks for by itself; a test holds that pyproject.toml names the same.
PACKAGES = (
    "apprise",
    "azure-identity",
    "azure-mgmt-authorization",
    "azure-mgmt-compute",
    "azure-storage-blob",
    "deflate",
    "holidays",
    "invoke",
    "jinja2",
    "msgspec",
    "platformdirs",
    "pygal",
    "rich",
)


class Versions(msgspec.Struct, frozen=True):
    """Each as it says of itself; a package that is not installed has none."""

    tool: str
    python: str
    sqlite: str
    system: str
    packages: dict[str, str | None]


class VersionDocument(Document, frozen=True):
    """The `--json` document of `invoke version`."""

    version: Versions


def found() -> VersionDocument:
    """The versions of all that runs here."""
    packages = {name: _installed(name) for name in PACKAGES}
    return VersionDocument(
        Versions(VERSION, platform.python_version(), sqlite3.sqlite_version, platform.platform(), packages)
    )


def show(screen: Screen, document: VersionDocument) -> None:
    """One line for each, as `name version`, to be pasted into a report."""
    versions = document.version
    lines = {"pillar9": versions.tool, "Python": versions.python, "SQLite": versions.sqlite, "system": versions.system}
    for name, text in {**lines, **versions.packages}.items():
        screen.say(f"{name} {text or 'is not installed'}")


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
