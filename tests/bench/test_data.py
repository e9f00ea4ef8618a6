"""The benchmark's databases."""

from __future__ import annotations

import sqlite3
import zlib
from contextlib import closing
from pathlib import Path

from tests.bench import data, part_limit

SIZE = 1_500_000


def bodies(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        return [body for (body,) in database.execute("SELECT body FROM documents ORDER BY id")]


def test_a_seed_gives_the_same_database_again(tmp_path: Path) -> None:
    for name in ("a.db", "b.db"):
        data.generate(tmp_path / name, SIZE, seed=3)
    data.generate(tmp_path / "other.db", SIZE, seed=4)
    assert (tmp_path / "a.db").read_bytes() == (tmp_path / "b.db").read_bytes()
    assert (tmp_path / "a.db").read_bytes() != (tmp_path / "other.db").read_bytes()


def test_a_change_touches_about_one_page_a_row_and_no_other(tmp_path: Path) -> None:
    live = tmp_path / "a.db"
    count = data.generate(live, SIZE, seed=3)
    before = live.read_bytes()
    changed = data.change(live, "random", 0.02, seed=1)
    after = live.read_bytes()
    assert len(before) == len(after)
    pages = range(0, len(before), data.PAGE)
    differing = sum(before[at : at + data.PAGE] != after[at : at + data.PAGE] for at in pages)
    assert changed == round(count * 0.02)
    assert changed <= differing <= 2 * changed + 1


def test_recent_changes_are_those_of_the_newest_rows(tmp_path: Path) -> None:
    live = tmp_path / "a.db"
    count = data.generate(live, SIZE, seed=3)
    before = bodies(live)
    changed = data.change(live, "recent", 0.05, seed=1)
    after = bodies(live)
    assert before[: count - changed] == after[: count - changed]
    assert all(old != new for old, new in zip(before[-changed:], after[-changed:], strict=True))


def test_the_same_rows_change_whatever_the_seed(tmp_path: Path) -> None:
    live = tmp_path / "a.db"
    data.generate(live, SIZE, seed=3)
    found = []
    for seed in (1, 2):
        before = bodies(live)
        data.change(live, "same", 0.05, seed)
        found.append([old != new for old, new in zip(before, bodies(live), strict=True)])

    assert found[0] == found[1]
    assert any(found[0])


def test_the_least_that_must_travel_is_the_changed_pages_each_deflated_alone(tmp_path: Path) -> None:
    pages = [bytes([number]) * data.PAGE for number in range(5)]
    (tmp_path / "before").write_bytes(b"".join(pages[:4]))
    counted = pages[0][:24] + b"\x07" + pages[0][25:]
    (tmp_path / "after").write_bytes(counted + pages[1] + pages[4] + pages[3] + pages[2])

    found = part_limit.least(tmp_path / "before", tmp_path / "after")

    assert found == (2, sum(len(zlib.compress(page, 6)) for page in (pages[4], pages[2])))
