"""The VMs of one remote drill: who drills what, all at the same time, and who takes over from one that can't."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import TypeVar

from local.drill.order import Target
from local.waiting import settled

Result = TypeVar("Result")
Shares = dict[str, tuple[Target, ...]]


def spread(targets: Sequence[Target], vms: Sequence[str]) -> Shares:
    """Each VM's share by the bytes it has to read: the largest archive first, each to the VM with the least so far.

    A VM whose share would be empty is left out.
    """
    loads = dict.fromkeys(vms, 0)
    shares: dict[str, list[Target]] = {vm: [] for vm in vms}
    for target in sorted(targets, key=lambda target: (-target.gzip_bytes, target.name)):
        vm = min(loads, key=lambda vm: loads[vm])
        # An empty archive is work too, so that many small ones do not all go to the first VM.
        loads[vm] += max(target.gzip_bytes, 1)
        shares[vm].append(target)
    return {vm: tuple(share) for vm, share in shares.items() if share}


def at_once(works: Mapping[str, Callable[[], Result]]) -> dict[str, Future[Result]]:
    """Do all of the works at the same time, each in a thread of its name; returns when every one has ended.

    The threads are daemons: who interrupts this waits for none of them.
    """
    futures: dict[str, Future[Result]] = {}
    for name, work in works.items():
        futures[name] = Future()
        threading.Thread(target=_fulfil, args=(futures[name], work), name=name, daemon=True).start()
    settled(futures.values())
    return futures


def _fulfil(future: Future[Result], work: Callable[[], Result]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:  # it is raised again by whoever asks the future
        future.set_exception(error)
