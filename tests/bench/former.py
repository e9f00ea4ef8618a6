"""The former pipeline, as the bash daemon ran it, and the former drill: one process a step, one after the other."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from local.errors import PillarError
from tests.bench.data import TABLES
from tests.bench.workbench import Workbench

SDK = Path(__file__).with_name("former_sdk.py")
BACKUP_COMMANDS = (
    "`sqlite3 LIVE \".backup 'COPY.db'\"`, `gzip COPY.db` (level 6), `sha256sum COPY.db.gz > COPY.db.gz.sha256`, and "
    "one Python process that uploads both with the SDK's plain `upload_blob` (lighter than the `az` of the daemon)"
)
DRILL_COMMANDS = (
    "one Python process that downloads both blobs with the SDK, `sha256sum -c`, `gunzip`, "
    "`sqlite3 COPY.db 'PRAGMA integrity_check'`, and `sqlite3 COPY.db 'SELECT count(*) …'` for each table"
)

# A step's name, its command, and the file that its output goes to.
_Command = tuple[str, list[str], Path | None]


@dataclass(frozen=True)
class Step:
    """One command of the pipeline and how long it took, in seconds."""

    name: str
    seconds: float


@dataclass(frozen=True)
class Former:
    """One whole run of the former pipeline or drill; `gzip_bytes` is the size of its archive."""

    steps: tuple[Step, ...]
    gzip_bytes: int

    @property
    def seconds(self) -> float:
        return sum(step.seconds for step in self.steps)


def back_up(bench: Workbench, live: Path, url: str) -> Former:
    """Snapshot, gzip, digest, upload."""
    folder = _emptied(bench.folder / "former")
    copy, archive, sidecar = (folder / f"copy.db{ending}" for ending in ("", ".gz", ".gz.sha256"))
    commands: list[_Command] = [
        ("sqlite3 .backup", [_program("sqlite3"), str(live), f".backup '{copy}'"], None),
        ("gzip", [_program("gzip"), str(copy)], None),
        ("sha256sum", [*_sha256sum(), archive.name], sidecar),
        ("upload", [sys.executable, str(SDK), "upload", url, str(archive), str(sidecar)], None),
    ]
    return _carried_out(bench, folder, commands, archive)


def back_up_folder(bench: Workbench, live: Path, url: str) -> Former:
    """A volume, as the daemon did it: tar, digest, upload."""
    folder = _emptied(bench.folder / "former")
    archive, sidecar = (folder / f"copy.tar.gz{ending}" for ending in ("", ".sha256"))
    commands: list[_Command] = [
        ("tar czf", [_program("tar"), "czf", str(archive), "-C", str(live), "."], None),
        ("sha256sum", [*_sha256sum(), archive.name], sidecar),
        ("upload", [sys.executable, str(SDK), "upload", url, str(archive), str(sidecar)], None),
    ]
    return _carried_out(bench, folder, commands, archive)


def _carried_out(bench: Workbench, folder: Path, commands: list[_Command], archive: Path) -> Former:
    """Each step by itself, one after the other; the folder is gone afterwards."""
    steps = tuple(
        Step(name, bench.run(command, cwd=folder, stdout=stdout).seconds) for name, command, stdout in commands
    )
    found = Former(steps, archive.stat().st_size)
    shutil.rmtree(folder)
    return found


def drill(bench: Workbench, url: str) -> Former:
    """Download, compare, unpack, check, count."""
    folder = _emptied(bench.folder / "former")
    copy, archive, sidecar = (folder / f"copy.db{ending}" for ending in ("", ".gz", ".gz.sha256"))
    counts = "; ".join(f"SELECT count(*) FROM {table}" for table in TABLES)
    download = bench.run([sys.executable, str(SDK), "download", url, str(archive), str(sidecar)], cwd=folder)
    size = archive.stat().st_size
    commands = [
        ("sha256sum -c", [*_sha256sum(), "-c", sidecar.name]),
        ("gunzip", [_program("gunzip"), str(archive)]),
        ("integrity_check", [_program("sqlite3"), str(copy), "PRAGMA integrity_check"]),
        ("count(*)", [_program("sqlite3"), str(copy), counts]),
    ]
    done = {name: bench.run(command, cwd=folder) for name, command in commands}
    if done["integrity_check"].output.strip() != "ok":
        raise PillarError("bench: the former drill", f"integrity_check said {done['integrity_check'].output}")
    steps = (Step(name, one.seconds) for name, one in done.items())
    shutil.rmtree(folder)
    return Former((Step("download", download.seconds), *steps), size)


def _sha256sum() -> list[str]:
    program = shutil.which("sha256sum")
    return [program] if program else [_program("shasum"), "-a", "256"]


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise PillarError("bench: the former pipeline", f"{name} is not installed here", f"install {name}")
    return found


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder
