"""The drill's first step over http: patient with what may pass, exact with what may not."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from local.drill import verdict
from local.drill.order import DatabaseTarget, database_orders
from local.drill.program import program
from local.drill.targets import Selection, find_targets
from local.drill_program.blob import RANGE_BYTES
from local.drill_program.download import RANGES_IN_FLIGHT, READ_BYTES, archive_pieces
from local.drill_program.errors import NotCarriedOutError
from local.drill_program.steps import download
from local.drill_program.work import Disk, DiskShare, ProgressLines, Stop, Work
from local.settings import Database
from tests.support.drill_archives import (
    NONCE,
    drilled,
    ending,
    ending_here,
    make_database,
    members,
    run_text,
    target_of,
)
from tests.support.drill_server import Blob, refuse, serving
from tests.support.workshop import Workshop


@pytest.fixture(scope="session")
def raw(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A sound database that does not compress, so that its archive takes more ranges than are in flight at once."""
    mebibytes = (RANGES_IN_FLIGHT + 2) * RANGE_BYTES >> 20
    script = f"""
        CREATE TABLE tasks(a);
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {mebibytes})
        INSERT INTO tasks SELECT randomblob(1 << 20) FROM n;"""
    return make_database(tmp_path_factory.mktemp("raw") / "tasks.db", script).read_bytes()


