"""The last archive on this machine: whole and under its own digest, or not there; whatever befell its files."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from local.archive.cache import ArchiveCopy, KeptArchive, kept_archive
from local.archive.former import read_part
from tests.support import file_faults

DIGEST = "a" * 64
OTHER = "b" * 64
Part = bytes | tuple[int, int]


def keep(folder: Path, *parts: Part, digest: str = DIGEST, former: KeptArchive | None = None) -> ArchiveCopy:
    """An archive of bytes, and of parts (offset, length) of the former one."""
    before = content_of(former) if former else b""
    copy = ArchiveCopy(folder, former)
    write(copy, before, *parts)
    copy.keep(digest, ("block",))
    copy.close()
    return copy


def write(copy: ArchiveCopy, before: bytes, *parts: Part) -> None:
    for part in parts:
        if isinstance(part, bytes):
            copy.write(part)
        else:
            copy.reuse(part[0], before[part[0] : sum(part)])


def kept(folder: Path, digest: str = DIGEST) -> KeptArchive:
    found = kept_archive(folder, digest)
    assert found
    return found


def content_of(found: KeptArchive) -> bytes:
    with found.pack.open("rb") as file:
        return read_part(file.fileno(), found.extents, 0, found.extents.size)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_was_kept_is_found_under_its_digest_only(tmp_path: Path) -> None:
    keep(tmp_path, b"arch", b"ive")

    found = kept(tmp_path)

    assert content_of(found) == b"archive"
    assert found.blocks == ("block",)
    assert names(tmp_path) == ["index", found.pack.name]
    assert kept_archive(tmp_path, OTHER) is None
    assert names(tmp_path) == []


def test_what_the_former_archive_has_is_not_written_again(tmp_path: Path) -> None:
    keep(tmp_path, b"0123456789")
    former = kept(tmp_path)
    keep(tmp_path, (0, 3), b"new", (6, 4), (0, 3), digest=OTHER, former=former)

    found = kept(tmp_path, OTHER)

    assert content_of(found) == b"012new6789012"
    assert found.pack.read_bytes() == b"0123456789new"
    assert names(tmp_path) == ["index", found.pack.name]


def test_what_was_begun_anew_holds_all_of_it_and_the_former_pack_is_gone(tmp_path: Path) -> None:
    keep(tmp_path, b"0123456789")
    former = kept(tmp_path)
    copy = ArchiveCopy(tmp_path)
    write(copy, b"0123456789", (0, 3), b"new")
    assert content_of(former) == b"0123456789"
    copy.keep(OTHER, ())

    found = kept(tmp_path, OTHER)

    assert content_of(found) == found.pack.read_bytes() == b"012new"
    assert names(tmp_path) == ["index", found.pack.name]


@pytest.mark.parametrize("goes_on", [True, False])
def test_a_copy_that_was_not_finished_leaves_the_former_one(tmp_path: Path, goes_on: bool) -> None:
    keep(tmp_path, b"0123456789")
    former = kept(tmp_path)
    before = former.pack.read_bytes(), names(tmp_path)
    copy = ArchiveCopy(tmp_path, former if goes_on else None)
    write(copy, b"0123456789", b"half", (0, 5))
    copy.close()

    assert (former.pack.read_bytes(), names(tmp_path)) == before
    assert content_of(kept(tmp_path)) == b"0123456789"


def test_what_a_killed_run_appended_is_cut_off_by_the_next(tmp_path: Path) -> None:
    keep(tmp_path, b"0123456789")
    former = kept(tmp_path)
    with former.pack.open("ab") as file:
        file.write(b"of a killed run")
    (tmp_path / "new-pack").write_bytes(b"half")
    (tmp_path / "new-index").write_bytes(b"half")

    keep(tmp_path, (0, 10), b"!", digest=OTHER, former=kept(tmp_path))

    assert kept(tmp_path, OTHER).pack.read_bytes() == b"0123456789!"
    assert names(tmp_path) == ["index", former.pack.name]


def test_a_pack_that_lost_its_end_takes_the_bytes_anew(tmp_path: Path) -> None:
    keep(tmp_path, b"0123456789")
    former = kept(tmp_path)
    os.truncate(former.pack, 5)

    assert kept(tmp_path).extents == former.extents
    copy = ArchiveCopy(tmp_path, former)
    write(copy, b"0123456789", (0, 5), b"56789")
    copy.keep(OTHER, ())

    assert content_of(kept(tmp_path, OTHER)) == b"0123456789"


def test_a_former_layout_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / DIGEST).write_bytes(b"archive")
    (tmp_path / f"{DIGEST}.blocks").write_bytes(b"[]")

    assert kept_archive(tmp_path, DIGEST) is None
    assert names(tmp_path) == []


def rewritten(index: Path, old: bytes, new: bytes) -> None:
    """Changed by somebody who knows how it is made."""
    text = index.read_bytes().partition(b"\n")[2]
    assert old in text
    text = text.replace(old, new)
    index.write_bytes(sha256(text).hexdigest().encode() + b"\n" + text)


HOSTILE = {
    "a negative place": (b"[0,7]", b"[-1,7]"),
    "a place behind every file": (b"[0,7]", b"[9223372036854775807,7]"),
    "no length": (b"[0,7]", b"[0,0]"),
    "a length that is none": (b"[0,7]", b'[0,"7"]'),
    "a stretch too few": (b"[0,7]", b"[0]"),
    "another folder's file": (b'"pack":"', b'"pack":"../'),
    "a file that is no pack": (b'"pack":"pack-', b'"pack":"index'),
    "blocks without names": (b'["block"]', b"[1]"),
    "deep lists": (b'["block"]', b"[" * 100_000),
}


@pytest.mark.parametrize("how", HOSTILE)
def test_an_index_that_cannot_be_is_no_cache(tmp_path: Path, how: str) -> None:
    keep(tmp_path, b"archive")
    rewritten(tmp_path / "index", *HOSTILE[how])

    assert kept_archive(tmp_path, DIGEST) is None
    assert names(tmp_path) == []


def test_an_index_of_which_any_byte_is_another_is_no_cache(tmp_path: Path) -> None:
    keep(tmp_path / "sound", b"archive")
    sound = (tmp_path / "sound/index").read_bytes()
    chance = random.Random(3)
    for number, at in enumerate(chance.sample(range(len(sound)), 40)):
        keep(tmp_path / str(number), b"archive")
        damaged = bytearray((tmp_path / str(number) / "index").read_bytes())
        damaged[at] ^= 1 << chance.randrange(8)
        (tmp_path / str(number) / "index").write_bytes(damaged[: len(sound) if at % 2 else at])
        assert kept_archive(tmp_path / str(number), DIGEST) is None


def by_symlink(path: Path, victim: Path) -> None:
    path.unlink()
    path.symlink_to(victim)


def by_second_name(path: Path, victim: Path) -> None:
    path.unlink()
    path.hardlink_to(victim)


def by_folder(path: Path, _: Path) -> None:
    path.unlink()
    path.mkdir()


def by_pipe(path: Path, _: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def by_nothing(path: Path, _: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("swap", [by_symlink, by_second_name, by_folder, by_pipe, by_nothing])
@pytest.mark.parametrize("which", ["index", "pack"])
def test_what_is_no_file_of_our_own_is_neither_read_nor_written(
    tmp_path: Path, swap: Callable[[Path, Path], None], which: str
) -> None:
    folder, victim = tmp_path / "cache", tmp_path / "victim"
    keep(folder, b"archive")
    former = kept(folder)
    path = folder / "index" if which == "index" else former.pack
    victim.write_bytes(path.read_bytes())
    before = victim.read_bytes()
    swap(path, victim)

    with closing(ArchiveCopy(folder, former)) as copy:
        assert bool(copy.trouble) == (which == "pack")
    assert kept_archive(folder, DIGEST) is None
    keep(folder, b"anew", digest=OTHER)

    assert victim.read_bytes() == before
    if not path.is_dir():
        assert content_of(kept(folder, OTHER)) == b"anew"


def test_a_folder_that_takes_no_file_is_done_without_and_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"no folder")

    copy = keep(tmp_path / "file", b"archive")

    assert copy.trouble
    assert kept_archive(tmp_path / "file", DIGEST) is None


def test_nobody_else_may_read_the_copy(tmp_path: Path) -> None:
    keep(tmp_path / "cache", b"archive")

    for path in (tmp_path / "cache", *(tmp_path / "cache").iterdir()):
        assert path.stat().st_mode & 0o77 == 0


def go_on(folder: Path) -> None:
    """One run on a folder that has an archive: it goes on in its pack, where it can be opened."""
    former = kept_archive(folder, DIGEST)
    keep(folder, (0, 5) if former else b"01234", b"new", digest=OTHER, former=former)


def begin_anew(folder: Path) -> None:
    """One that writes a new pack."""
    keep(folder, b"01234", b"new", digest=OTHER)


@pytest.mark.parametrize("run", [go_on, begin_anew])
@pytest.mark.parametrize("fault", ["kill", "full"])
def test_a_run_that_ends_badly_leaves_the_former_archive_or_the_new_one(
    tmp_path: Path, run: Callable[[Path], None], fault: str
) -> None:
    keep(tmp_path / "folder", b"0123456789")
    (tmp_path / "cases").mkdir()

    found = file_faults.cases(f"{__name__}:{run.__name__}", tmp_path / "folder", tmp_path / "cases", fault)

    assert len(found) > 4
    for case in found:
        if former := kept_archive_copied(case, DIGEST):
            assert content_of(former) == b"0123456789"
        if new := kept_archive_copied(case, OTHER):
            assert content_of(new) == b"01234new"
        assert former or new or fault == "full"
        keep(case, b"last", digest="c" * 64, former=kept_archive(case, OTHER if new else DIGEST))
        assert content_of(kept(case, "c" * 64)) == b"last"
        assert len(names(case)) == 2


def kept_archive_copied(case: Path, digest: str) -> KeptArchive | None:
    """Looked at in a copy, since asking clears away what is of another digest."""
    copy = case.with_name(f"{case.name}-{digest[0]}")
    shutil.copytree(case, copy)
    return kept_archive(copy, digest)
