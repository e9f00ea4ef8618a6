"""The restore drill: what is stored is downloaded, checked, decompressed, opened and counted, and nothing is left behind.

This file is the product's promise, and all of it: the same text runs on this machine and on the VM, piped into
`python3 -IS -`, with the standard library of Python 3.8 or later and nothing else. Whatever it reads is untrusted.

failed means: the backup is wrong. inconclusive means: the drill could not be carried out. Only five passed steps pass.
"""

import base64
import contextlib
import errno
import hashlib
import http.client
import json
import os
import shutil
import signal
import sqlite3
import ssl
import struct
import sys
import tempfile
import threading
import time
import urllib.parse
import zlib
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from pathlib import Path

MIB = 1024 * 1024
PIECE = 4 * MIB
MEMBER_LIMIT = 64 * MIB
ROOM_RESERVE = 64 * MIB
PREFIX = "pillar9-drill-"
RESULT = "pillar9-result-"
STALE_SECONDS = 2 * 60 * 60
STOP = threading.Event()
CONNECTIONS = set()
# What SQLite says when this library is older than the database, which then may well be sound.
TOO_OLD = ("no such module", "unknown tokenizer", "no such collation", "no such function", "unsupported file format")


class Failed(Exception):  # noqa: N818 - it is a verdict
    """The backup is wrong."""


class Inconclusive(Exception):  # noqa: N818 - it is a verdict
    """The drill could not be carried out."""


# --- what is recorded of a database's rows, at the backup and here ----------------------------------------------------


def row_counts(connection):
    """The rows of every table by its name; a virtual table whose module this SQLite lacks is left out."""
    names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    counts = {}
    for (name,) in connection.execute(names).fetchall():
        quoted = name.replace('"', '""')
        try:
            counts[name] = connection.execute('SELECT count(*) FROM "%s"' % quoted).fetchone()[0]
        except sqlite3.OperationalError as error:
            if "no such module" not in str(error):
                raise
    return counts


def schema_digest(connection):
    """SHA-256 over the sorted schema: every object's type, name, table and text."""
    rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
    return digest_of(sorted(rows, key=lambda row: [value or "" for value in row]))


def digest_of(value):
    """SHA-256 of the value's canonical JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def tables_record(rows, limit):
    """The counts of all tables in at most `limit` characters of JSON: each one, or all by position, or one digest."""
    plain = {"rows": rows}
    if len(json.dumps(plain)) <= limit:
        return plain
    counts = ",".join(str(rows[name]) for name in sorted(rows)).encode()
    packed = {"names": digest_of(sorted(rows)), "counts": base64.b64encode(zlib.compress(counts, 9)).decode()}
    return packed if len(json.dumps(packed)) <= limit else {"digest": digest_of(rows)}


def recorded_counts(record, names):
    """The recorded count of each table, as far as the record's form tells them one by one for these `names`."""
    if "rows" in record:
        return record["rows"]
    if record.get("names") != digest_of(sorted(names)):
        return {}
    unpacked = zlib.decompressobj().decompress(base64.b64decode(record["counts"]), 16 * MIB).decode()
    return dict(zip(sorted(names), (int(count) for count in unpacked.split(","))))


# --- download: pieces of a file or of a blob, in order ----------------------------------------------------------------


class FileSource:
    """An archive in a folder."""

    def __init__(self, url):
        try:
            self.file = open(urllib.parse.unquote(urllib.parse.urlsplit(url).path), "rb")  # noqa: PTH123, SIM115
        except PermissionError as error:
            raise Inconclusive("cannot be read: %s" % error.strerror) from None
        except OSError as error:
            raise Failed("cannot be read: %s" % error.strerror) from None
        self.size = os.fstat(self.file.fileno()).st_size

    def read(self, offset, length):
        try:
            return os.pread(self.file.fileno(), length, offset)
        except OSError as error:
            raise Failed("cannot be read at byte %d: %s" % (offset, error.strerror)) from None

    def close(self):
        self.file.close()


