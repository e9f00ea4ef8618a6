"""Coverage-guided fuzzing of the drill's first three steps, where atheris is installed.

    python -m tests.hostile.atheris_archives -runs=100000

Whatever unpacks is compared with Python's own gzip; an exception that is none of the drill's two ends the run.
"""

from __future__ import annotations

import gzip
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import atheris  # type: ignore[import-untyped]

with atheris.instrument_imports(include=["local.drill_program"]):
    from local.drill_program.errors import BackupWrongError, NotCarriedOutError
    from local.drill_program.gunzip import ByteReader, gunzip
    from local.drill_program.restored_file import RestoredFile
    from local.drill_program.work import Disk, DiskShare, ProgressLines, Stop, Work

from tests.support.drill_archives import NOTHING_RECORDED

FOLDER = Path(tempfile.mkdtemp(prefix="pillar9-atheris-"))
CORES = ThreadPoolExecutor(1)


def unpack(content: bytes) -> None:
    """One input: refused by the drill in words, or unpacked to what gunzip makes of it."""
    stop, path = Stop(), FOLDER / "restored.db"
    path.unlink(missing_ok=True)
    room, progress = DiskShare(Disk(str(FOLDER)), stop), ProgressLines("fuzz", watched=False)
    restored = RestoredFile(Work(NOTHING_RECORDED, path, stop, room, progress, CORES))
    try:
        gunzip(ByteReader(iter([content])), restored)
        restored.finish()
    except (BackupWrongError, NotCarriedOutError):
        return
    finally:
        restored.close()
        room.release()
    if path.read_bytes() != gzip.decompress(content):
        raise AssertionError("the drill and gunzip differ")


if __name__ == "__main__":
    atheris.Setup(sys.argv, unpack)
    atheris.Fuzz()
