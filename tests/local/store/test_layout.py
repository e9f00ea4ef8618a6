"""Names, sidecars and metadata: what is written is read back, and what is another's is never taken for ours."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.settings import NAME
from local.store import layout
from local.store.layout import BackupRecord
from local.store.shelf import databases_in
from tests.support.shelf import SHELF

DIGEST = "0123456789abcdef" * 4
# Azure's limit for all metadata of a blob, names and values together.
METADATA_LIMIT_BYTES = 8 * 1024

names = st.from_regex(NAME, fullmatch=True)
prefixes = st.lists(names, min_size=1, max_size=3).map("/".join)
digests = st.text("0123456789abcdef", min_size=64, max_size=64)
sizes = st.integers(0, 2**48)
moments = st.datetimes(datetime(1970, 1, 2), datetime(2999, 1, 1), timezones=st.just(UTC)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)
table_counts = st.dictionaries(st.text(min_size=1, max_size=40), sizes, max_size=60)
records = st.builds(
    BackupRecord,
    database=st.none() | names,
    taken=st.none() | moments,
    unchanged_until=st.none() | moments,
    content_since=st.none() | moments,
    sha256=st.none() | digests,
    raw_sha256=st.none() | digests,
    raw_bytes=st.none() | sizes,
    page_size=st.none() | sizes,
    page_count=st.none() | sizes,
    user_version=st.none() | st.integers(-(2**31), 2**31 - 1),
    schema_sha256=st.none() | digests,
    rows=st.none() | table_counts,
    row_total=st.none() | sizes,
    added_bytes=st.none() | sizes,
    sqlite=st.none() | st.just("3.45.1"),
    tool=st.none() | st.just("pillar9 0.1.0"),
)


@given(prefixes, st.dates(), names)
def test_a_data_blob_s_name_is_read_back(prefix: str, day: date, database: str) -> None:
    name = databases_in(prefix).data_name(day, database)

    assert databases_in(prefix).parse(name) == (day, database)


@given(prefixes, st.dates(), names)
def test_a_sidecar_and_a_blob_of_another_prefix_are_no_data_blobs(prefix: str, day: date, database: str) -> None:
    name = databases_in(prefix).data_name(day, database)

    assert databases_in(prefix).parse(layout.sidecar_name(name)) is None
    assert databases_in(f"{prefix}x").parse(name) is None
    assert databases_in(prefix).parse(f"other/{name}") is None


@given(st.text())
def test_whatever_parses_is_the_name_that_would_be_given(text: str) -> None:
    for name in (text, f"sqlite/{text}", f"sqlite/2026-05-05/{text}.db.gz", f"sqlite/{text}/costs.db.gz"):
        parsed = SHELF.parse(name)
        assert parsed is None or SHELF.data_name(*parsed) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "sqlite/2026-05-05/costs.db",
        "sqlite/2026-05-05/costs.db.gz.json",
        "sqlite/2026-05-05/costs.db.gz@20260505T040000.000Z",
        "sqlite/2026-05-05/costs.db.gz\n",
        "sqlite/2026-05-05/.db.gz",
        "sqlite/2026-05-05/Costs.db.gz",
        "sqlite/2026-05-05/a/costs.db.gz",
        "sqlite/2026-05-05/../costs.db.gz",
        "sqlite/2026-02-30/costs.db.gz",
        "sqlite/20260505/costs.db.gz",
        "sqlite/\u0662\u0660\u0662\u0666-\u0660\u0665-\u0660\u0665/costs.db.gz",
        "sqlite//2026-05-05/costs.db.gz",
        "2026-05-05/costs.db.gz",
    ],
)
def test_a_foreign_blob_is_no_data_blob(name: str) -> None:
    assert SHELF.parse(name) is None


def test_a_prefix_is_no_pattern() -> None:
    assert databases_in("a.b").parse("axb/2026-05-05/costs.db.gz") is None
    assert databases_in("a.b").parse("a.b/2026-05-05/costs.db.gz") == (date(2026, 5, 5), "costs")


@given(digests, prefixes, st.dates(), names)
def test_a_sidecar_s_line_is_read_back(digest: str, prefix: str, day: date, database: str) -> None:
    line = layout.sidecar_line(digest, databases_in(prefix).data_name(day, database))

    assert line == f"{digest}  {database}.db.gz\n".encode()
    assert layout.parse_sidecar(line) == digest


@pytest.mark.parametrize(
    "line",
    [
        f"{DIGEST}  costs.db.gz\n",
        f"{DIGEST}  costs.db.gz",
        f"{DIGEST}  costs.db.gz\r\n",
        f"{DIGEST} *costs.db.gz\n",
        f"{DIGEST}  /Users/x/backups/2026-05-05/costs.db.gz\n",
        f"{DIGEST}  -\n",
        f"{DIGEST}  ü.db.gz\n",
        f"{DIGEST.upper()}  costs.db.gz\n",
        f"\\{DIGEST}  co\\nsts.db.gz\n",
        f"\\{DIGEST} *co\\\\sts.db.gz\n",
        f"{DIGEST}  costs.db.gz\n{'f' * 64}  another.db.gz\n",
    ],
)
def test_every_form_of_sha256sum_s_line_tells_the_digest(line: str) -> None:
    assert layout.parse_sidecar(line.encode()) == DIGEST


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        DIGEST.encode(),
        f"{DIGEST}\n".encode(),
        f"{DIGEST}  ".encode(),
        f"{DIGEST}costs.db.gz\n".encode(),
        f"{DIGEST[1:]}  costs.db.gz\n".encode(),
        f"{DIGEST}0  costs.db.gz\n".encode(),
        f" {DIGEST}  costs.db.gz\n".encode(),
        f"\\\\{DIGEST}  costs.db.gz\n".encode(),
        f"{DIGEST[1:]}g  costs.db.gz\n".encode(),
        f"SHA256 (costs.db.gz) = {DIGEST}\n".encode(),
        f"\ufeff{DIGEST}  costs.db.gz\n".encode(),
        f"see below\n{DIGEST}  costs.db.gz\n".encode(),
        b"\xff\x00",
    ],
)
def test_a_content_without_a_digest_in_its_first_line_tells_none(content: bytes) -> None:
    assert layout.parse_sidecar(content) is None


@pytest.mark.parametrize("name", ["costs.db.gz", "a b.db.gz", "line\nbreak.db.gz", "back\\slash.db.gz"])
def test_the_real_sha256sum_and_we_read_each_other(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"an archive")
    program = ["sha256sum"] if shutil.which("sha256sum") else ["shasum", "-a", "256"]

    written = subprocess.run([*program, name], cwd=tmp_path, capture_output=True, check=True).stdout

    digest = layout.parse_sidecar(written)
    assert digest
    if name == "costs.db.gz":
        assert layout.sidecar_line(digest, f"sqlite/2026-05-05/{name}") == written


@given(records)
def test_what_a_backup_says_of_itself_is_read_back(recorded: BackupRecord) -> None:
    metadata = layout.encode_metadata(recorded)

    told = recorded if "rows" in metadata else layout.changed(recorded, rows=None)
    assert layout.decode_metadata(metadata) == told
    assert layout.decode_metadata({key.title(): value for key, value in metadata.items()}) == told
    assert all(value.isascii() for value in metadata.values())
    assert sum(len(key) + len(value) for key, value in metadata.items()) <= METADATA_LIMIT_BYTES


def test_counts_of_more_tables_than_azure_s_metadata_has_room_for_stand_in_the_archive_alone() -> None:
    recorded = BackupRecord(rows={f"table {number} {'ü' * 100}": number for number in range(2000)})

    assert "rows" not in layout.encode_metadata(recorded)
    assert layout.recorded_in(layout.record_of(recorded)).rows == recorded.rows


@given(records)
def test_an_archive_tells_all_of_its_content_and_nothing_of_the_point_or_of_itself(recorded: BackupRecord) -> None:
    record = json.loads(json.dumps(layout.record_of(recorded)))

    told = layout.recorded_in({**record, "members": "of another reader"})
    assert told == layout.changed(
        recorded, taken=recorded.content_since, unchanged_until=None, sha256=None, added_bytes=None
    )
    assert not {"taken", "unchanged_until", "sha256", "added_bytes"} & record.keys()


@pytest.mark.parametrize("record", [{"raw_bytes": "5"}, {"rows": []}, {"content_since": "2026-05-05"}])
def test_an_archive_s_record_that_contradicts_itself_is_named(record: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="the archive's record cannot be read"):
        layout.recorded_in(record)


def test_metadata_tells_moments_in_utc_and_nothing_of_what_is_not_known() -> None:
    east = datetime(2026, 5, 5, 6, 0, 0, 123000, tzinfo=UTC) + timedelta(hours=1)

    assert layout.encode_metadata(BackupRecord(database="costs", taken=east)) == {
        "database": "costs",
        "taken": "2026-05-05T07:00:00.123Z",
    }
    assert layout.encode_metadata(BackupRecord()) == {}


def test_the_keys_of_others_are_left_alone() -> None:
    assert layout.decode_metadata({"hdi_isfolder": "true", "owner": "ops", "tool": "x"}) == BackupRecord(tool="x")
    assert layout.decode_metadata({}) == BackupRecord()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sha256", "unreadable"),
        ("sha256", DIGEST.upper()),
        ("raw_sha256", DIGEST[1:]),
        ("raw_bytes", "-1"),
        ("raw_bytes", "1_000"),
        ("raw_bytes", ""),
        ("user_version", "x"),
        ("taken", "yesterday"),
        ("rows", "[]"),
        ("rows", '"rows"'),
    ],
)
def test_a_field_that_does_not_read_is_named_and_never_taken_as_absent(key: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"the backup's metadata cannot be read: .*{key}"):
        layout.decode_metadata({key: value})


def test_rows_that_are_no_json_do_not_read() -> None:
    with pytest.raises(ValueError, match="the backup's metadata cannot be read"):
        layout.decode_metadata({"rows": "{"})


def test_an_upload_that_has_not_come_to_its_commit_is_no_backup() -> None:
    assert layout.is_unfinished({layout.SEED_KEY: "sqlite/2026-05-05/costs.db.gz"})
    assert layout.is_unfinished({layout.SEED_KEY: ""})
    assert not layout.is_unfinished(layout.encode_metadata(BackupRecord(database="costs")))
