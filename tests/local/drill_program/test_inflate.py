"""A member inflated by either library: the same bytes, the same refusals in the same words."""

from __future__ import annotations

import contextlib
import random
import struct
import tracemalloc
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local.drill import verdict
from local.drill.order import database_orders
from local.drill.program import program
from local.drill.run import zlib_ng_file
from local.drill_program.errors import BackupWrongError, NotCarriedOutError
from local.drill_program.inflate import inflate, inflated_by, working_zlib_ng, zlib_error
from tests.support.drill_archives import NONCE, drilled_here, installed_zlib_ng, member, members, run_text, target_of

RAW = b"abc" * 9000
SOUND = member(RAW)


@pytest.fixture(scope="module")
def zlib_ng() -> Any:
    """The module that the requirements bring."""
    return installed_zlib_ng()


def _inflated(packed: bytes, raw_bytes: int, zlib_ng: Any = None) -> bytes | str:
    try:
        return b"".join(inflate(memoryview(packed), raw_bytes, zlib_ng))
    except (BackupWrongError, NotCarriedOutError) as error:
        return f"{type(error).__name__}: {error}"


def test_a_member_is_inflated_only_to_the_size_that_it_claims(zlib_ng: Any) -> None:
    for library in (None, zlib_ng):
        assert _inflated(SOUND, 27_000, library) == RAW
        for raw_bytes in (0, 1, 26_999, 27_001, 1 << 20):
            assert "a gzip member is not of the size that it claims" in _inflated(SOUND, raw_bytes, library)


def test_a_bomb_is_not_inflated_beyond_what_it_claims(zlib_ng: Any) -> None:
    bomb = memoryview(member(bytes(20_000_000)))
    tracemalloc.start()
    try:
        assert inflated_by(zlib_ng, bomb, 1000) is None
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "packed",
    [
        SOUND[:-8] + bytes(4) + SOUND[-4:],
        SOUND[:-4] + bytes(4),
        SOUND[:-1],
        SOUND[:30],
        SOUND + b"\0",
        SOUND + SOUND,
        SOUND[:-8] + b"junk" + SOUND[-8:],
        SOUND + b"junk" + SOUND[-8:],
        member(b""),
        member(b"") + bytes(40),
        b"\x1f\x8b\x09" + SOUND[3:],
        SOUND[:3] + b"\x24" + SOUND[4:],
    ],
    ids=["crc", "length", "cut", "half", "more", "two", "junk", "junk and end", "empty", "padded", "method", "flags"],
)
def test_what_one_library_refuses_the_other_refuses_in_the_same_words(zlib_ng: Any, packed: bytes) -> None:
    assert _inflated(packed, len(RAW), zlib_ng) == _inflated(packed, len(RAW))
    assert isinstance(_inflated(packed, len(RAW)), str)


def _mutants(seed: int, count: int) -> Iterator[tuple[bytes, int]]:
    """Streams with some flipped bits; where zlib still inflates them their CRC and length are right, so that all stands
    and falls with the deflate data.
    """
    rng = random.Random(seed)
    head = SOUND[:24]
    for _ in range(count):
        kind = rng.randrange(4)
        words, noise = bytes(rng.choices(b"abcdefgh \n", k=rng.randrange(300))), rng.randbytes(rng.randrange(200))
        raw = (words, b"hello world " * rng.randrange(60), noise, bytes(rng.randrange(4000)))[kind]
        strategy = rng.choice([zlib.Z_DEFAULT_STRATEGY, zlib.Z_FIXED, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE])
        deflater = zlib.compressobj(rng.choice([0, 1, 6, 9]), zlib.DEFLATED, -15, 9, strategy)
        body = bytearray(deflater.compress(raw) + deflater.flush())
        for _ in range(rng.randint(1, 3)):
            body[rng.randrange(min(len(body), rng.choice([3, 20, 80, 4000])))] ^= 1 << rng.randrange(8)
        with contextlib.suppress(zlib.error):
            raw = zlib.decompressobj(-15).decompress(body, 1 << 20)
        yield head + body + struct.pack("<II", zlib.crc32(raw), len(raw)), len(raw)


