from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from invoke.util import yaml  # type: ignore[attr-defined]

from local import settings
from local.settings import StoreSettings
from local.setup.row_floor import RowFloor
from local.setup.settings_text import FoundDatabase, NewSettings, write_out

STORE = StoreSettings(url="file:///backups/a%20b")
ODD = [
    "a b",
    "ü 日本 😀",
    'it\'s "quoted"',
    "line\nbreak\ttab\r",
    "# no comment: {x}",
    "\x7f\x85\u2028\ufeff",
    "~",
    "%",
]


def read_back(text: str) -> settings.Settings:
    return settings.load(yaml.safe_load(text))  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("odd", [*ODD, os.fsdecode(b"\xff\xfe")])
def test_whatever_a_path_and_a_table_are_called_the_file_says_the_same(odd: str) -> None:
    databases = (
        FoundDatabase("one", Path("/data", odd), RowFloor(odd, 100, 90)),
        FoundDatabase("two", Path("/x"), uncounted="it was locked"),
        FoundDatabase("three", Path("/y")),
    )

    found = read_back(write_out(NewSettings(STORE, "public", odd, databases)))

    assert [database.path for database in found.databases] == [Path("/data", odd), Path("/x"), Path("/y")]
    assert found.databases[0].rows == {odd: 90}
    assert found.drill.host == odd
    assert found.store == STORE


PATHS = st.text(st.characters(exclude_characters="\0"), min_size=1)


@given(PATHS, PATHS)
def test_any_path_and_any_table_is_read_back(path: str, table: str) -> None:
    databases = (FoundDatabase("a", Path("/", path), RowFloor(table, 1, 1)),)

    assert read_back(write_out(NewSettings(STORE, "china", "here", databases))).databases[0].rows == {table: 1}


def test_every_comment_that_is_a_setting_may_be_taken_in() -> None:
    text = write_out(NewSettings(STORE, "public", "here", (FoundDatabase("a", Path("/x")),)))
    lines = text.splitlines()
    start = lines.index("drill:")

    taken_in = [line.replace("# ", "", 1) if line.lstrip().startswith("# ") else line for line in lines[start:]]

    found = read_back("\n".join([*lines[:start], *taken_in]))
    assert found.retention
    assert found.azure.vms == ("VM",)
    assert found.backup.prove == "daily"
