"""The benchmark's volume, from a seed: files of text, most of them small and some large, and changes of them."""

from __future__ import annotations

import os
import random
from pathlib import Path

from tests.bench.data import EPOCH, Text

MEAN_BYTES = 100_000  # 10,000 files in 1 GB
_FOLDERS = 200
_WORDS = 3_000_000
_SPREAD = 1.6
_CHANGE_WORDS = 200_000
_LEAST_BYTES = 64
_LATER_SECONDS = 30 * 24 * 3600


def generate(folder: Path, size: int, seed: int) -> int:
    """Fill the folder with files of about `size` bytes in all; how many.

    Their sizes are as those of files are: half of them have a quarter of the mean or less, and a few have most of all.
    """
    rng = random.Random(seed)
    text = Text(rng, min(_WORDS, max(_CHANGE_WORDS, size // 50)))
    count = max(100, size // MEAN_BYTES)
    weights = [rng.lognormvariate(0, _SPREAD) for _ in range(count)]
    for number in range(min(_FOLDERS, count)):
        (folder / f"folder-{number:03}").mkdir()
    for number, weight in enumerate(weights):
        path = folder / f"folder-{number % _FOLDERS:03}" / f"file-{number:05}.txt"
        _write(path, text, max(_LEAST_BYTES, int(size * weight / sum(weights))), EPOCH + number)
    return count


def change(folder: Path, share: float, seed: int) -> int:
    """Write other text of about the same length into a share of the files, others for each seed; how many."""
    rng = random.Random(seed)
    text = Text(rng, _CHANGE_WORDS)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    chosen = rng.sample(files, max(1, round(len(files) * share)))
    for path in chosen:
        _write(path, text, path.stat().st_size + rng.randrange(-30, 30), EPOCH + _LATER_SECONDS + seed)
    return len(chosen)


def _write(path: Path, text: Text, size: int, mtime: int) -> None:
    left = max(1, size)
    with path.open("w") as file:
        while left > 0:
            left -= file.write(text.take(min(left, 50_000)))
    os.utime(path, (mtime, mtime))
