"""The program as a process: it carries out an order within its deadline, and tells the result in its last line."""

from __future__ import annotations

import base64
import faulthandler
import json
import os
import queue
import signal
import sys
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from local.drill_program.agreement import Order
from local.drill_program.answer import print_parts
from local.drill_program.backup_drill import BackupDrill
from local.drill_program.database import DatabaseDrill
from local.drill_program.distrust import limit_heap
from local.drill_program.hand_in import hand_in
from local.drill_program.inflate import working_zlib_ng
from local.drill_program.order import DatabaseOrder, DrillOrder, FetchOrder, HandInOrder, VolumeOrder
from local.drill_program.read_back import is_read_back, power_here
from local.drill_program.restored_file import CORES
from local.drill_program.result import print_result
from local.drill_program.temporary import drill_folder, sweep
from local.drill_program.volume import VolumeDrill
from local.drill_program.work import Disk, DiskShare, ProgressLines, Stop, Work

DRILLS_AT_ONCE = 4
GRACE_SECONDS = 5.0
HANG_SECONDS = 60.0  # after the deadline, should even the main thread hang
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main(packed_order: str) -> None:
    """Carry out an order and end the process, also if a thread hangs; the exit code is 0 if a result was printed.

    `packed_order` is JSON, compressed and in base85.
    """
    code = 1
    try:
        code = run_order(json.loads(zlib.decompress(base64.b85decode(packed_order))))
    except BaseException as error:  # without a line there is no verdict; the error's own text may hold a link
        print(f"{type(error).__name__}: {getattr(error, 'strerror', None) or 'no result'}", file=sys.stderr, flush=True)
    finally:
        sys.stdout.flush()
        os._exit(code)


def run_order(order: dict[str, Any]) -> int:
    """Carry out an order, as JSON holds it; returns the exit code."""
    if "part" in order:
        return 0 if print_parts(FetchOrder(**order)) else 1
    if "kept" in order:
        hand_in(HandInOrder(**order))
        return 0
    databases = [DatabaseOrder(**database) for database in order["databases"]]
    volumes = [VolumeOrder(**volume) for volume in order["volumes"]]
    return run_drill(DrillOrder(**{**order, "databases": databases, "volumes": volumes}))


def run_drill(order: DrillOrder) -> int:
    """Drill every backup and print the result; returns the exit code."""
    deadline = time.monotonic() + order.deadline_seconds
    faulthandler.dump_traceback_later(order.deadline_seconds + HANG_SECONDS, exit=True)
    events: queue.SimpleQueue[int | None] = queue.SimpleQueue()
    for number in SIGNALS:
        signal.signal(number, lambda received, _: events.put(received))
    sweep()
    limit_heap()
    with drill_folder() as folder:
        stop = Stop()
        drills = planned(order, folder, stop)
        start(drills, events)
        received = supervise(drills, stop, events, deadline)
    if received:
        return 128 + received
    print_result(order, [drill.result(brief=order.line_characters is not None) for drill in drills])
    return 0


def planned(order: DrillOrder, folder: str, stop: Stop) -> list[BackupDrill[Any]]:
    """A drill for each database and then for each volume, in the order's order; they share the disk and the cores."""
    disk, cores = Disk(folder), ThreadPoolExecutor(CORES)
    zlib_ng = working_zlib_ng(order.zlib_ng)
    at_once, power = min(DRILLS_AT_ONCE, len(order.databases) + len(order.volumes)), power_here()

    def work_on(number: int, backup: Order) -> Work[Order]:
        path = Path(backup.keep or Path(folder, f"{number}.{backup.SOURCE}"))
        room = DiskShare(Disk(str(path.parent)) if backup.keep else disk, stop)
        progress = ProgressLines(backup.name, order.progress)
        read_back = is_read_back(backup, at_once, power)
        return Work(backup, path, stop, room, progress, cores, zlib_ng, read_back)

    databases = [DatabaseDrill(work_on(number, database)) for number, database in enumerate(order.databases)]
    volumes = [VolumeDrill(work_on(number, volume)) for number, volume in enumerate(order.volumes)]
    return [*databases, *volumes]


def start(drills: list[BackupDrill[Any]], events: queue.SimpleQueue[int | None]) -> None:
    """Let a few threads carry out the drills; each drill's end puts None among the events."""
    waiting = iter(drills)

    def work_off() -> None:
        for drill in waiting:
            drill.carry_out()
            events.put(None)

    for _ in range(min(DRILLS_AT_ONCE, len(drills))):
        threading.Thread(target=work_off, daemon=True).start()


def supervise(
    drills: list[BackupDrill[Any]], stop: Stop, events: queue.SimpleQueue[int | None], deadline: float
) -> int:
    """Wait for the drills, the deadline or a signal; returns the signal's number, or 0.

    Nobody works on for longer than GRACE_SECONDS after the deadline or a signal; who is not done is inconclusive.
    """
    left, received = len(drills), 0
    while left:
        try:
            event = events.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            if stop.is_set():
                break
            event = 0
        if event is None:
            left -= 1
        elif not stop.is_set():
            received, deadline = event, time.monotonic() + GRACE_SECONDS
            stop.set("it was told to stop" if received else "the deadline passed")
            for drill in drills:
                drill.interrupt()
    for drill in drills:
        if not drill.verdict:
            drill.give_up(stop.reason)
    return received