class BlobSource:
    """An archive behind a link; every range must come from the same content, told by its ETag."""

    def __init__(self, url):
        self.url = urllib.parse.urlsplit(url)
        self.connections = threading.local()
        self.opened = []
        self.etag = None
        self.size = None
        self.first = self.read(0, PIECE)

    def read(self, offset, length):
        if offset == 0 and self.size is not None:
            return self.first
        for attempt in range(6):
            if STOP.is_set():
                raise Inconclusive("stopped")
            try:
                status, headers, body = self.ask(offset, length)
            except (OSError, http.client.HTTPException) as error:
                trouble, wait = type(error).__name__, 0
                self.connections.kept = None
            else:
                if status in (200, 206):
                    return self.taken(status, headers, body, length)
                self.judge(status, headers)
                trouble, wait = "HTTP %d" % status, headers.get("Retry-After", "")
                wait = int(wait) if wait.isdigit() else 0
            STOP.wait(min(max(wait, 0.2 * 2**attempt), 30))
        raise Inconclusive("the store does not deliver: %s, after several tries" % trouble)

    def ask(self, offset, length):
        kept = getattr(self.connections, "kept", None)
        if kept is None:
            if self.url.scheme == "https":
                context = ssl.create_default_context()
                kept = http.client.HTTPSConnection(self.url.netloc, timeout=60, context=context)
            else:
                kept = http.client.HTTPConnection(self.url.netloc, timeout=60)
            self.connections.kept = kept
            self.opened.append(kept)
        headers = {"Range": "bytes=%d-%d" % (offset, offset + length - 1), "x-ms-version": "2021-12-02"}
        if self.etag:
            headers["If-Match"] = self.etag
        kept.request("GET", "%s?%s" % (self.url.path, self.url.query), headers=headers)
        answer = kept.getresponse()
        return answer.status, answer.headers, answer.read(length + 1)

    def taken(self, status, headers, body, length):
        if len(body) > length or (status == 200 and self.size is not None):
            raise Inconclusive("the store ignores ranges")
        if self.size is None:
            whole = headers.get("Content-Range", "").rpartition("/")[2]
            self.size = int(whole) if whole.isdigit() else len(body)
            self.etag = headers.get("ETag")
        return body

    def judge(self, status, headers):
        """Raise what will not get better by trying again."""
        if status == 404:
            raise Failed("the blob is gone (HTTP 404)")
        if status == 416:
            raise Failed("the blob is empty")
        if status == 412:
            raise Inconclusive("the blob was replaced during the drill; run it again")
        if status in (401, 403):
            ahead = "unknown"
            if headers.get("Date"):
                ahead = "%.0f s" % (time.time() - parsedate_to_datetime(headers["Date"]).timestamp())
            text = "the store refuses the link (HTTP %d): it expired, or a clock is wrong (this one is ahead by %s)"
            raise Inconclusive(text % (status, ahead))
        if status < 500 and status not in (408, 429):
            raise Inconclusive("the store answers HTTP %d" % status)

    def close(self):
        for connection in self.opened:
            connection.close()


def pieces(source, pool):
    """The archive's bytes in order, a few pieces ahead."""
    waiting = deque()
    offsets = iter(range(0, source.size, PIECE))
    while True:
        while len(waiting) < 8:
            offset = next(offsets, None)
            if offset is None:
                break
            waiting.append(pool.submit(source.read, offset, min(PIECE, source.size - offset)))
        if not waiting:
            return
        if STOP.is_set():
            raise Inconclusive("stopped")
        yield waiting.popleft().result()


# --- decompress: members that tell their size in parallel, everything else as a stream --------------------------------


