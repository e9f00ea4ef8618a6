"""Who drills what."""

from __future__ import annotations

import threading

import pytest

from local.drill.order import DatabaseTarget
from remote.spread import at_once, spread


def target(name: str, size: int) -> DatabaseTarget:
    return DatabaseTarget(name, "https://x", f"sqlite/{name}", "", size, None, (), None, None)


def names(sizes: dict[str, int], *vms: str) -> dict[str, str]:
    shares = spread([target(name, size) for name, size in sizes.items()], vms)
    return {vm: "".join(one.name for one in share) for vm, share in shares.items()}


@pytest.mark.parametrize(
    ("sizes", "vms", "shares"),
    [
        ({"a": 5}, ["v"], {"v": "a"}),
        ({"a": 1, "b": 9, "c": 5, "d": 4}, ["v", "w"], {"v": "ba", "w": "cd"}),
        ({"a": 1, "b": 1}, ["v", "w", "x"], {"v": "a", "w": "b"}),
        ({"a": 0, "b": 0, "c": 0}, ["v", "w"], {"v": "ac", "w": "b"}),
        ({}, ["v"], {}),
    ],
)
def test_the_largest_goes_to_the_one_with_the_least(
    sizes: dict[str, int], vms: list[str], shares: dict[str, str]
) -> None:
    assert names(sizes, *vms) == shares


def test_works_meet_each_other_and_errors_stay_with_their_work() -> None:
    meeting = threading.Barrier(2, timeout=30)

    def fail() -> int:
        meeting.wait()
        raise ZeroDivisionError

    answers = at_once({"a": meeting.wait, "b": fail})

    assert answers["a"].result() in (0, 1)
    with pytest.raises(ZeroDivisionError):
        answers["b"].result()
