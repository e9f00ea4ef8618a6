"""The programs that the bench starts: a peak of memory, a later moment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.bench import data
from tests.bench.part_memory import PROGRAM
from tests.bench.workbench import CHECKOUT

MIB = 1024 * 1024
HOLD = "import time; kept = b'x' * (64 * 1024 * 1024); time.sleep(0.5)"
MAP = """
import mmap, sys, time
with open(sys.argv[1], "rb") as file:
    kept = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
sum(kept[at] for at in range(0, len(kept), 4096))
time.sleep(0.5)
"""


def peaks(*command: str) -> list[int]:
    done = subprocess.run([sys.executable, str(PROGRAM), *command], capture_output=True, text=True, check=True)
    return [int(word) for word in done.stdout.split()]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells anonymous memory")
def test_anonymous_memory_is_what_a_process_keeps_and_no_page_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 64 * MIB)

    kept, kept_resident = peaks("--anonymous", sys.executable, "-c", HOLD)
    mapped, mapped_resident = peaks("--anonymous", sys.executable, "-c", MAP, str(tmp_path / "file"))

    assert min(kept, kept_resident, mapped_resident) > 64 * MIB
    assert mapped < 48 * MIB


def test_without_the_word_only_the_resident_peak_is_told_and_the_exit_code_is_the_commands() -> None:
    command = [sys.executable, str(PROGRAM), sys.executable, "-c", "raise SystemExit(3)"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert int(done.stdout) > MIB


def test_a_run_at_a_later_moment_is_a_backup_of_that_moment(tmp_path: Path) -> None:
    live, config = tmp_path / "a.db", tmp_path / "invoke.json"
    data.generate(live, 400_000, seed=3)
    store = tmp_path / "store"
    store.mkdir()
    config.write_text(json.dumps({"store": {"url": store.as_uri()}, "databases": [{"name": "a", "path": str(live)}]}))
    ahead = timedelta(days=3)
    begin = datetime.now(UTC)
    command = [sys.executable, "-m", "tests.bench.later", str(ahead.total_seconds())]
    command += ["-f", str(config), "backup", "--json"]
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=True)
    taken = datetime.fromisoformat(json.loads(done.stdout)["databases"][0]["backup_time"])
    assert begin + ahead - timedelta(seconds=1) <= taken <= datetime.now(UTC) + ahead
