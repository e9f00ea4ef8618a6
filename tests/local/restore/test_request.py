"""Options that contradict each other are mistakes, whatever is configured or stored."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from local.errors import ConfigError
from local.restore.request import RestoreOptions, read_request

GIVEN: dict[str, dict[str, Any]] = {
    "--to": {"to": "x.db"},
    "--date": {"date": "2026-05-05"},
    "--at": {"at": "2026-05-05T12:00:00Z"},
    "--from": {"from_": "x.db.gz"},
    "--live": {"live": True},
    "--rollback": {"rollback": True},
}
MAKE_SENSE = {
    ("--to", "--date"),
    ("--to", "--at"),
    ("--to", "--from"),
    ("--date", "--live"),
    ("--at", "--live"),
    ("--from", "--live"),
}


@pytest.mark.parametrize("pair", list(combinations(GIVEN, 2)))
def test_two_options_go_together_or_are_both_named(pair: tuple[str, str]) -> None:
    given = RestoreOptions("costs", **GIVEN[pair[0]], **GIVEN[pair[1]])
    if pair in MAKE_SENSE:
        assert read_request(given).name == "costs"
        return
    with pytest.raises(ConfigError) as refused:
        read_request(given)
    told = str(refused.value)
    assert all(flag in told for flag in pair)


@pytest.mark.parametrize("flag", GIVEN)
def test_each_option_alone_makes_a_request(flag: str) -> None:
    action = {"--live": "live", "--rollback": "rollback"}.get(flag, "file")
    assert read_request(RestoreOptions("costs", **GIVEN[flag])).action == action


@pytest.mark.parametrize("empty", [{"to": ""}, {"from_": ""}, {"name": ""}, {"date": ""}, {"at": ""}])
def test_an_empty_value_is_a_mistake(empty: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        read_request(RestoreOptions(**empty))
