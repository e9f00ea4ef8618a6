"""The shaped link, what stands behind it, and what the bench makes of them."""

from __future__ import annotations

import http.client
import json
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.bench import part_link
from tests.bench.link import Usage, rest_server, shaped, whole
from tests.bench.part_link import DAYS, GZIPPED, RATIO, RUNS
from tests.bench.shaped_link import BACKLOG_SECONDS, Direction, RequestCounter

REQUESTS = (
    b"PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 21\r\n\r\nGET /no HTTP/1.1\r\n\r\n+"
    b"GET /b HTTP/1.1\r\nhost: x\r\n\r\n"
    b"POST /c HTTP/1.1\r\ncontent-length:0\r\n\r\n"
)


def test_bytes_follow_one_another_at_the_rate_and_arrive_after_the_delay() -> None:
    way = Direction(1_000, 0.25)
    assert [way.arrival(0, 500), way.arrival(0, 500)] == [0.75, 1.25]
    assert way.passed == 1_000


def test_a_link_that_was_idle_is_no_faster_afterwards() -> None:
    way = Direction(1_000, 0)
    way.arrival(0, 1_000)
    assert way.arrival(60, 1_000) == 61


def test_nothing_more_is_taken_while_more_than_the_backlog_is_under_way() -> None:
    way = Direction(1_000, 0.25)
    way.arrival(0, 1_000)
    assert way.wait(0) == pytest.approx(1 - BACKLOG_SECONDS)
    assert way.wait(1) == 0


@pytest.mark.parametrize("length", [1, 7, len(REQUESTS)])
def test_requests_are_counted_wherever_the_stream_is_cut_and_bodies_are_not_looked_into(length: int) -> None:
    counter = RequestCounter()
    for at in range(0, len(REQUESTS), length):
        counter.feed(REQUESTS[at : at + length])
    assert counter.requests == 3


def test_a_request_whose_length_is_not_told_is_not_guessed_at() -> None:
    with pytest.raises(ValueError, match="chunks"):
        RequestCounter().feed(b"PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")


def test_what_restic_keeps_comes_back_over_the_link_which_counts_it(tmp_path: Path) -> None:
    said = []

    def talk(port: int) -> float:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as client:
            for method, path, body, headers in (
                ("POST", "/?create=true", b"", {}),
                ("POST", "/data/ab", b"0123456789" * 5_000, {}),
                ("GET", "/data/", None, {}),
                ("GET", "/data/ab", None, {"Range": "bytes=8-11"}),
                ("HEAD", "/data/ab", None, {}),
                ("DELETE", "/data/ab", None, {}),
                ("GET", "/data/ab", None, {}),
            ):
                client.request(method, path, body, headers)
                answer = client.getresponse()
                said.append((answer.status, answer.read(), answer.headers["Content-Length"]))
        return 1.5

    with rest_server(tmp_path) as port, shaped(port, 80e6, 0.001) as link:
        behind = link.url(f"http://127.0.0.1:{port}/")
        used = link.usage(lambda: talk(urlsplit(behind).port or 0))
        idle = link.usage(lambda: 0.0)

    assert [status for status, _, _ in said] == [200, 200, 200, 206, 200, 200, 404]
    assert json.loads(said[2][1]) == [{"name": "ab", "size": 50_000}]
    assert said[3][1] == b"8901"
    assert said[4][1:] == (b"", "50000")
    assert (used.requests, used.seconds) == (7, 1.5)
    assert 50_000 < used.sent < 55_000
    assert 0 < used.received < 5_000
    assert idle == Usage(0, 0, 0, 0.0)


def test_the_databases_have_the_real_sizes_from_1_gb_on_and_shrink_below() -> None:
    real = [int(gzipped * RATIO) for gzipped in GZIPPED]
    assert part_link.sizes(10**9, 1.0) == part_link.sizes(4 * 10**9, 1.0) == real
    assert part_link.sizes(10**8, 0.5) == [int(gzipped * RATIO * 0.05) for gzipped in GZIPPED]


def test_a_day_is_the_sum_of_its_runs() -> None:
    one = Usage(10, 20, 3, 0.5)
    assert whole([one] * RUNS) == one.times(RUNS) == Usage(60, 120, 18, 3.0)


def test_a_former_day_is_what_every_day_is_compared_with() -> None:
    found = [("first backup", "former", Usage(1, 1, 1, 10.0)), ("a day", "former", Usage(6, 6, 6, 60.0))]
    found += [("first backup", "ours", Usage(1, 1, 1, 5.0)), (DAYS[0].label, "ours", Usage(1, 1, 1, 3.0))]
    assert [row[-1] for row in part_link._rows(found)] == ["1.00 x", "1.00 x", "2.00 x", "20.0 x"]
