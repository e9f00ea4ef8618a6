"""Preconditions are looked at a few at a time, told in their order, and none holds up the others."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from local.doctor import show
from local.doctor.check import Doctor, DoctorCheck, exit_code, report
from local.doctor.run import Precondition, examine
from local.errors import ConfigError
from local.output.screen import Screen
from tests.support.terminal import log_lines


def fine(name: str) -> Precondition:
    return Precondition(name, lambda: [DoctorCheck(name, "ok", "fine")])


def hanging(name: str, until: threading.Event, limit_seconds: float = 0.1) -> Precondition:
    def look() -> Iterator[DoctorCheck]:
        yield DoctorCheck(f"{name} first", "ok", "seen")
        until.wait(60)
        yield DoctorCheck(f"{name} last", "ok", "too late")

    return Precondition(name, look, limit_seconds)


def test_they_are_told_in_their_order_however_they_end() -> None:
    later = threading.Event()

    def look() -> Iterator[DoctorCheck]:
        later.wait(60)
        yield DoctorCheck("slow", "ok", "at last")

    def let_go() -> Iterator[DoctorCheck]:
        yield DoctorCheck("quick", "ok", "at once")
        later.set()

    told: list[DoctorCheck] = []
    found = examine([Precondition("slow", look), Precondition("quick", let_go), fine("c")], told.append)

    assert [check.name for check in told] == ["slow", "quick", "c"]
    assert found.checks == tuple(told)


def test_more_of_them_hang_than_are_looked_at_at_once_and_the_rest_is_told_all_the_same() -> None:
    end = threading.Event()
    try:
        found = examine([*(hanging(f"h{number}", end) for number in range(8)), fine("last")], lambda _: None)
    finally:
        end.set()

    names = [(check.name, check.verdict) for check in found.checks]
    assert names[:2] == [("h0 first", "ok"), ("h0", "fail")]
    assert names[-1] == ("last", "ok")
    assert len(names) == 17
    assert found.checks[1].message == "no answer within 0.1 s"


def test_an_error_of_ours_of_the_machine_s_and_a_bug_are_each_a_failure() -> None:
    def ours() -> Iterator[DoctorCheck]:
        yield DoctorCheck("before", "ok", "seen")
        raise ConfigError("store: connect", "AccountKey=abcdef is wrong", "unset it")

    def machine() -> Iterator[DoctorCheck]:
        raise PermissionError(13, "Permission denied", "/db")

    def bug() -> Iterator[DoctorCheck]:
        raise KeyError("x\x1b[2J")

    looks = [Precondition("ours", ours), Precondition("machine", machine), Precondition("bug", bug)]
    found = examine(looks, lambda _: None).checks

    assert [check.verdict for check in found] == ["ok", "fail", "fail", "fail"]
    assert (found[1].message, found[1].mend) == ("store: connect: AccountKey=… is wrong", "unset it")
    assert "Permission denied" in found[2].message
    assert "KeyError in test_run.py, line" in found[3].message
    assert all(text.isprintable() for check in found for text in (check.name, check.message, check.mend))


@pytest.mark.parametrize(
    ("verdicts", "whole", "code"),
    [
        (["ok", "skipped"], "ok", 0),
        ([], "ok", 0),
        (["ok", "warn", "skipped"], "warn", 0),
        (["warn", "fail", "ok"], "fail", 1),
    ],
)
def test_the_worst_check_is_the_whole_s_and_only_a_failure_ends_with_1(
    verdicts: list[str], whole: str, code: int
) -> None:
    found = report([DoctorCheck("a", verdict, "told") for verdict in verdicts])  # type: ignore[arg-type]

    assert found.doctor == Doctor(whole)  # type: ignore[arg-type]
    assert exit_code(found) == code


def test_what_comes_from_outside_is_cut_where_nobody_would_read_on() -> None:
    found = examine([Precondition("vm", lambda: [DoctorCheck("vm", "ok", "x" * 1_000_000)])], lambda _: None)

    assert len(found.checks[0].message) == 3001


def test_a_long_reason_that_several_share_is_told_once() -> None:
    reason = "no login was found (tried " + "and ".join(f"way {number} " for number in range(20)) + ")"
    first = DoctorCheck("credential", "fail", f"log in: not logged in for /a: {reason}", "az login")
    second = DoctorCheck("rights", "fail", f"look: not logged in for /b: {reason}", "az login")
    other = DoctorCheck("rights", "fail", f"look: not logged in for /b: {reason}", "set AZURE_CLIENT_ID")

    assert show.told_once(second, [first]) == DoctorCheck(
        "rights", "fail", "look: not logged in for /b: as for [credential]"
    )
    assert show.told_once(other, [first]) == other
    assert show.told_once(first, []) == first


def test_a_log_has_a_line_a_check_and_the_counts_last(capsys: pytest.CaptureFixture[str]) -> None:
    found = report([DoctorCheck("a", "ok", "fine"), DoctorCheck("b", "fail", "is gone " * 30, "bring it back")])

    tell = show.telling(Screen())
    for check in found.checks:
        tell(check)
    show.ending(Screen(), found)

    lines = log_lines(capsys.readouterr().out)
    assert lines[0] == "ok: [a] fine"
    assert lines[1].endswith("is gone  → bring it back")
    assert lines[2:] == ["doctor FAILED: b failed, 1 ok, 0 warn, 1 fail, 0 skipped"]
