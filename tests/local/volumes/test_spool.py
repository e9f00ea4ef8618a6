from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from local.volumes.spool import Part, Span, SpooledContent, SpoolFile, assemble, copy_span, joined

MIB = 1 << 20


def spooled(path: Path, *pieces: bytes) -> Path:
    with SpoolFile(path) as spool:
        for piece in pieces:
            spool.write(piece)
    return path


def test_a_spool_is_what_was_written_to_it_though_zeros_take_no_room(tmp_path: Path) -> None:
    rng = random.Random(9)
    pieces = [rng.choice([bytes(rng.randrange(200_000)), rng.randbytes(rng.randrange(9000))]) for _ in range(200)]
    pieces.append(bytes(100_000))
    path = spooled(tmp_path / "spool", *pieces)
    assert path.read_bytes() == b"".join(pieces)
    assert path.stat().st_blocks * 512 < sum(len(piece) for piece in pieces if piece.strip(b"\0")) + 200 * 8192
    assert path.stat().st_mode & 0o777 == 0o600


def test_content_is_padded_to_whole_blocks(tmp_path: Path) -> None:
    with SpoolFile(tmp_path / "spool") as spool:
        spool.write_padded([])
        assert spool.at == 0
        spool.write_padded([b"x" * 300, b"y" * 212])
        assert spool.at == 512
        spool.write_padded([b"z"])
        assert spool.at == 1024


def test_a_spool_that_is_the_tar_already_is_renamed(tmp_path: Path) -> None:
    spool = spooled(tmp_path / "spool", b"a" * 1000, b"b" * 1000, b"left over")
    inode = spool.stat().st_ino
    size = assemble(spool, [Span(0, 1000), Span(1000, 1000), b"end"], tmp_path / "tar")
    assert (tmp_path / "tar").read_bytes() == b"a" * 1000 + b"b" * 1000 + b"end"
    assert size == 2003
    assert (tmp_path / "tar").stat().st_ino == inode
    assert not spool.exists()


@pytest.mark.parametrize("seed", range(20))
def test_any_parts_come_to_their_places(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    pieces = [rng.choice([os.urandom, bytes])(rng.choice([1, 512, 5000, 70_000, 200_000])) for _ in range(12)]
    spool = spooled(tmp_path / "spool", *pieces)
    parts: list[Part] = []
    expected, at = [], 0
    for number, piece in enumerate(pieces):
        parts.append(Span(at, len(piece)))
        expected.append(piece)
        at += len(piece)
        kind = rng.randrange(4)
        if kind == 0:
            (tmp_path / str(number)).write_bytes(piece[::-1])
            parts.append(SpooledContent(tmp_path / str(number), len(piece)))
            expected.append(piece[::-1])
        if kind == 1:
            parts.append(b"header" * 100)
            expected.append(b"header" * 100)
    order = list(range(len(parts)))
    rng.shuffle(order)
    order = order[: rng.randrange(1, len(order))]
    size = assemble(spool, [parts[number] for number in order], tmp_path / "tar")
    assert (tmp_path / "tar").read_bytes() == b"".join(expected[number] for number in order)
    assert size == (tmp_path / "tar").stat().st_size
    assert not spool.exists()


def test_what_follows_one_another_in_the_spool_is_moved_as_one() -> None:
    spans: list[Part] = [Span(0, 5), Span(5, 6), b"", b"a", b"b", Span(20, 1), Span(11, 2), Span(13, 0)]
    assert joined(spans) == [Span(0, 11), b"ab", Span(20, 1), Span(11, 2)]


def test_a_part_of_the_spool_is_copied_by_itself(tmp_path: Path) -> None:
    spool = spooled(tmp_path / "spool", b"a" * 100_000, b"b" * 100_000)
    copy_span(spool, Span(99_999, 70_000), tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"a" + b"b" * 69_999
    with pytest.raises(OSError, match="ended"):
        copy_span(spool, Span(150_000, 70_000), tmp_path / "short")
