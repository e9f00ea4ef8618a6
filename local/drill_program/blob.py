"""A blob behind a secret link, read by ranges: patient with what may pass, exact with what the store answers."""

from __future__ import annotations

import email.utils
import http.client
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.drill_program.errors import BackupWrongError, NotCarriedOutError
from local.drill_program.work import Stop

RANGE_BYTES = 8 << 20
TRIES = 6
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 60.0
SOCKET_SECONDS = 30.0
CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15})")


class OverwrittenError(NotCarriedOutError):
    """The blob has no longer the ETag that was asked for."""


@dataclass(frozen=True)
class BlobRange:
    """A range of a blob, the size of the whole blob, and which content of it this was."""

    data: bytes
    blob_bytes: int
    etag: str | None


@dataclass(frozen=True)
class BlobLink:
    """A secret link to a blob, the headers that go with it, and what reads it."""

    url: str
    headers: Mapping[str, str]
    opener: urllib.request.OpenerDirector
    stop: Stop


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: a link's signature goes to its own host only."""

    def redirect_request(self, *_: Any) -> None:
        """None makes urllib report the redirect as an error."""


def https_opener() -> urllib.request.OpenerDirector:
    """Opens links, each only where the server's certificate is trusted and without going anywhere else."""
    https = urllib.request.HTTPSHandler(context=ssl.create_default_context())
    return urllib.request.build_opener(NoRedirect, https)


def fetch_range(link: BlobLink, start: int, etag: str | None) -> BlobRange:
    """The range of RANGE_BYTES that begins at `start`, asked for again where that may help.

    Raises what `http_trouble` raises, and NotCarriedOutError once it was asked for often enough.
    """
    trouble = ""
    for attempt in range(TRIES):
        link.stop.check()
        pause = FIRST_PAUSE_SECONDS * 2**attempt
        try:
            return request_range(link, start, etag)
        except urllib.error.HTTPError as error:
            with error:
                if start == 0 and is_empty_blob(error):
                    # The condition on the ETag is judged before the range, so it is still that content.
                    return BlobRange(b"", 0, etag)
                trouble = http_trouble(error)
                after = error.headers.get("Retry-After") or ""
                pause = max(pause, float(after)) if re.fullmatch("[0-9]{1,6}", after) else pause
        except (OSError, http.client.HTTPException) as error:
            trouble = connection_trouble(error)
        if attempt + 1 < TRIES:
            link.stop.pause(min(pause, LONGEST_PAUSE_SECONDS))
    raise NotCarriedOutError(f"{trouble}, {TRIES} times")


def request_range(link: BlobLink, start: int, etag: str | None) -> BlobRange:
    """The range of RANGE_BYTES that begins at `start`, by one request, if the blob still has this `etag`.

    Raises OSError and http.client's errors, NotCarriedOutError for an answer with anything else.
    """
    if link.headers and not link.url.startswith("https:"):
        raise NotCarriedOutError("a token is never sent over http")
    headers = {**link.headers, "Range": f"bytes={start}-{start + RANGE_BYTES - 1}"}
    if etag:
        headers["If-Match"] = etag
    request = urllib.request.Request(link.url, headers=headers)  # noqa: S310
    with link.opener.open(request, timeout=SOCKET_SECONDS) as response:
        span = CONTENT_RANGE.fullmatch(response.headers.get("Content-Range") or "")
        end = min(start + RANGE_BYTES, int(span[3])) if span else 0
        if response.status != 206 or not span or (int(span[1]), int(span[2]) + 1) != (start, end):
            raise NotCarriedOutError("the store does not answer with the range that was asked for")
        data = response.read(end - start)
        if len(data) != end - start:
            raise http.client.IncompleteRead(b"", end - start - len(data))
        return BlobRange(data, int(span[3]), response.headers.get("ETag"))


def is_empty_blob(error: urllib.error.HTTPError) -> bool:
    """Whether the store refuses the first range because the blob has no bytes at all."""
    return error.code == 416 and (error.headers.get("Content-Range") or "*/0").endswith("*/0")


def http_trouble(error: urllib.error.HTTPError) -> str:
    """What the store says, where asking again may help.

    Elsewhere it is raised: BackupWrongError if the archive is not there, NotCarriedOutError otherwise.
    """
    code = re.sub("[^A-Za-z]", "", error.headers.get("x-ms-error-code") or "")[:60]
    said = f"the store answers {error.code} {code}".rstrip()
    if error.code in (408, 429) or error.code >= 500:
        return said
    if error.code in (404, 410):
        raise BackupWrongError(f"the archive is not there: {said}")
    if error.code == 412:
        raise OverwrittenError(f"the archive was overwritten during the drill: {said}")
    if code == "AuthorizationFailure":
        raise NotCarriedOutError(f"{said} (the storage account's firewall does not let this machine in)")
    date = email.utils.parsedate_tz(error.headers.get("Date") or "") if error.code in (401, 403) else None
    if date:
        skew = time.time() - email.utils.mktime_tz(date)
        said += f" (the link or the token may have expired); this machine's clock is {skew:+.0f} s off the store's"
    raise NotCarriedOutError(said)


def connection_trouble(error: Exception) -> str:
    """Why the store could not be reached, without the link; NotCarriedOutError where asking again cannot help."""
    reason = getattr(error, "reason", error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        raise NotCarriedOutError("the store's TLS certificate is not trusted here") from None
    why = getattr(reason, "strerror", None) or ""
    return f"the store could not be reached: {type(reason).__name__} {why}".rstrip()
