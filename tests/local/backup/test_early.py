"""A database that is compressed while it is copied: what is restored is what was copied, whatever comes between."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Literal

import pytest

from local.archive.cache import cache_folder
from local.archive.former import FormerArchive
from local.archive.planner import Planner
from local.errors import SourceError
from local.sqlite import snapshot
from local.sqlite.header import foretold_first_page
from tests.local.backup.live_databases import half_noise
from tests.support.at_once import AtOnce
from tests.support.kept_archives import kept_archive_of
from tests.support.live_writer import live_writer
from tests.support.odd_databases import execute
from tests.support.workshop import Workshop

MIB = 1024 * 1024
NOTHING = FormerArchive()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(3) as running:
        yield running


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_what_is_compressed_during_the_copy_of_a_busy_database_is_in_the_copy(
    large: Path, target: Path, pool: ThreadPoolExecutor, mode: Literal["wal", "delete"]
) -> None:
    with live_writer(large, mode=mode) as writer, closing(Planner(target, pool, 64 * MIB)) as planner:
        writer.wait_for(20)
        snapshot.take(large, target, follow=lambda size, final: planner.follow(NOTHING, size, final))
        plan = planner.plan(NOTHING)
        writer.stop()
    whole = target.read_bytes()
    assert plan.size == len(whole)
    assert plan.packed
    for spot, packed in plan.packed.items():
        offset, length = spot.chunk
        assert gzip.decompress(packed.data) == whole[offset : offset + length]


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_the_digest_of_a_busy_database_is_begun_during_its_copy(
    large: Path, target: Path, tmp_path: Path, mode: Literal["wal", "delete"]
) -> None:
    with live_writer(large, mode=mode) as writer:
        writer.wait_for(20)
        snapshot.take(large, target)
        former = kept_archive_of(target.read_bytes(), tmp_path / "archive")
        target.unlink()
        with closing(Planner(target, AtOnce(), 64 * MIB, foretell=foretold_first_page)) as planner:
            snapshot.take(large, target, follow=lambda size, final: planner.follow(former, size, final))
            plan = planner.plan(former)
        writer.stop()
    assert plan.digest.taken > plan.size // 2
    with target.open("rb") as file:
        assert plan.digest.finish(file.fileno(), plan.size) == hashlib.sha256(target.read_bytes()).hexdigest()


def test_an_early_read_that_fails_ends_the_copy(large: Path, target: Path, pool: ThreadPoolExecutor) -> None:
    def follow(size: int, final: int) -> None:
        planner.follow(NOTHING, size, final)
        if final:
            raise SourceError("backup", "the disk refused it", "")

    with closing(Planner(target, pool, 64 * MIB)) as planner, pytest.raises(SourceError, match="the disk refused it"):
        snapshot.take(large, target, follow=follow)
    assert not target.exists()


def test_each_run_of_a_large_database_drills(azure_workshop: Workshop) -> None:
    path = azure_workshop.add("large", half_noise(azure_workshop.root / "large.db"))
    assert azure_workshop.invoke("backup").returncode == 0
    execute(path, "UPDATE noise SET body = randomblob(300) WHERE id % 3000 = 7")

    changed = [azure_workshop.document("backup")["databases"][0]["changed"] for _ in range(2)]

    assert 0 < changed[0] < 0.02
    assert changed[1] == 0
    assert azure_workshop.invoke("drill.local").returncode == 0


def test_a_run_killed_while_it_compresses_what_it_copies_loses_nothing(folder_workshop: Workshop) -> None:
    path = folder_workshop.add("large", half_noise(folder_workshop.root / "large.db"))
    before = path.read_bytes()
    work = cache_folder(folder_workshop.store_settings) / "work"

    with subprocess.Popen(
        folder_workshop.command("backup"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        deadline = time.monotonic() + 30
        while not any(copy.stat().st_size > 17 * MIB for copy in work.glob("*/snapshot.db")):
            assert time.monotonic() < deadline
        process.kill()

    assert path.read_bytes() == before
    assert folder_workshop.invoke("backup").returncode == 0
    assert not work.exists()
    assert folder_workshop.invoke("drill.local").returncode == 0
