"""What stands in a store that somebody else may write to: names, metadata, sidecars, what an archive's end says."""

from __future__ import annotations

import io
import json
import os
import struct
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.drill.lone_file import read_file
from local.drill_program.record import END, RecordError
from local.errors import PillarError
from local.output.listing import listing
from local.output.screen import size
from local.store import archive_end, catalog, layout
from local.store.folder import FolderStore
from local.store.interface import SMALL_BLOB_BYTES, Entry
from tests.support import tally
from tests.support.drill_archives import empty_member, legacy
from tests.support.shelf import SHELF

SOME = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
DATA = "sqlite/2026-05-05/costs.db.gz"
SECONDS = 60

texts = st.text(st.characters(codec=None), max_size=30) | st.sampled_from(
    ["\ud800", "\x1b[2J", "\0", "\u202e", "9" * 30, "9" * 5000, "-1", "NaN", "1e400", "true", "null", "[" * 5000]
)
times = st.sampled_from(
    ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-05-05T12:00:00Z", "2026-05-05", "0", "1e30"]
)
metadata = st.dictionaries(st.sampled_from(layout.BackupRecord.__struct_fields__) | texts, texts | times, max_size=6)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts | times,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


@SOME
@given(metadata)
def test_no_metadata_keeps_a_point_from_being_listed_or_is_told_half(fields: dict[str, str]) -> None:
    (point,) = catalog.from_entries([Entry(DATA, 5, datetime(2026, 5, 5, tzinfo=UTC), metadata=fields)], SHELF)

    msgspec.json.encode(listing([point]).backups[0].backup_time)
    assert isinstance(size(point.recorded.raw_bytes), str)
    assert layout.decode_metadata(layout.encode_metadata(point.recorded)) == point.recorded
    if point.trouble is None:
        msgspec.json.encode(point.recorded)
    tally.count("hostile stores", "metadata")


@SOME
@given(st.dictionaries(st.sampled_from(layout.BackupRecord.__struct_fields__), json_values, max_size=6))
def test_no_record_reads_as_anything_that_cannot_be_told_again(record: dict[str, Any]) -> None:
    try:
        recorded = layout.recorded_in(record)
    except ValueError:
        return
    msgspec.json.encode(recorded)
    assert layout.recorded_in(layout.record_of(recorded)) == recorded


@SOME
@given(st.binary(max_size=200) | st.text().map(lambda text: text.encode("utf-16")))
def test_no_sidecar_reads_as_anything_but_a_digest(content: bytes) -> None:
    digest = layout.parse_sidecar(content)

    assert digest is None or (len(digest) == 64 and int(digest, 16) >= 0)


