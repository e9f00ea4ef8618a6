"""Pings against a real HTTP server, and against those that answer nothing good."""

from __future__ import annotations

import pytest

from local.alerts import ping
from local.alerts.ping import MOST_BODY_BYTES, PingEvent, address, body_of, send_ping
from local.alerts.secrets import Secret
from tests.support import receivers
from tests.support.receivers import HttpReceiver, Received


@pytest.mark.parametrize(
    ("url", "event", "to"),
    [
        ("https://hc-ping.com/uuid", "success", "https://hc-ping.com/uuid"),
        ("https://hc-ping.com/uuid/", "success", "https://hc-ping.com/uuid"),
        ("https://hc-ping.com/uuid", "start", "https://hc-ping.com/uuid/start"),
        ("https://hc-ping.com/key/costs?create=1", "fail", "https://hc-ping.com/key/costs/fail?create=1"),
        ("https://hc-ping.com/uuid#x", "log", "https://hc-ping.com/uuid/log"),
    ],
)
def test_each_event_has_its_address(url: str, event: PingEvent, to: str) -> None:
    assert address(url, event) == to


def test_a_body_is_the_last_lines_that_fit() -> None:
    text = "".join(f"line {number} é\n" for number in range(5000))

    body = body_of(text)

    assert MOST_BODY_BYTES - 20 < len(body) <= MOST_BODY_BYTES
    assert body.decode().splitlines()[-1] == "line 4999 é"
    assert body.decode().splitlines()[0] in text.splitlines()
    assert body_of("short") == b"short"
    assert 0 < len(body_of("é" * 9000)) <= MOST_BODY_BYTES
    assert body_of("\udcff") == b"?"


def test_a_ping_is_a_post_with_its_lines(receiver: HttpReceiver) -> None:
    assert send_ping(Secret(f"http://{receiver.address}/uuid"), "fail", "costs: failed").trouble() == ""

    assert receiver.received == [Received("POST", "/uuid/fail", "costs: failed")]


@pytest.mark.parametrize(
    ("answers", "tries", "trouble"),
    [
        ([503], 2, ""),  # one retry
        ([500, 502], 2, "HTTP 502 Bad Gateway"),
        ([404], 1, "HTTP 404 Not Found"),
        ([302], 1, "HTTP 302 Found"),  # a captive portal's login page is no check
    ],
)
def test_what_is_no_answer_of_a_check_is_told(
    receiver: HttpReceiver, answers: list[int], tries: int, trouble: str
) -> None:
    receiver.answers, receiver.location = answers, "http://example.invalid/"

    assert send_ping(Secret(f"http://{receiver.address}/uuid"), "success").trouble() == trouble

    assert receiver.paths == ["/uuid"] * tries


def test_a_check_that_refuses_or_hangs_is_told_without_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ping, "TRY_SECONDS", 0.2)
    refused = send_ping(Secret(f"http://127.0.0.1:{receivers.refusing_port()}/uuid-secret"), "success").trouble()
    with receivers.silent_receiver() as port:
        hanging = send_ping(Secret(f"http://127.0.0.1:{port}/uuid-secret"), "success").trouble()
        monkeypatch.setattr(ping, "PING_SECONDS", 0.1)
        monkeypatch.setattr(ping, "TRY_SECONDS", 3.0)
        cut_off = send_ping(Secret(f"http://127.0.0.1:{port}/uuid-secret"), "success").trouble()
    unknown = send_ping(Secret("https://uuid-secret.invalid/uuid-secret"), "success").trouble()

    assert refused.endswith("Connection refused")
    assert hanging == "no answer within 0.2 s"
    assert cut_off == "no answer within 0.1 s"
    assert unknown
    assert "uuid" not in refused + hanging + cut_off + unknown


@pytest.mark.parametrize("url", ["http://example.com/uuid", "ftp://127.0.0.1/uuid", "uuid", "https://[bad/uuid"])
def test_a_ping_that_others_could_read_is_not_sent(url: str) -> None:
    assert "no https URL" in send_ping(Secret(url), "success").trouble()
