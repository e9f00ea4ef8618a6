from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.settings import NAME
from local.setup.names import unique_names


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["/data/shop.db"], ("shop",)),
        (["/data/Mission Control.sqlite3"], ("mission-control",)),
        (["/data/app.v2.db"], ("app.v2",)),
        (["/data/Größe.db"], ("groe",)),
        (["/data/.db"], ("database",)),
        (["/data/日本.db"], ("database",)),
        (["/data/../x\n'y'.db"], ("x-y",)),
        (["/one/data.db", "/two/data.db", "/two/other.db"], ("one-data", "two-data", "other")),
        (["/a/one/data.db", "/b/one/data.db"], ("one-data", "one-data-2")),
        (["/data/shop.db", "/data/shop.sqlite"], ("data-shop", "data-shop-2")),
        (["/one/data.db", "/two/data.db", "/x/one-data.db"], ("one-data", "two-data", "one-data-2")),
    ],
)
def test_a_database_is_called_as_its_file(paths: list[str], names: tuple[str, ...]) -> None:
    assert unique_names([Path(path) for path in paths]) == names


FILE_NAMES = st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=250)


@given(st.lists(st.tuples(st.sampled_from(["/a", "/b", "/A"]), FILE_NAMES), max_size=6))
def test_whatever_files_are_called_their_names_are_valid_and_different(files: list[tuple[str, str]]) -> None:
    names = unique_names([Path(folder, name) for folder, name in files])

    assert len(set(names)) == len(files)
    assert all(NAME.fullmatch(name) and len(name) <= 110 for name in names)
