"""Archives that somebody made: none passes that holds anything but what was backed up, and none stops a drill."""

from __future__ import annotations

import gzip
import importlib.util
import random
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from local.drill_program import restored_file
from tests.hostile.mutations import MUTATIONS, mutant, sound_parts
from tests.support import tally
from tests.support.drill_archives import ending_here, installed_zlib_ng, make_database, target_of, unrecorded

SOME = 400
MANY = 10_000


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A database of a few pages."""
    return make_database(tmp_path_factory.mktemp("small") / "s.db", tasks=20).read_bytes()


def judge(folder: Path, small: bytes, seeds: range) -> Counter[str]:
    """Drill the mutants of these numbers as copied files, of which nothing is known but themselves; count by kind."""
    path, tried = folder / "mutant.gz", Counter[str]()
    sound = unrecorded(target_of(folder / "sound.gz", b"".join(sound_parts(small)), small), sha256=())
    assert ending_here(folder, sound)[:2] == ("rows", "passed")
    for seed in seeds:
        made = mutant(small, seed)
        path.write_bytes(made.content)
        _, verdict, detail = ending_here(folder, replace(sound, url=path.as_uri(), gzip_bytes=len(made.content)))
        assert verdict in ("passed", "failed"), (seed, made.how, detail)
        assert "cut short" not in detail, (seed, made.how, detail)
        if verdict == "passed":
            assert gzip.decompress(made.content) == small, (seed, made.how)
        assert list(folder.glob("restored*")) == []
        tried[made.how] += 1
    for how, number in tried.items():
        tally.count("hostile archives", how, number)
    return tried


def compare(folder: Path, small: bytes, seeds: range, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of these mutants ends on three cores, by zlib-ng and read back, as on one core, member after member."""
    path = folder / "mutant.gz"
    sound = unrecorded(target_of(folder / "sound.gz", b"".join(sound_parts(small)), small), sha256=())
    for seed in seeds:
        made = mutant(small, seed)
        path.write_bytes(made.content)
        target = replace(sound, url=path.as_uri(), gzip_bytes=len(made.content))
        monkeypatch.setattr(restored_file, "JOB_BYTES", 1)
        monkeypatch.setattr(restored_file, "IN_FLIGHT_BYTES", 0)
        alone = ending_here(folder, target, cores=1)
        monkeypatch.undo()
        monkeypatch.setattr(restored_file, "JOB_BYTES", 1 + seed % 9000)
        together = ending_here(folder, target, cores=3, zlib_ng=installed_zlib_ng(), read_back=True)
        monkeypatch.undo()
        assert alone == together, (seed, made.how)


def test_a_mutant_ends_the_same_in_the_same_words_on_one_core_and_on_three(
    tmp_path: Path, small: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare(tmp_path, small, range(SOME), monkeypatch)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_ten_thousand_mutants_end_the_same_on_one_core_and_on_three(
    tmp_path: Path, small: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = random.SystemRandom().randrange(2**32)
    compare(tmp_path, small, range(first, first + MANY), monkeypatch)


def test_not_one_of_some_hundred_mutants_is_accepted(tmp_path: Path, small: bytes) -> None:
    tried = judge(tmp_path, small, range(SOME))

    assert tried.keys() == MUTATIONS.keys()


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_not_one_of_ten_thousand_mutants_is_accepted(tmp_path: Path, small: bytes) -> None:
    first = random.SystemRandom().randrange(2**32)

    assert judge(tmp_path, small, range(first, first + MANY)).total() == MANY


def test_a_content_forged_under_a_sound_record_is_named_by_its_digest(tmp_path: Path, small: bytes) -> None:
    made = MUTATIONS["another content under this record"](random.Random(1), small)
    step, verdict, detail = ending_here(tmp_path, unrecorded(target_of(tmp_path / "a.gz", made, small), sha256=()))

    assert (step, verdict) == ("decompress", "failed")
    assert "SHA-256" in detail


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not among the pinned packages")
def test_a_coverage_guided_fuzzer_finds_no_other_way_out(tmp_path: Path, small: bytes) -> None:
    (tmp_path / "ours.gz").write_bytes(b"".join(sound_parts(small)))
    command = [sys.executable, "-m", "tests.hostile.atheris_archives", "-runs=300000", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr[-3000:]
    tally.count("hostile archives", "inputs of a coverage-guided fuzzer", 300_000)
