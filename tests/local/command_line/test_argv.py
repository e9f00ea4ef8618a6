from __future__ import annotations

import pytest

from local.command_line.argv import has_bare_word


@pytest.mark.parametrize(
    ("line", "has_one"),
    [
        ("invoke backup.list costs", True),
        ("invoke backup.list --json costs", True),
        ("invoke backup.list costs --json", True),
        ("invoke -f config.json backup.list costs", True),
        ("invoke backup.list --name costs hivemind", True),
        ("invoke backup.list", False),
        ("invoke backup.list --json", False),
        ("invoke backup.list --name costs", False),
        ("invoke backup.list --name=costs", False),
        ("invoke backup costs", False),
        ("invoke", False),
    ],
)
def test_a_word_after_the_command_that_is_no_flags_value_stands_bare(line: str, has_one: bool) -> None:
    assert has_bare_word(line.split(), names=("backup.list",), valued=("--name",)) is has_one


def test_a_default_command_goes_by_its_collections_name_too() -> None:
    assert has_bare_word(["invoke", "backup", "costs"], names=("backup.run", "backup"), valued=())


def test_a_word_that_begins_the_next_command_is_none() -> None:
    line = ["invoke", "backup.list", "--json", "drill.local", "costs"]

    assert not has_bare_word(line, names=("backup.list",), valued=("--name",), commands=("drill.local",))