@pytest.fixture(scope="session")
def content(raw: bytes) -> bytes:
    """Its archive."""
    return members(raw, 1 << 20)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A database for the answers that end a download at once, or in whose archive one range is enough."""
    return make_database(tmp_path_factory.mktemp("small") / "tasks.db", "CREATE TABLE tasks(a)").read_bytes()


def _target(tmp_path: Path, raw: bytes, blob: Blob) -> DatabaseTarget:
    return target_of(tmp_path / "blob", blob.content, raw, url=blob.url)


def test_a_blob_in_several_ranges_passes(temp: Path, tmp_path: Path, raw: bytes, content: bytes) -> None:
    with serving(Blob(content)) as blob:
        database = drilled(temp, _target(tmp_path, raw, blob))
    assert database.verdict == "passed", database.steps
    assert len(blob.requests) == len(set(blob.requests)) == -(-len(content) // RANGE_BYTES)


@pytest.mark.parametrize("status", [500, 503, 429, 408])
def test_a_store_that_asks_for_patience_gets_it(
    temp: Path, tmp_path: Path, raw: bytes, content: bytes, status: int
) -> None:
    def sometimes(number: int, handler: BaseHTTPRequestHandler) -> bool:
        return number in (1, 4) and refuse(handler, status, Retry_After="1")

    with serving(Blob(content, misbehave=sometimes)) as blob:
        assert drilled(temp, _target(tmp_path, raw, blob)).verdict == "passed"


def test_a_connection_that_breaks_is_made_again(temp: Path, tmp_path: Path, raw: bytes, content: bytes) -> None:
    def reset(number: int, handler: BaseHTTPRequestHandler) -> bool:
        if number not in (1, 3):
            return False
        if number == 3:
            handler.send_response(206)
            handler.send_header("Content-Range", handler.headers["Range"].replace("=", " ") + f"/{len(content)}")
            handler.send_header("Content-Length", str(RANGE_BYTES))
            handler.end_headers()
            handler.wfile.write(b"half")
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        handler.connection.close()
        handler.close_connection = True
        handler.wfile = handler.connection.makefile("wb") if handler.connection.fileno() >= 0 else handler.wfile
        return True

    with serving(Blob(content, misbehave=reset)) as blob:
        assert drilled(temp, _target(tmp_path, raw, blob)).verdict == "passed"


def test_an_expired_link_is_inconclusive_and_tells_how_far_the_clock_is_off(
    temp: Path, tmp_path: Path, small: bytes
) -> None:
    def expired(_: int, handler: BaseHTTPRequestHandler) -> bool:
        handler.date_time_string = lambda timestamp=None: formatdate(0, usegmt=True)  # type: ignore[method-assign] # noqa: ARG005
        return refuse(handler, 403, x_ms_error_code="AuthenticationFailed")

    with serving(Blob(members(small), misbehave=expired)) as blob:
        database = drilled(temp, _target(tmp_path, small, blob))
    assert ending(database) == ("download", "inconclusive")
    assert "403 AuthenticationFailed" in database.steps[-1].detail
    assert "clock is +" in database.steps[-1].detail
    assert len(blob.requests) == 1


def test_a_firewall_is_not_taken_for_an_expired_link(temp: Path, tmp_path: Path, small: bytes) -> None:
    def barred(_: int, handler: BaseHTTPRequestHandler) -> bool:
        return refuse(handler, 403, x_ms_error_code="AuthorizationFailure")

    with serving(Blob(members(small), misbehave=barred)) as blob:
        database = drilled(temp, _target(tmp_path, small, blob))
    assert ending(database) == ("download", "inconclusive")
    assert "firewall" in database.steps[-1].detail
    assert "expired" not in database.steps[-1].detail


def test_a_blob_that_is_not_there_fails(temp: Path, tmp_path: Path, small: bytes) -> None:
    def gone(_: int, handler: BaseHTTPRequestHandler) -> bool:
        return refuse(handler, 404, x_ms_error_code="BlobNotFound")

    with serving(Blob(members(small), misbehave=gone)) as blob:
        database = drilled(temp, _target(tmp_path, small, blob))
    assert ending(database) == ("download", "failed")
    assert "BlobNotFound" in database.steps[-1].detail


ETAG_CHANGES: dict[str, Callable[[Blob], None]] = {
    "new metadata": lambda blob: blob.become(blob.content),
    # Every range differs: which of the ranges in flight was served before the change is up to the threads.
    "other bytes of the same size": lambda blob: blob.become(blob.content[::-1]),
    "a longer content": lambda blob: blob.become(blob.content + bytes(7)),
    "a shorter content": lambda blob: blob.become(blob.content[: RANGE_BYTES + 9]),
    "the content of another database": lambda blob: blob.become(hashlib.sha256(b"x").digest() * (1 << 19)),
}


@pytest.mark.parametrize("change", ETAG_CHANGES)
@pytest.mark.parametrize("at_request", [1, 2, 4], ids=["before", "early", "late"])
def test_a_blob_written_to_since_it_was_chosen_passes_if_its_content_is_the_same_and_else_is_inconclusive(
    temp: Path, tmp_path: Path, raw: bytes, content: bytes, change: str, at_request: int
) -> None:
    blob = Blob(content)

    def write(number: int, _: BaseHTTPRequestHandler) -> bool:
        if number >= at_request and blob.etag == '"1"':
            blob.etag = '"2"'
            ETAG_CHANGES[change](blob)
        return False

    blob.misbehave = write
    with serving(blob):
        database = drilled(temp, target_of(tmp_path / "blob", content, raw, url=blob.url, etag='"1"'))
    if change == "new metadata":
        assert database.verdict == "passed", database.steps
    else:
        assert ending(database)[1] == "inconclusive", database.steps
        assert ending(database)[0] in ("download", "checksum")
    assert blob.etag == '"2"'


def test_new_metadata_does_not_excuse_a_content_without_any_digest(temp: Path, tmp_path: Path, small: bytes) -> None:
    with serving(Blob(members(small), etag='"2"')) as blob:
        target = dataclasses.replace(_target(tmp_path, small, blob), sha256=(), etag='"1"')
        database = drilled(temp, target)
    assert ending(database) == ("checksum", "inconclusive")
    assert "overwritten since it was chosen" in database.steps[-1].detail


def _file_etag(path: Path) -> str:
    found = path.stat()
    return f"{found.st_ino}-{found.st_mtime_ns}-{found.st_size}"


FILE_CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a touch": (lambda path: os.utime(path, (1, 1)), "passed"),
    "the same content renamed into place": (lambda path: _rename_into(path, path.read_bytes()), "passed"),
    "other bytes of the same size": (
        lambda path: _rename_into(path, path.read_bytes()[:-70] + bytes(70)),
        "inconclusive",
    ),
    "a longer content": (lambda path: _rename_into(path, path.read_bytes() + bytes(7)), "inconclusive"),
    "a shorter content": (lambda path: _rename_into(path, path.read_bytes()[:-7]), "inconclusive"),
    "written in its place": (lambda path: path.write_bytes(b"x" * path.stat().st_size), "inconclusive"),
}


def _rename_into(path: Path, content: bytes) -> None:
    new = path.with_name("new")
    new.write_bytes(content)
    new.replace(path)


@pytest.mark.parametrize("change", FILE_CHANGES)
def test_a_file_written_to_since_it_was_chosen_passes_if_its_content_is_the_same_and_else_is_inconclusive(
    tmp_path: Path, change: str
) -> None:
    path, small = tmp_path / "a.gz", make_database(tmp_path / "small.db", tasks=40).read_bytes()
    target = target_of(path, members(small), small)
    chosen = dataclasses.replace(target, etag=_file_etag(path))
    assert ending_here(tmp_path, chosen)[1] == "passed"
    write, expected = FILE_CHANGES[change]
    write(path)
    assert ending_here(tmp_path, chosen)[1] == expected


@pytest.mark.parametrize("content", [b"x" * (9 << 20), b"x" * (2 << 20)], ids=["same size", "shorter"])
def test_a_file_written_in_its_place_in_the_middle_of_the_download_is_inconclusive(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(bytes(9 << 20))
    (order,) = database_orders([target_of(path, bytes(9 << 20), b"", sha256=(), etag=None)])
    pieces = archive_pieces(order, Stop())
    next(pieces)
    os.utime(path, (1, 1))
    path.write_bytes(content)
    written_since: list[bool] = []

    def read() -> Iterator[bytes]:
        written_since.append((yield from pieces))

    assert len(b"".join(read())) == max(0, len(content) - READ_BYTES)
    assert written_since == [True]


def test_a_file_shortened_in_the_middle_of_the_download_is_not_called_wrong(tmp_path: Path) -> None:
    path, stop = tmp_path / "a.gz", Stop()
    path.write_bytes(bytes(9 << 20))
    (order,) = database_orders([target_of(path, bytes(9 << 20), b"", database_bytes=None)])
    with ThreadPoolExecutor(1) as cores:
        room = DiskShare(Disk(str(tmp_path)), stop)
        pieces = download(Work(order, tmp_path / "r.db", stop, room, ProgressLines("a", watched=False), cores))
        next(pieces)
        os.truncate(path, 5 << 20)
        with pytest.raises(NotCarriedOutError, match="overwritten since it was chosen"):
            list(pieces)


@pytest.mark.parametrize("wrong", ["200", "other range", "no range", "redirect"])
def test_an_answer_that_is_not_the_range_asked_for_is_inconclusive(
    temp: Path, tmp_path: Path, small: bytes, wrong: str
) -> None:
    answers: dict[str, tuple[int, dict[str, str]]] = {
        "200": (200, {}),
        "other range": (206, {"Content_Range": "bytes 7-9/10"}),
        "no range": (206, {"Content_Range": "nonsense"}),
        "redirect": (302, {"Location": "http://127.0.0.1:9/elsewhere"}),
    }
    status, headers = answers[wrong]
    with serving(Blob(members(small), misbehave=lambda _, handler: refuse(handler, status, **headers))) as blob:
        assert ending(drilled(temp, _target(tmp_path, small, blob))) == ("download", "inconclusive")


def test_a_token_is_never_sent_over_http(temp: Path, tmp_path: Path, small: bytes) -> None:
    with serving(Blob(members(small))) as blob:
        target = replace(_target(tmp_path, small, blob), headers={"Authorization": "Bearer s3cret"})
        database = drilled(temp, target)

    assert ending(database) == ("download", "inconclusive")
    assert "over http" in database.steps[-1].detail
    assert "s3cret" not in str(database)
    assert blob.requests == []


def test_a_blob_of_another_size_than_listed_fails(temp: Path, tmp_path: Path, small: bytes) -> None:
    with serving(Blob(members(small))) as blob:
        target = _target(tmp_path, small, blob)
        blob.content += b"x"
        assert ending(drilled(temp, target)) == ("download", "failed")


def test_an_empty_blob_fails_the_decompression(temp: Path, tmp_path: Path, small: bytes) -> None:
    with serving(Blob(b"")) as blob:
        database = drilled(temp, _target(tmp_path, small, blob))
    assert ending(database) == ("decompress", "failed")


def test_a_store_that_nobody_can_reach_is_inconclusive_and_keeps_the_link_secret(
    temp: Path, tmp_path: Path, small: bytes
) -> None:
    with serving(Blob(members(small))) as blob:
        target = _target(tmp_path, small, blob)
    text = program([target], nonce=NONCE, deadline=3, progress=True)
    done = run_text(text, temp)
    (database,) = verdict.outcome(done.stdout, NONCE, [target]).databases
    assert ending(database) == ("download", "inconclusive")
    assert "sig" not in done.stdout + done.stderr + repr(database) + repr(target)
    assert list(temp.iterdir()) == []


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/a b\n?sig=verysecret", "http://[::1?sig=verysecret", "https://\udcff"]
)
def test_a_link_that_is_none_is_inconclusive_and_not_told(temp: Path, tmp_path: Path, small: bytes, url: str) -> None:
    target = target_of(tmp_path / "blob", members(small), small, url=url)
    done = run_text(program([target], nonce=NONCE, deadline=3), temp)
    (database,) = verdict.outcome(done.stdout, NONCE, [target]).databases
    assert ending(database) == ("download", "inconclusive")
    assert "verysecret" not in done.stdout + done.stderr + repr(database)


def test_a_blob_that_was_overwritten_since_it_was_chosen_is_inconclusive_and_not_wrong(
    azure_workshop: Workshop,
) -> None:
    path = azure_workshop.add("costs")
    azure_workshop.invoke("backup")
    targets = find_targets(Selection(azure_workshop.repository, (Database(name="costs", path=path),)))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM tasks")
    azure_workshop.invoke("backup")

    text = program(targets.found, nonce="0a", deadline=60)
    done = subprocess.run([sys.executable, "-IS", "-"], input=text, capture_output=True, text=True, check=True)

    (one,) = verdict.outcome(done.stdout, "0a", targets.found).databases
    assert one.verdict == "inconclusive"
    assert "overwritten" in one.steps[-1].detail
