from __future__ import annotations

from pathlib import Path

import pytest

from local.errors import ConfigError
from local.setup import new_file


def test_a_file_appears_whole_and_for_its_owner_alone(tmp_path: Path) -> None:
    new_file.write(tmp_path / "mine.yaml", "ü: 1\n")

    assert (tmp_path / "mine.yaml").read_bytes() == "ü: 1\n".encode()
    assert (tmp_path / "mine.yaml").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["mine.yaml"]


def test_a_file_that_came_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    new_file.check(path)
    path.write_text("of another")

    with pytest.raises(ConfigError, match="nothing is overwritten"):
        new_file.write(path, "mine")
    assert path.read_text() == "of another"
    assert [each.name for each in tmp_path.iterdir()] == ["mine.yaml"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("there.yaml", "nothing is overwritten"),
        ("dangling.yaml", "nothing is overwritten"),
        ("mine.txt", "tells no format"),
        ("mine", "tells no format"),
        ("nowhere/mine.yaml", "there is no folder"),
    ],
)
def test_a_file_that_cannot_come_to_be_is_told_before_any_work(name: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "there.yaml").touch()
    (tmp_path / "dangling.yaml").symlink_to("nowhere")

    with pytest.raises(ConfigError, match=told):
        new_file.check(tmp_path / name)