class Restoration:
    """The database being written: bytes of gzip go in, in order; raw bytes land in the file, and in its digest."""

    def __init__(self, path, limit, pool):
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        self.limit = limit
        self.pool = pool
        self.hasher = ThreadPoolExecutor(1)
        self.hashing = None
        self.digest = hashlib.sha256()
        self.size = 0
        self.buffer = bytearray()
        self.stream = None
        self.members = 0
        self.under_way = deque()

    def feed(self, data):
        self.buffer += data
        while self.take():
            pass

    def take(self):
        """Take one member, or what is there of one; False when more bytes are needed."""
        if self.stream is None:
            if not self.buffer:
                return False
            sizes = self.own_member()
            if sizes == ():
                return False
            if sizes:
                return self.take_member(*sizes)
            if self.buffer[:2] != b"\x1f\x8b"[: len(self.buffer)]:
                what = "trailing garbage after the last gzip member" if self.members else "this is not gzip"
                raise Failed(what)
            self.stream = zlib.decompressobj(31)
        return self.take_stream()

    def own_member(self):
        """The sizes in the header's extra field, None for a member of others, () when the header is not whole yet."""
        head = bytes(self.buffer[:24])
        expected = b"\x1f\x8b\x08\x04"
        if head[:4] != expected[: len(head)]:
            return None
        if len(head) < 24:
            return ()
        return struct.unpack_from("<II", head, 16) if head[10:16] == b"\x0c\x00P9\x08\x00" else None

    def take_member(self, packed, raw):
        if not 24 < packed <= MEMBER_LIMIT or raw > MEMBER_LIMIT:
            raise Failed("a gzip member claims %d bytes for %d" % (packed, raw))
        if len(self.buffer) < packed:
            return False
        member = bytes(memoryview(self.buffer)[:packed])
        del self.buffer[:packed]
        self.grow(raw)
        self.under_way.append(self.pool.submit(self.inflate, member, raw, self.size - raw))
        self.members += 1
        while len(self.under_way) > 16:
            self.settle()
        return True

    def inflate(self, member, raw, offset):
        stream = zlib.decompressobj(31)
        data = stream.decompress(member, raw + 1)
        if len(data) != raw or not stream.eof or stream.unused_data:
            raise Failed("a gzip member is not what its header claims")
        self.write(data, offset)
        return data

    def take_stream(self):
        while self.under_way:
            self.settle()
        data = self.stream.decompress(bytes(self.buffer), PIECE)
        self.buffer[:] = self.stream.unused_data if self.stream.eof else self.stream.unconsumed_tail
        self.grow(len(data))
        self.write(data, self.size - len(data))
        self.hash(data)
        if self.stream.eof:
            self.stream = None
            self.members += 1
        return self.stream is None or len(data) == PIECE

    def grow(self, count):
        self.size += count
        if self.limit is not None and self.size > self.limit:
            raise Failed("it decompresses to more than the %d bytes recorded" % self.limit)
        if self.limit is None and shutil.disk_usage(self.descriptor).free < ROOM_RESERVE + count:
            raise Inconclusive("no room on this disk for a database whose size is not recorded")

    def write(self, data, offset):
        view = memoryview(data)
        while view:
            done = os.pwrite(self.descriptor, view, offset)
            view, offset = view[done:], offset + done

    def settle(self):
        """The oldest member is done; its bytes join the digest in their order."""
        self.hash(self.under_way.popleft().result())

    def hash(self, data):
        """In a thread of its own, one piece behind."""
        if self.hashing:
            self.hashing.result()
        self.hashing = self.hasher.submit(self.digest.update, data)

    def finish(self):
        while self.under_way:
            self.settle()
        self.hashing = self.hashing and self.hashing.result()
        if self.stream is not None or self.buffer:
            raise Failed("the gzip ends in the middle of a member: it is cut short")
        if not self.members or not self.size:
            raise Failed("nothing is in it")

    def close(self):
        self.hasher.shutdown()
        os.close(self.descriptor)


# --- the five steps ---------------------------------------------------------------------------------------------------


class Drill:
    """One database on its way through the steps: what was ordered, and what was found."""

    def __init__(self, order, folder, room, progress):
        self.order = order
        self.path = os.path.join(folder, "%s.db" % order["name"])  # noqa: PTH118
        self.room = room
        self.progress = progress
        self.steps = []
        self.sha256 = None
        self.gzip_bytes = None
        self.raw_sha256 = None
        self.database_bytes = None
        self.trouble = {}
        self.seconds = {}
        self.rows = {}
        self.rest_as_recorded = False

    def run(self):
        for name, step in STEPS:
            begin = time.monotonic()
            verdict, detail = "passed", ""
            try:
                detail = step(self) or ""
            except Failed as failed:
                verdict, detail = "failed", str(failed)
            except Inconclusive as inconclusive:
                verdict, detail = "inconclusive", str(inconclusive)
            except OSError as error:
                verdict, detail = "inconclusive", "this machine refuses: %s" % (error.strerror or type(error).__name__)
                if error.errno == errno.ENOSPC:
                    detail = "the disk is full"
            except Exception as error:  # noqa: BLE001 - a cause nobody foresaw is told, and is never a pass
                where = error.__traceback__.tb_next.tb_lineno if error.__traceback__.tb_next else 0
                verdict, detail = "inconclusive", "unforeseen %s at line %d" % (type(error).__name__, where)
            seconds = self.seconds.get(name, time.monotonic() - begin)
            self.steps.append([name, verdict, round(seconds, 3), detail[:500]])
            if verdict != "passed":
                break
        if os.path.exists(self.path):  # noqa: PTH110
            os.unlink(self.path)  # noqa: PTH108
        self.room.leave(self.order["name"])


