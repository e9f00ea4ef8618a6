"""Where the archive comes from: a file, or a blob behind a link; the pieces of its content in their order."""

from __future__ import annotations

import errno
import itertools
import os
import urllib.parse
import urllib.request
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from local.drill_program.blob import RANGE_BYTES, BlobLink, BlobRange, fetch_range, https_opener
from local.drill_program.errors import BackupWrongError, NotCarriedOutError
from local.drill_program.order import DatabaseOrder
from local.drill_program.work import Stop

CONNECTIONS = 4
RANGES_IN_FLIGHT = 6
# What the file system says where the archive itself is gone or unreadable, and not only barred to us.
ARCHIVE_GONE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EIO)


def archive_pieces(order: DatabaseOrder, stop: Stop) -> Iterator[bytes]:
    """The archive's content, piece by piece.

    Raises BackupWrongError where it is gone or not of the listed size, NotCarriedOutError where it cannot be read here.
    """
    url = urllib.parse.urlsplit(order.url)
    return file_pieces(url.path, order.gzip_bytes) if url.scheme == "file" else blob_pieces(order, stop)


def file_pieces(path: str, listed_bytes: int) -> Iterator[bytes]:
    """The content of a file, whose path is written as in a URL."""
    try:
        with open(urllib.request.url2pathname(path), "rb", buffering=0) as file:  # noqa: PTH123
            check_size(os.fstat(file.fileno()).st_size, listed_bytes)
            yield from iter(lambda: file.read(RANGE_BYTES), b"")
    except OSError as error:
        kind = BackupWrongError if error.errno in ARCHIVE_GONE else NotCarriedOutError
        raise kind(f"the archive cannot be read: {error.strerror}") from None


def check_size(found_bytes: int, listed_bytes: int) -> None:
    """Raise BackupWrongError if the archive is not of the size that the store lists."""
    if found_bytes != listed_bytes:
        raise BackupWrongError(f"the archive has {found_bytes} bytes, the store lists {listed_bytes}")


def blob_pieces(order: DatabaseOrder, stop: Stop) -> Iterator[bytes]:
    """The content of a blob, fetched by a few connections and put in order; all of it is of one version of the blob."""
    link = BlobLink(order.url, order.headers, https_opener(), stop)
    pool = ThreadPoolExecutor(CONNECTIONS)
    ahead: deque[Future[BlobRange]] = deque()
    try:
        first = fetch_range(link, 0, order.etag)
        check_size(first.blob_bytes, order.gzip_bytes)
        starts = range(RANGE_BYTES, first.blob_bytes, RANGE_BYTES)
        later = (pool.submit(fetch_range, link, start, first.etag) for start in starts)
        ahead.extend(itertools.islice(later, RANGES_IN_FLIGHT))
        if first.data:
            yield first.data
        while ahead:
            piece = ahead.popleft().result().data
            ahead.extend(itertools.islice(later, 1))
            yield piece
    finally:
        for future in ahead:
            future.cancel()
        pool.shutdown(wait=False)
