"""Archives of volumes to drill, written independently of the product: right ones, and what wrong ones are made of."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import subprocess
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from local.drill.order import VolumeTarget, volume_orders
from local.drill_program.file_list import FileList, path_text
from local.drill_program.order import VolumeOrder
from local.drill_program.tar_entries import read_entries
from local.drill_program.volume import VolumeDrill
from local.drill_program.work import Disk, DiskShare, ProgressLines, Stop, Work
from tests.support.drill_archives import content_facts, content_members, make_database, with_record

MTIME_NS = 1_700_000_000_123_456_789
DATABASE = "data/app.db"
Member = tuple[tarfile.TarInfo, bytes]


def make_volume(root: Path) -> Path:
    """A volume as an application leaves it: files, folders, links of either kind, a FIFO and a database of 60 rows."""
    (root / "data").mkdir(parents=True)
    make_database(root / DATABASE, tasks=60)
    (root / "data" / ("long name " * 12)).write_bytes(b"x" * 2000)
    (root / os.fsdecode(b"no utf-8 \xff")).write_bytes(b"")
    (root / "latest").symlink_to("data/app.db")
    os.link(root / DATABASE, root / "zz-hard")
    os.mkfifo(root / "fifo")
    for path in [*root.rglob("*"), root]:
        os.utime(path, ns=(MTIME_NS, MTIME_NS), follow_symlinks=False)
    return root


def tar_of(root: Path) -> bytes:
    """The volume's tar as the product writes one: PAX, sorted, exact times."""
    command = ["tar", "cf", "-", "--format=pax", "--sort=name", "--pax-option=delete=atime,delete=ctime", "."]
    return subprocess.run(command, cwd=root, capture_output=True, check=True).stdout


def entry(name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, **more: Any) -> Member:
    """One entry of a tar that is made up."""
    info = tarfile.TarInfo(name)
    info.size, info.type = len(content), kind
    for field, value in more.items():
        setattr(info, field, value)
    return info, content


def tar_with(*members: Member, tar_format: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar of these entries, in this order."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tar_format) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def volume_record(tar: bytes, **said: Any) -> dict[str, Any]:
    """The fields of the record in an archive of this tar; each database in it is recorded. `said` replaces fields."""
    listed, databases = FileList(), {}
    for found in read_entries(io.BytesIO(tar)):
        listed.add(found)
        content = tar[found.offset : found.offset + found.size]
        if "databases" not in said and found.kind == "file" and content.startswith(b"SQLite format 3\0"):
            facts = content_facts(content)
            digest = hashlib.sha256(content).hexdigest()
            databases[path_text(found.path)] = {
                "raw_sha256": digest,
                "schema_sha256": facts.schema,
                "rows": dict(facts.rows),
            }
    return {
        "volume": "files",
        "content_since": "2026-05-05T12:00:00.000Z",
        "raw_sha256": hashlib.sha256(tar).hexdigest(),
        "raw_bytes": len(tar),
        "files": listed.files,
        "file_bytes": listed.bytes,
        "list_sha256": listed.sha256,
        "outward": listed.outward,
        "databases": databases,
        "tool": "0.1",
        **said,
    }


def volume_archive(tar: bytes, **said: Any) -> bytes:
    """A whole archive of this tar as the product writes it; `said` replaces fields of its record."""
    return with_record(content_members(tar), volume_record(tar, **said))


def recorded_target(path: Path, tar: bytes, archive: bytes | None = None, **changes: Any) -> VolumeTarget:
    """The archive of this tar, stored at `path`, with everything recorded that a backup records."""
    stored = volume_archive(tar) if archive is None else archive
    record, digest = volume_record(tar), hashlib.sha256(stored).hexdigest()
    known = {name: record[name] for name in ("raw_sha256", "files", "file_bytes", "list_sha256")}
    target = VolumeTarget(
        **known,
        **_stored(path, stored),
        database_bytes=len(tar),
        sha256=(("metadata", digest), ("sidecar", digest)),
        facts={"tool": "0.1"},
    )
    return dataclasses.replace(target, **changes)


def copied_target(path: Path, archive: bytes, **changes: Any) -> VolumeTarget:
    """The archive as somebody copied it, or as the former script made it: nothing is known but its sidecar's digest."""
    digest = hashlib.sha256(archive).hexdigest()
    target = VolumeTarget(**_stored(path, archive), database_bytes=None, raw_sha256=None, sha256=(("sidecar", digest),))
    return dataclasses.replace(target, **changes)


def volume_drilled_here(target: VolumeTarget, folder: Path, free_bytes: int | None = None) -> VolumeDrill:
    """The five steps carried out in this process; all that they leave in the folder is the tar, if it is to be kept.

    `free_bytes` is what the disk is taken to have room for.
    """
    (order,) = volume_orders([target])
    stop, disk = Stop(), Disk(str(folder))
    disk.free_bytes = disk.free_bytes if free_bytes is None else free_bytes
    room, progress = DiskShare(disk, stop), ProgressLines(order.name, watched=False)
    path = Path(order.keep or folder / "0.volume")
    with ThreadPoolExecutor(2) as pool:
        work: Work[VolumeOrder] = Work(order, path, stop, room, progress, pool)
        drill = VolumeDrill(work)
        drill.carry_out()
    assert room.reserved_bytes == 0
    assert [left for left in folder.iterdir() if left != path] == []
    assert path.exists() == bool(order.keep and drill.verdict == "passed")
    return drill


def volume_ending(target: VolumeTarget, folder: Path) -> tuple[str, str, str]:
    """The last step that `volume_drilled_here` came to, its verdict and its detail."""
    name, said, _, detail = volume_drilled_here(target, folder).result(brief=False)["steps"][-1]
    return name, said, detail


def _stored(path: Path, archive: bytes) -> dict[str, Any]:
    path.write_bytes(archive)
    return {
        "name": "files",
        "url": path.as_uri(),
        "blob": "volumes/2026-05-05/files.tar.gz",
        "backup_time": "2026-05-05T12:00:00.000Z",
        "gzip_bytes": len(archive),
        "sidecar_problem": None,
    }


def volume_metadata(tar: bytes, archive: bytes, **said: Any) -> dict[str, str]:
    """What stands beside the archive of this tar in the store."""
    record = {**volume_record(tar), **said}
    names = ("volume", "raw_sha256", "raw_bytes", "files", "file_bytes", "list_sha256", "tool")
    taken = {"taken": "2026-05-05T12:00:00.000Z", "sha256": hashlib.sha256(archive).hexdigest()}
    return {**taken, **{name: str(record[name]) for name in names}}


def put_volume(folder: Path, archive: bytes, metadata: dict[str, str] | None = None, name: str = "files") -> Path:
    """Store an archive in a folder store under the day of its backup, with its sidecar."""
    blob = folder / "volumes" / "2026-05-05" / f"{name}.tar.gz"
    blob.parent.mkdir(parents=True, exist_ok=True)
    blob.write_bytes(archive)
    blob.with_name(f"{blob.name}.sha256").write_text(f"{hashlib.sha256(archive).hexdigest()}  {blob.name}\n")
    if metadata:
        blob.with_name(f"{blob.name}.json").write_text(json.dumps(metadata))
    return blob
