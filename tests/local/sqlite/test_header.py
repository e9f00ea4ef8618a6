"""How the next copy of a database begins can be told from how the last one did, as long as its schema is the same."""

from __future__ import annotations

import sqlite3
import struct
from contextlib import closing
from pathlib import Path

import pytest

from local.sqlite import snapshot
from local.sqlite.header import MAGIC, foretold_first_page


def database(path: Path, page_bytes: int, mode: str) -> Path:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size={page_bytes}")
        connection.execute(f"PRAGMA journal_mode={mode}")
        connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, body)")
        connection.execute("INSERT INTO t SELECT value, randomblob(900) FROM json_each(json_array(1, 2, 3, 4, 5))")
    return path


def copied(source: Path, target: Path) -> bytes:
    snapshot.take(source, target)
    return target.read_bytes()


@pytest.mark.parametrize("mode", ["wal", "delete"])
@pytest.mark.parametrize("page_bytes", [512, 4096, 65536])
@pytest.mark.parametrize(
    "change",
    ["UPDATE t SET body = randomblob(900) WHERE id = 3", "INSERT INTO t(body) SELECT zeroblob(20000) FROM t"],
    ids=["as large", "larger"],
)
def test_the_first_page_of_the_next_copy_is_as_foretold(
    tmp_path: Path, change: str, page_bytes: int, mode: str
) -> None:
    source = database(tmp_path / "live.db", page_bytes, mode)
    former = copied(source, tmp_path / "former.db")
    with closing(sqlite3.connect(source)) as connection, connection:
        connection.execute(change)
    now = copied(source, tmp_path / "now.db")

    assert former[page_bytes:] != now[page_bytes:]
    assert foretold_first_page(former[:65536], len(now)) == now[:page_bytes]


@pytest.mark.parametrize(
    "former",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"no database" * 500, id="no database"),
        pytest.param(MAGIC, id="less than a header"),
        pytest.param(MAGIC + struct.pack(">H", 4096) + bytes(900), id="less than a page"),
        pytest.param(MAGIC + struct.pack(">H", 0) + bytes(900), id="pages of no bytes"),
        pytest.param(MAGIC + struct.pack(">H", 2) + bytes(900), id="pages of two bytes"),
    ],
)
def test_of_what_is_no_first_page_none_is_foretold(former: bytes) -> None:
    assert foretold_first_page(former, 1 << 40) is None


def test_more_pages_than_there_can_be_are_not_foretold() -> None:
    assert foretold_first_page(MAGIC + struct.pack(">H", 512) + bytes(900), 1 << 50) is None
