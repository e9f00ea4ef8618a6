"""The last archive on this machine: whole under its own name, or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.archive.cache import ArchiveCopy, kept_archive

DIGEST = "a" * 64
OTHER = "b" * 64


def keep(folder: Path, digest: str = DIGEST, content: bytes = b"archive") -> ArchiveCopy:
    copy = ArchiveCopy(folder)
    copy.write(content)
    copy.keep(digest, ("block",))
    copy.close()
    return copy


def test_what_was_kept_is_found_under_its_digest_only(tmp_path: Path) -> None:
    keep(tmp_path)

    found = kept_archive(tmp_path, DIGEST)

    assert found
    assert found.path.read_bytes() == b"archive"
    assert found.blocks == ("block",)


def test_only_the_last_archive_stays(tmp_path: Path) -> None:
    keep(tmp_path)
    keep(tmp_path, OTHER)

    assert sorted(path.name for path in tmp_path.iterdir()) == [OTHER, f"{OTHER}.blocks"]


def test_what_is_asked_for_under_another_digest_is_cleared_away(tmp_path: Path) -> None:
    keep(tmp_path)
    (tmp_path / "pack-0123").write_bytes(b"of an older version")

    assert kept_archive(tmp_path, OTHER) is None
    assert list(tmp_path.iterdir()) == []


def test_a_copy_that_was_not_finished_leaves_nothing(tmp_path: Path) -> None:
    copy = ArchiveCopy(tmp_path)
    copy.write(b"half")
    copy.close()

    assert list(tmp_path.iterdir()) == []


def test_a_copy_that_was_killed_is_cleared_away_by_the_next(tmp_path: Path) -> None:
    (tmp_path / "new").write_bytes(b"half")

    keep(tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == [DIGEST, f"{DIGEST}.blocks"]


@pytest.mark.parametrize("content", [b"", b"[", b"\xff[", b'{"a": 1}', b"[1]"])
def test_a_list_of_blocks_that_does_not_read_is_no_cache(tmp_path: Path, content: bytes) -> None:
    keep(tmp_path)
    (tmp_path / f"{DIGEST}.blocks").write_bytes(content)

    assert kept_archive(tmp_path, DIGEST) is None


def test_a_folder_that_takes_no_file_is_done_without_and_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"no folder")

    copy = keep(tmp_path / "file")

    assert copy.trouble
    assert kept_archive(tmp_path / "file", DIGEST) is None


def test_nobody_else_may_read_the_copy(tmp_path: Path) -> None:
    keep(tmp_path / "cache")

    assert (tmp_path / "cache").stat().st_mode & 0o77 == 0
    assert (tmp_path / "cache" / DIGEST).stat().st_mode & 0o77 == 0