NAMES = [
    "../../etc/passwd", "..", "a\nb.db.gz", "costs.db.gz\n", "\x1b[2J.db.gz", "a\x00b.db.gz", "c\u043ests.db.gz",
    "\uff43osts.db.gz", "COSTS.DB.GZ", "costs.db.gz.json", "costs@20260505T040000.000Z.db.gz", "costs@.db.gz", ".db.gz",
    "costs@20260505T040000.000Z-1.db.gz.sha256", "costs.db.gz.sha256.db.gz", "c" * 240 + ".db.gz", "costs.db.gz/x",
    "costs .db.gz", "costs.db.gz.", "-rf.db.gz", "\u202ezg.bd.db.gz", "costs.db.gz.sha256.json",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_name_that_is_not_ours_is_no_backup_and_no_trouble(tmp_path: Path, name: str) -> None:
    day = tmp_path / "sqlite/2026-05-05"
    day.mkdir(parents=True)
    if "\0" not in name and "/" not in name and name != "..":
        (day / name).write_bytes(legacy(b"x"))
    (day / os.fsdecode(b"\xff\xfe.db.gz")).write_bytes(b"")

    entries = [*FolderStore(tmp_path).entries("sqlite"), Entry(f"sqlite/2026-05-05/{name}", 5, datetime.now(UTC))]

    for point in catalog.from_entries(entries, SHELF):
        assert SHELF.data_name(point.day, point.name) == point.entry.name
        assert (tmp_path / point.entry.name).resolve().is_relative_to(tmp_path)
    tally.count("hostile stores", "names")


def within_time(work: Any) -> Any:
    """What `work` returns or raises; a failure where it waits for something that never comes."""
    ends: list[Any] = []

    def carry_out() -> None:
        try:
            ends.append(work())
        except (PillarError, OSError) as error:
            ends.append(error)

    thread = threading.Thread(target=carry_out, daemon=True)
    thread.start()
    thread.join(SECONDS)
    assert ends, "it waits"
    return ends[0]


@pytest.mark.parametrize("suffix", ["", ".sha256", ".json"])
def test_a_pipe_in_a_store_is_not_waited_for(tmp_path: Path, suffix: str) -> None:
    archive = tmp_path / DATA
    archive.parent.mkdir(parents=True)
    if suffix:
        archive.write_bytes(legacy(b"x"))
    os.mkfifo(f"{archive}{suffix}")
    store = FolderStore(tmp_path)

    entries = within_time(lambda: list(store.entries("sqlite")))
    assert len(catalog.from_entries(entries, SHELF)) == 1
    told = within_time(lambda: store.read(f"{DATA}{suffix}"))
    assert "no regular file" in str(told)


def test_a_sidecar_of_a_hundred_megabytes_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / f"{DATA}.sha256"
    path.parent.mkdir(parents=True)
    path.touch()
    os.truncate(path, 100 << 20)

    assert f"more than {SMALL_BLOB_BYTES} bytes" in str(
        within_time(lambda: FolderStore(tmp_path).read(f"{DATA}.sha256"))
    )


def test_a_pipe_beside_a_lone_archive_is_not_waited_for(tmp_path: Path) -> None:
    from local.drill.lone_file import _read_sidecar

    (tmp_path / "costs.db.gz").write_bytes(legacy(b"x"))
    os.mkfifo(tmp_path / "costs.db.gz.sha256")

    assert read_file(str(tmp_path / "costs.db.gz"), ()).trouble is None
    assert within_time(lambda: _read_sidecar(tmp_path / "costs.db.gz")) == (
        None,
        "the sidecar cannot be read: it is no regular file",
    )


def test_a_terabyte_of_zeros_is_not_read_to_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / DATA
    path.parent.mkdir(parents=True)
    path.write_bytes(legacy(b"x"))
    os.truncate(path, 1 << 40)

    (entry,) = within_time(lambda: list(FolderStore(tmp_path).entries("sqlite")))
    assert entry.size == 1 << 40


class Counting(io.BytesIO):
    """A file of which each read may be a request."""

    reads = 0

    def read(self, size: int | None = -1) -> bytes:
        """The next bytes, counted."""
        self.reads += 1
        return super().read(size)


def test_a_record_of_millions_of_empty_pieces_is_not_asked_for() -> None:
    piece = empty_member(b"PR", b"")
    content = piece * 200_000 + empty_member(b"PE", END.pack(0, 0, bytes(32)))
    file = Counting(content)

    with pytest.raises(RecordError):
        archive_end.read_record(file, len(content))
    assert file.reads < 3 * archive_end.PIECES_MAX


def test_a_mark_that_names_a_record_without_end_is_refused() -> None:
    content = empty_member(b"PE", struct.pack("<QQ32s", 0, 2**64 - 1, b""))

    with pytest.raises(RecordError):
        archive_end.read_record(io.BytesIO(content), len(content))


@pytest.mark.parametrize("content", [b"[" * 100_000, b"\xff\xfe{\0}\0", b'{"rows": ' + b"9" * 5000 + b"}", b"nul", b""])
def test_a_json_that_is_damaged_stands_for_a_backup_that_fails(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / DATA
    path.parent.mkdir(parents=True)
    path.write_bytes(legacy(b"x"))
    path.with_name("costs.db.gz.json").write_bytes(content)

    (point,) = catalog.from_entries(FolderStore(tmp_path).entries("sqlite"), SHELF)
    assert point.trouble or json.loads(content.decode("utf-16")) == {}
