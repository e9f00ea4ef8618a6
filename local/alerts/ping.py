"""Pings to a check as healthchecks.io has them: it notices when they stop coming.

The addresses: https://healthchecks.io/docs/http_api/ (URL/start, URL, URL/fail; URL/log leaves the state as it is).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit, urlunsplit

from local.alerts.bounded import BoundedCall
from local.alerts.secrets import Secret
from local.location import is_secure

if TYPE_CHECKING:
    from requests import RequestException

PingEvent = Literal["start", "success", "fail", "log"]
MOST_BODY_BYTES = 10_000
TRY_SECONDS = 5.0
_TRIES = 2
# Both tries whole, and a little for a name that resolves slowly.
PING_SECONDS = _TRIES * 2 * TRY_SECONDS + 2


def send_ping(secret: Secret, event: PingEvent, text: str = "") -> BoundedCall:
    """Begin to tell the check of `event`, with the end of `text` as its body."""
    return BoundedCall(lambda: _ping(secret.reveal(), event, body_of(text)), secret, PING_SECONDS)


def address(url: str, event: PingEvent) -> str:
    """Where this event of the check is told; a query stays behind the path."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/") if event == "success" else f"{parts.path.rstrip('/')}/{event}"
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


def body_of(text: str) -> bytes:
    """The last lines that fit into a ping, each whole where one fits."""
    data = text.encode(errors="replace")
    if len(data) <= MOST_BODY_BYTES:
        return data
    end = data[-MOST_BODY_BYTES:]
    whole = end.partition(b"\n")[2]
    return (whole or end).decode(errors="ignore").encode()


def _ping(url: str, event: PingEvent, body: bytes) -> str:
    if not is_secure(url):
        return "this is no https URL (http is for loopback hosts only)"
    trouble = ""
    for _ in range(_TRIES):
        trouble, is_final = _try(address(url, event), body)
        if is_final:
            break
    return trouble


def _try(url: str, body: bytes) -> tuple[str, bool]:
    """What went wrong, and whether another try would change nothing."""
    import requests

    try:
        # A redirection is none of a check's answers: a hotel's login page, or http.
        answer = requests.post(
            url,
            data=body,
            headers={"Content-Type": "text/plain; charset=utf-8", "User-Agent": "pillar9"},
            timeout=(TRY_SECONDS, TRY_SECONDS),
            allow_redirects=False,
            stream=True,
        )
    except requests.RequestException as error:
        return _told(error), False
    answer.close()
    if 200 <= answer.status_code < 300:
        return "", True
    return f"HTTP {answer.status_code} {answer.reason or ''}".strip(), answer.status_code < 500


def _told(error: RequestException) -> str:
    from requests import Timeout

    if isinstance(error, Timeout):
        return f"no answer within {TRY_SECONDS:g} s"
    reason = getattr(error.args[0] if error.args else error, "reason", error)
    return str(reason).rpartition(": ")[2] or type(error).__name__
