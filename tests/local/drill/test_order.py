"""What the program is told of a backup, and what is told nobody."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from local.drill.order import database_orders
from tests.support.drill_archives import members, target_of


def test_a_target_does_not_show_its_link(archive: Path, raw: bytes) -> None:
    target = target_of(archive, members(raw), raw, url="https://example.invalid/?sig=verysecret")
    assert "verysecret" not in repr(target)
    assert "verysecret" not in repr(database_orders([target]))


def test_the_program_is_told_all_that_is_known_but_where_the_backup_is_kept(archive: Path, raw: bytes) -> None:
    target = target_of(archive, members(raw), raw, etag='"1"')
    (order,) = database_orders([target])
    known = asdict(target)
    assert asdict(order) == {name: known[name] for name in known if name != "blob"}
