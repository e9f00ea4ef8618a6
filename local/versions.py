"""`invoke version`: what a bug report has to say of the machine that it is about."""

from __future__ import annotations

import platform
import sqlite3
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import msgspec
from msgspec import Meta

from local.output.screen import Screen
from local.report import Document
from local.version import TOOL

# What this product asks for by itself; a test holds that pyproject.toml names the same.
PACKAGES = (
    "apprise",
    "azure-identity",
    "azure-mgmt-authorization",
    "azure-mgmt-compute",
    "azure-storage-blob",
    "blake3",
    "deflate",
    "docker",
    "holidays",
    "invoke",
    "jinja2",
    "msgspec",
    "platformdirs",
    "pygal",
    "rich",
    "zlib-ng",
)


class Versions(msgspec.Struct, frozen=True):
    """Each as it says of itself."""

    tool: Annotated[str, Meta(description="this product and its version")]
    python: Annotated[str, Meta(description="version of Python")]
    sqlite: Annotated[str, Meta(description="version of SQLite")]
    system: Annotated[str, Meta(description="the operating system and the processor")]
    packages: Annotated[dict[str, str | None], Meta(description="by package; null where it is not installed")]


class VersionDocument(Document, frozen=True):
    """`version`."""

    version: Versions


def found() -> VersionDocument:
    """The versions of all that runs here."""
    packages = {name: _installed(name) for name in PACKAGES}
    return VersionDocument(
        Versions(TOOL, platform.python_version(), sqlite3.sqlite_version, platform.platform(), packages)
    )


def show(screen: Screen, document: VersionDocument) -> None:
    """One line for each, as `name version`, to be pasted into a report."""
    versions = document.version
    screen.say(versions.tool)
    lines = {"Python": versions.python, "SQLite": versions.sqlite, "system": versions.system}
    for name, text in {**lines, **versions.packages}.items():
        screen.say(f"{name} {text or 'is not installed'}")


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