def download(drill):
    """One pass reads, hashes and decompresses; the two steps after this one tell what it found."""
    drill.room.take(drill.order["name"], drill.order["database_bytes"])
    begin = time.monotonic()
    digest = hashlib.sha256()
    spent = {"checksum": 0.0, "decompress": 0.0}
    with ThreadPoolExecutor(8) as loaders, ThreadPoolExecutor(os.cpu_count() or 1) as workers:
        source = (FileSource if drill.order["url"].startswith("file:") else BlobSource)(drill.order["url"])
        restoration = Restoration(drill.path, drill.order["database_bytes"], workers)
        try:
            if source.size != drill.order["gzip_bytes"]:
                raise Failed("it has %d bytes, the store lists %d" % (source.size, drill.order["gzip_bytes"]))
            done = 0
            for piece in pieces(source, loaders):
                started = time.monotonic()
                digest.update(piece)
                hashed = time.monotonic()
                decompress_piece(drill, restoration, piece)
                spent["checksum"] += hashed - started
                spent["decompress"] += time.monotonic() - hashed
                done += len(piece)
                drill.progress(drill.order["name"], "download", done, source.size)
            if done != source.size:
                raise Inconclusive("it ended after %d of %d bytes" % (done, source.size))
            started = time.monotonic()
            decompress_piece(drill, restoration, None)
            spent["decompress"] += time.monotonic() - started
        finally:
            source.close()
            restoration.close()
    drill.sha256, drill.gzip_bytes = digest.hexdigest(), source.size
    drill.raw_sha256, drill.database_bytes = restoration.digest.hexdigest(), restoration.size
    drill.seconds = dict(spent, download=time.monotonic() - begin - sum(spent.values()))


def decompress_piece(drill, restoration, piece):
    """What goes wrong here is told at its own step, since the checksum comes first: the rest is still read for that."""
    if "decompress" in drill.trouble:
        return
    try:
        restoration.finish() if piece is None else restoration.feed(piece)
    except zlib.error as error:
        drill.trouble["decompress"] = Failed("the gzip is damaged: %s" % error)
    except (Failed, Inconclusive, OSError) as error:
        drill.trouble["decompress"] = error


def checksum(drill):
    """The digest equals the one in the metadata and the one in the sidecar."""
    if drill.order["sidecar_problem"]:
        raise Failed("%s, so a restore by hand would fail" % drill.order["sidecar_problem"])
    for where, expected in drill.order["sha256"]:
        if expected != drill.sha256:
            raise Failed("SHA-256 is %s, the %s says %s" % (drill.sha256, where, expected))
    return "" if drill.order["sha256"] else "no digest was recorded, so none was compared"


def decompress(drill):
    """Every member was whole, and together they are the recorded database."""
    if "decompress" in drill.trouble:
        raise drill.trouble["decompress"]
    size, digest = drill.order["database_bytes"], drill.order["raw_sha256"]
    if size is not None and size != drill.database_bytes:
        raise Failed("it decompresses to %d bytes, %d were recorded" % (drill.database_bytes, size))
    if digest is not None and digest != drill.raw_sha256:
        raise Failed("the database's SHA-256 is %s, %s was recorded" % (drill.raw_sha256, digest))
    return ""


def integrity(drill):
    """SQLite's full integrity_check says exactly ok."""
    drill.progress(drill.order["name"], "integrity", 0, 1)
    with opened(drill) as connection:
        problems = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
    if problems != ["ok"]:
        text = "; ".join(problems[:5])
        raise (Inconclusive if too_old(text) else Failed)(judged(text))


