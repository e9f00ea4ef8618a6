"""The SHA-256 of a file of which several threads have read parts is the one of the file."""

from __future__ import annotations

import hashlib
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local.archive.file_digest import FileDigest

CONTENT = random.Random(5).randbytes(9 * 1024 * 1024 + 1)
PART = 300_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "copy.db"
    path.write_bytes(CONTENT)
    return path


def finished(digest: FileDigest, path: Path) -> str:
    with path.open("rb") as file:
        return digest.finish(file.fileno(), len(CONTENT))


@pytest.mark.parametrize("until", [0, PART, len(CONTENT)])
def test_what_nobody_took_is_read(file: Path, until: int) -> None:
    digest = FileDigest()
    digest.take(0, CONTENT[:until])
    assert digest.taken == until
    assert finished(digest, file) == hashlib.sha256(CONTENT).hexdigest()


def test_stretches_of_several_threads_are_taken_in_the_order_of_the_file(file: Path) -> None:
    digest = FileDigest()
    starts = range(0, len(CONTENT), PART)
    with ThreadPoolExecutor(len(starts)) as pool:
        for start in reversed(starts):
            pool.submit(digest.take, start, CONTENT[start : start + PART])
    file.write_bytes(b"")
    assert finished(digest, file) == hashlib.sha256(CONTENT).hexdigest()


def test_after_a_drop_nobody_waits_and_all_of_the_file_is_read(file: Path) -> None:
    digest = FileDigest()
    digest.take(0, b"not the file's")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(digest.take, PART, b"its turn never comes")
        digest.drop()
        waiting.result()
    assert digest.taken == 0
    assert finished(digest, file) == hashlib.sha256(CONTENT).hexdigest()


def test_a_file_that_is_shorter_than_it_was_is_no_digest(file: Path) -> None:
    file.write_bytes(CONTENT[:PART])
    with pytest.raises(OSError, match=f"ended at byte {PART}"):
        finished(FileDigest(), file)
