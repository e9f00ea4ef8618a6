"""Which tables are not the application's own: those in which SQLite's virtual tables keep what they hold.

A drill compares the rows of every table. A person who reads counts knows `notes`, but no `notes_segdir`.
"""

from __future__ import annotations

from collections.abc import Iterable

# By the module: the endings of the tables that each virtual table of it has, and of those that it may have.
# https://www.sqlite.org/fts3.html#*shadowtabs, fts5.html#external_content_and_contentless_tables, rtree.html#xshadow
_ENDINGS = (
    ({"_segments", "_segdir"}, {"_content", "_docsize", "_stat"}),  # FTS3, FTS4
    ({"_data", "_idx", "_config"}, {"_content", "_docsize"}),  # FTS5
    ({"_node", "_rowid", "_parent"}, set[str]()),  # R*Tree, Geopoly
)
_INTERNAL = "sqlite_"


def shadow_tables(names: Iterable[str]) -> frozenset[str]:
    """Of a database's tables, virtual ones included, the shadow tables and SQLite's own, by their names alone.

    A table counts as a shadow only beside the table that it would belong to and all that every such one has: a
    `notes_content` without a `notes`, or without its `notes_segdir`, is the application's.
    """
    known = frozenset(names)
    found = {name for name in known if name.lower().startswith(_INTERNAL)}
    for name in known:
        for always, sometimes in _ENDINGS:
            if known.issuperset(name + ending for ending in always):
                found |= known.intersection(name + ending for ending in always | sometimes)
    return frozenset(found)
