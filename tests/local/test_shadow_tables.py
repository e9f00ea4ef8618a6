from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.shadow_tables import shadow_tables

MODULES = [
    "fts3(x)",
    "fts4(x)",
    "fts4(x, content='')",
    "fts4(x, matchinfo=fts3)",
    "fts5(x)",
    "fts5(x, content='')",
    "fts5(x, columnsize=0)",
    "fts5(x, content='own', content_rowid='id')",
    "rtree(id, low, high)",
    "rtree_i32(id, low, high)",
]
OWN = ("own", "own_content", "own_data", "notes_archive", "notes_", "note_content", "Notes_content", "segdir")


@pytest.mark.parametrize("module", MODULES)
def test_what_sqlite_makes_for_a_virtual_table_is_told_from_the_applications_own(module: str) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        for name in OWN:
            connection.execute(f"CREATE TABLE {name}_ (id INTEGER PRIMARY KEY AUTOINCREMENT, x)")
            if name != "Notes_content":  # in SQLite the same name as one of the shadows
                connection.execute(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, x)")
        own = all_tables(connection)
        connection.execute(f"CREATE VIRTUAL TABLE notes USING {module}")
        made = all_tables(connection) - own - {"notes"}

        assert len(made) >= 3
        assert shadow_tables(all_tables(connection)) == made | {"sqlite_sequence"}
        connection.execute("ALTER TABLE notes RENAME TO renamed")
        assert len(shadow_tables(all_tables(connection))) == len(made) + 1


def all_tables(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


@pytest.mark.parametrize(
    "names",
    [
        {"notes_content"},
        {"notes", "notes_content"},
        {"notes", "notes_data", "notes_idx"},
        {"notes_data", "notes_idx", "notes_config"},
        {"notes", "notes_segments", "Notes_segdir"},
        {"tree", "tree_node", "tree_parent"},
        set(),
    ],
)
def test_a_table_that_only_looks_like_a_shadow_is_the_applications(names: set[str]) -> None:
    assert shadow_tables(names) == frozenset()


@given(st.sets(st.text(max_size=3)), st.sampled_from(["", "a", "_", "sqlite"]))
def test_no_more_than_the_names_are_shadows_and_never_the_virtual_table(names: set[str], name: str) -> None:
    fts5 = {f"{name}{ending}" for ending in ("_data", "_idx", "_config")}

    found = shadow_tables({*names, name, *fts5})

    assert fts5 <= found <= {*names, name, *fts5}
    assert name not in found