def rows(drill):
    """Each table holds the rows recorded at the backup, and at least the configured floor."""
    record, minimum = drill.order["tables"], drill.order["minimum"]
    with opened(drill) as connection:
        found = row_counts(connection)
        schema = schema_digest(connection)
    drill.rows = found
    wrong = ["%s: %s rows, at least %d wanted" % (name, found.get(name, "no such table, so no"), least)
             for name, least in sorted(minimum.items()) if found.get(name, -1) < least]  # fmt: skip
    if record is not None:
        wrong += differences(record, found)
    if drill.order["schema"] not in (None, schema):
        wrong.append("the schema is not the recorded one")
    if wrong:
        raise Failed("; ".join(wrong[:5]) + ("; and %d more" % (len(wrong) - 5) if len(wrong) > 5 else ""))
    drill.rest_as_recorded = record is not None and "rows" in record
    return "" if record is not None else "no counts were recorded, so only the floors were compared"


def differences(record, found):
    """What the restored counts say that the record does not."""
    recorded = recorded_counts(record, found)
    missing = ["%s: no such table, %d rows recorded" % (name, recorded[name]) for name in recorded if name not in found]
    wrong = ["%s: %d rows, %d recorded" % (name, count, recorded[name])
             for name, count in found.items() if recorded.get(name, count) != count]  # fmt: skip
    wrong += ["%s: not recorded at the backup" % name for name in found if "rows" in record and name not in recorded]
    if "names" in record and not recorded:
        wrong.append("the tables are not the recorded ones")
    if "digest" in record and record["digest"] != digest_of(found):
        wrong.append("the tables' counts are not the recorded ones")
    return missing + wrong


STEPS = (
    ("download", download),
    ("checksum", checksum),
    ("decompress", decompress),
    ("integrity", integrity),
    ("rows", rows),
)


@contextlib.contextmanager
def opened(drill):
    """The restored database, never changed; SQLite's errors become verdicts, and a stop ends what it is doing."""
    connection = sqlite3.connect("%s?mode=ro&immutable=1" % Path(drill.path).as_uri(), uri=True, check_same_thread=False)
    CONNECTIONS.add(connection)
    try:
        # Table names of any bytes are compared, whatever they decode to.
        connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
        connection.execute("PRAGMA mmap_size = %d" % 2**40)
        yield connection
    except sqlite3.Error as error:
        if STOP.is_set():
            raise Inconclusive("stopped") from None
        raise (Inconclusive if too_old(str(error)) else Failed)(judged(str(error))) from None
    finally:
        CONNECTIONS.discard(connection)
        connection.close()


def too_old(text):
    """Whether this SQLite may be what is wrong, and not the database."""
    newer_syntax = "malformed database schema" in text and sqlite3.sqlite_version_info < (3, 45)
    return newer_syntax or any(sign in text for sign in TOO_OLD)


def judged(text):
    return "SQLite %s says: %s" % (sqlite3.sqlite_version, text)


# --- the run: every database at once, in a private folder that is gone afterwards --------------------------------------


class Room:
    """Free disk space, promised to each database before it is downloaded."""

    def __init__(self, folder):
        self.folder = folder
        self.free = shutil.disk_usage(folder).free - ROOM_RESERVE
        self.promised = {}
        self.lock = threading.Lock()

    def take(self, name, size):
        with self.lock:
            left = self.free - sum(self.promised.values())
            if (size or 0) > left:
                raise Inconclusive("no room in %s: it takes %d bytes, %d are free" % (self.folder, size, max(left, 0)))
            self.promised[name] = size or 0

    def leave(self, name):
        with self.lock:
            self.promised.pop(name, None)


class Stopped(BaseException):
    """The deadline, or a signal; `number` is the signal's."""

    def __init__(self, number):
        super().__init__(number)
        self.number = number


def stop(number, frame):
    raise Stopped(number)


def temporary_root():
    """TMPDIR, or the roomier of the two places that every Unix has."""
    if os.environ.get("TMPDIR"):
        return os.environ["TMPDIR"]
    return max(("/var/tmp", "/tmp"), key=lambda place: shutil.disk_usage(place).free)  # noqa: S108