def _compare(zlib_ng: Any, seed: int, count: int) -> None:
    taken = 0
    for packed, raw_bytes in _mutants(seed, count):
        plain = _inflated(packed, raw_bytes)
        fast = inflated_by(zlib_ng, memoryview(packed), raw_bytes)
        assert fast == (plain if isinstance(plain, bytes) else None), (seed, packed.hex())
        taken += fast is not None
    assert 0 < taken < count


def test_zlib_ng_takes_what_zlib_takes_and_no_more(zlib_ng: Any) -> None:
    # libdeflate and ISA-L both take streams that gunzip refuses, some of them one rotten bit away from a sound one.
    _compare(zlib_ng, 1, 6000)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_zlib_ng_takes_what_zlib_takes_of_a_million_streams(zlib_ng: Any) -> None:
    _compare(zlib_ng, random.SystemRandom().randrange(2**32), 1_000_000)


def test_a_code_that_no_gunzip_knows_is_refused_also_where_a_lenient_one_would_make_the_same_of_it(
    zlib_ng: Any,
) -> None:
    # 1,025 zero bytes by fixed codes; a flipped bit makes the length 258 (code 285) the unused code 287.
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_FIXED)
    body = deflater.compress(bytes(1025)) + deflater.flush()
    end = struct.pack("<II", zlib.crc32(bytes(1025)), 1025)
    told = set()
    for bit in range(8 * len(body)):
        packed = bytearray(body)
        packed[bit // 8] ^= 1 << bit % 8
        whole = SOUND[:24] + bytes(packed) + end
        assert _inflated(whole, 1025, zlib_ng) == _inflated(whole, 1025)
        told.add(_inflated(whole, 1025))
    assert any("invalid literal/length code" in str(words) for words in told)


@pytest.mark.parametrize("what", ["nothing", "a text", "a folder", "another module", "none"])
def test_another_library_or_none_is_done_without(tmp_path: Path, what: str) -> None:
    text = tmp_path / "zlib_ng.so"
    text.write_text("this is no library")
    import _sqlite3

    paths = {"nothing": str(tmp_path / "gone.so"), "a text": str(text), "a folder": str(tmp_path), "none": None}
    assert working_zlib_ng(paths.get(what, _sqlite3.__file__)) is None


@pytest.mark.parametrize("damage", [b"", b"garbage"])
def test_the_program_comes_to_the_same_with_it_and_without(
    temp: Path, tmp_path: Path, archive: Path, raw: bytes, damage: bytes
) -> None:
    target = target_of(archive, members(raw) + damage, raw)
    installed = zlib_ng_file()
    assert installed
    said = []
    for path in (None, installed, str(tmp_path / "gone.so")):
        done = run_text(program([target], nonce=NONCE, deadline=100, zlib_ng=path), temp)
        assert done.stderr == ""
        (found,) = verdict.outcome(done.stdout, NONCE, [target]).databases
        said.append((found.verdict, found.sha256, found.rows, [(step.name, step.detail) for step in found.steps]))
    assert said[0] == said[1] == said[2]
    assert said[0][0] == ("failed" if damage else "passed")


def test_a_restored_file_is_the_same_by_either_library(tmp_path: Path, archive: Path, raw: bytes, zlib_ng: Any) -> None:
    (order,) = database_orders([replace(target_of(archive, members(raw), raw), keep=str(tmp_path / "kept.db"))])
    for library in (None, zlib_ng):
        drill = drilled_here(order, tmp_path, zlib_ng=library)
        assert drill.verdict == "passed", drill.notes
        assert (tmp_path / "restored.db").read_bytes() == raw
        (tmp_path / "restored.db").unlink()


def test_a_lack_of_memory_says_nothing_of_the_backup() -> None:
    assert isinstance(zlib_error(zlib.error("Error -4 while decompressing data")), NotCarriedOutError)
    assert isinstance(zlib_error(zlib.error("Error -3 while decompressing data")), BackupWrongError)
