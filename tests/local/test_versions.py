from __future__ import annotations

import json
import platform
import re
import sqlite3
import tomllib

import pytest

from local.output.screen import Screen
from local.versions import PACKAGES, found, show
from tests.support.terminal import log_lines
from tests.support.workshop import CHECKOUT, Workshop


def test_every_package_that_the_product_asks_for_is_told() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]

    asked = {re.split(r"[=<>]", dependency)[0] for dependency in project["dependencies"]}

    assert set(PACKAGES) == asked
    assert found().version.tool == f"pillar9 {project['version']}"


def test_a_line_for_each_is_there_to_be_pasted(capsys: pytest.CaptureFixture[str]) -> None:
    show(Screen(), found())

    lines = log_lines(capsys.readouterr().out)
    assert f"SQLite {sqlite3.sqlite_version}" in lines
    assert f"Python {platform.python_version()}" in lines
    assert len(lines) == 4 + len(PACKAGES)


def test_it_needs_no_configuration(folder_workshop: Workshop) -> None:
    done = folder_workshop.invoke("version", "--json")

    assert json.loads(done.stdout)["schema"] == 1
    assert json.loads(done.stdout)["version"]["sqlite"] == sqlite3.sqlite_version
