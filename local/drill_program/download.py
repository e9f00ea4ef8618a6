"""Where the archive comes from: a file, or a blob behind a link; the pieces of its content in their order."""

from __future__ import annotations

import errno
import itertools
import os
import urllib.parse
import urllib.request
from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor

from local.drill_program.blob import RANGE_BYTES, BlobLink, BlobRange, OverwrittenError, fetch_range, https_opener
from local.drill_program.errors import BackupWrongError, NotCarriedOutError
from local.drill_program.order import BackupOrder
from local.drill_program.work import Stop

CONNECTIONS = 4
RANGES_IN_FLIGHT = 4
READ_BYTES = 1 << 20
OVERWRITTEN = "the archive was overwritten since it was chosen"
# What the file system says where the archive itself is gone or unreadable, and not only barred to us.
ARCHIVE_GONE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EIO)


def archive_pieces(order: BackupOrder, stop: Stop) -> Generator[bytes, None, bool]:
    """The archive's content, piece by piece; returns whether somebody wrote to it since it was chosen.

    Raises BackupWrongError where it is gone or not of the listed size, NotCarriedOutError where it cannot be read here.
    """
    url = urllib.parse.urlsplit(order.url)
    return file_pieces(url.path, order) if url.scheme == "file" else blob_pieces(order, stop)


def is_written_since(order: BackupOrder, etag: str | None, size_bytes: int) -> bool:
    """Whether the content that is there is under another ETag than the chosen one; it may be the same all the same.

    Raises NotCarriedOutError where its size says that it is not, BackupWrongError where the chosen one itself is not of
    the size that the store lists.
    """
    written_since = order.etag not in (None, etag)
    if written_since and size_bytes != order.gzip_bytes:
        raise NotCarriedOutError(OVERWRITTEN)
    check_size(size_bytes, order.gzip_bytes)
    return written_since


def file_pieces(path: str, order: BackupOrder) -> Generator[bytes, None, bool]:
    """The content of a file, whose path is written as in a URL."""
    try:
        with open(urllib.request.url2pathname(path), "rb", buffering=0) as file:  # noqa: PTH123
            found = os.fstat(file.fileno())
            written_since = is_written_since(order, file_etag(found), found.st_size)
            yield from iter(lambda: file.read(READ_BYTES), b"")
            return written_since or file_etag(os.fstat(file.fileno())) != file_etag(found)
    except OSError as error:
        kind = BackupWrongError if error.errno in ARCHIVE_GONE else NotCarriedOutError
        raise kind(f"the archive cannot be read: {error.strerror}") from None


def file_etag(found: os.stat_result) -> str:
    """Names one content of a file, for the folder store too: a rename into place changes it, a hard link does not."""
    return f"{found.st_ino}-{found.st_mtime_ns}-{found.st_size}"


def check_size(found_bytes: int, listed_bytes: int) -> None:
    """Raise BackupWrongError if the archive is not of the size that the store lists."""
    if found_bytes != listed_bytes:
        raise BackupWrongError(f"the archive has {found_bytes} bytes, the store lists {listed_bytes}")


def blob_pieces(order: BackupOrder, stop: Stop) -> Generator[bytes, None, bool]:
    """The content of a blob, fetched by a few connections and put in order."""
    link = BlobLink(order.url, order.headers, https_opener(), stop)
    pool = ThreadPoolExecutor(CONNECTIONS)
    ahead: deque[Future[BlobRange]] = deque()
    try:
        first = fetch_still(link, 0, order.etag)
        written_since = is_written_since(order, first.etag, first.blob_bytes)
        starts = range(RANGE_BYTES, first.blob_bytes, RANGE_BYTES)
        later = (pool.submit(fetch_still, link, start, first.etag) for start in starts)
        ahead.extend(itertools.islice(later, RANGES_IN_FLIGHT))
        if first.data:
            yield first.data
        while ahead:
            piece = ahead.popleft().result()
            written_since = written_since or piece.etag != first.etag
            if piece.blob_bytes != first.blob_bytes:
                raise NotCarriedOutError(OVERWRITTEN)
            ahead.extend(itertools.islice(later, 1))
            yield piece.data
        return written_since
    finally:
        for future in ahead:
            future.cancel()
        pool.shutdown(wait=False)


def fetch_still(link: BlobLink, start: int, etag: str | None) -> BlobRange:
    """The range, also where somebody wrote to the blob since: its own ETag then says so, and the digest decides."""
    try:
        return fetch_range(link, start, etag)
    except OverwrittenError:
        return fetch_range(link, start, None)