def sweep(root):
    """Remove what a killed drill of this user left, once no drill can still be using it."""
    for entry in os.scandir(root):
        try:
            found = entry.stat(follow_symlinks=False)
            mine = entry.name.startswith((PREFIX, RESULT)) and found.st_uid == os.getuid()
            if mine and found.st_mtime < time.time() - STALE_SECONDS:
                shutil.rmtree(entry.path) if entry.is_dir(follow_symlinks=False) else os.unlink(entry.path)  # noqa: PTH108
        except FileNotFoundError:
            continue


def drill_all(order, folder):
    """Drill every database of the order; one that the deadline catches is inconclusive."""
    lock = threading.Lock()

    def progress(name, step, done, total):
        if order["progress"]:
            with lock:
                said = json.dumps({"name": name, "step": step, "done": done, "total": total})
                print(said, file=sys.stderr, flush=True)

    room = Room(folder)
    drills = [Drill(one, folder, room, progress) for one in order["databases"]]
    waiting = deque(drills)
    threads = [threading.Thread(target=work, args=(waiting,), daemon=True) for _ in range(min(4, len(drills)))]
    for thread in threads:
        thread.start()
    try:
        while any(thread.is_alive() for thread in threads):
            time.sleep(0.02)
    except Stopped as stopped:
        STOP.set()
        for connection in list(CONNECTIONS):
            connection.interrupt()
        if stopped.number != signal.SIGALRM:
            raise
        for thread in threads:
            thread.join(5)
    return drills


def work(waiting):
    while waiting and not STOP.is_set():
        try:
            drill = waiting.popleft()
        except IndexError:
            return
        drill.run()


def payload_of(order, drills):
    """The result: what the reader of the order cannot know. With a budget, equal counts are not said again."""
    databases = []
    for drill in drills:
        expected = [digest for _, digest in drill.order["sha256"]]
        steps = drill.steps
        if not steps or (steps[-1][1] == "passed" and len(steps) < len(STEPS)):
            steps = [*steps, [STEPS[len(steps)][0], "inconclusive", 0.0, "the drill's deadline ended it"]]
        spared = drill.rest_as_recorded and order["budget"] is not None
        databases.append(
            {
                "name": drill.order["name"],
                "steps": steps,
                "sha256": None if drill.sha256 in expected else drill.sha256,
                "sizes": [drill.gzip_bytes, drill.database_bytes],
                "rows": {} if spared else drill.rows,
                "as_recorded": spared,
            }
        )
    said = {"sqlite": sqlite3.sqlite_version, "python": sys.version.split()[0], "databases": databases}
    return base64.b85encode(zlib.compress(json.dumps(said, separators=(",", ":")).encode(), 9)).decode()


def say(order, payload, part):
    """Print the result line, or one part of it; the line is the last of stdout."""
    frame = "PILLAR9 %s %d/%d %s %s"
    digest = hashlib.sha256(payload.encode()).hexdigest()
    room = (order["budget"] or sys.maxsize) - len(frame % (order["nonce"], 999, 999, digest, "")) - 2
    parts = max(1, -(-len(payload) // room))
    piece = payload[(part - 1) * room : part * room]
    print("\n" + frame % (order["nonce"], part, parts, digest, piece), flush=True)
    return parts


def main(order):
    """Carry out the order, print the result, and end the process: nothing that hangs can hold it."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, stop)
    root = temporary_root()
    kept = os.path.join(root, RESULT + order["nonce"])  # noqa: PTH118
    code, folder = 0, None
    try:
        if "fetch" in order:
            payload = Path(kept).read_text()
            if say(order, payload, order["fetch"]) == order["fetch"]:
                os.unlink(kept)  # noqa: PTH108
        else:
            signal.setitimer(signal.ITIMER_REAL, order["deadline"])
            sweep(root)
            folder = tempfile.mkdtemp(prefix=PREFIX, dir=root)
            payload = payload_of(order, drill_all(order, folder))
            if say(order, payload, 1) > 1:
                with open(os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123
                    file.write(payload)
    except Stopped as stopped:
        code = 128 + stopped.number
    except OSError as error:
        print("%s: %s" % (root, error.strerror), file=sys.stderr)
        code = 1
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
            signal.signal(number, signal.SIG_IGN)
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
        sys.stdout.flush()
        os._exit(code)
