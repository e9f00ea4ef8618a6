"""A program that forks TIMES processes; in each, eight threads read a drill record and a backup's metadata at first."""

from __future__ import annotations

import os
import sys
import threading

import msgspec

from local.store import layout
from local.watch import records
from tests.local.watch.stored import drilled
from tests.local.watch.values import NOW

THREADS = 8
METADATA = {"taken": "2026-05-05T00:00:00.000Z", "sha256": "a" * 64, "rows": '{"t":1}'}


def main(times: int) -> int:
    """How many of the processes crashed."""
    from local.report import Drill, DrillReport
    from tests.local.store.archives import FIRST

    drill = Drill("x", "local", "ANVIL", "2026-05-05T11:00:00.000Z", 2.5, "passed", None, None, None, "pillar9")
    content = msgspec.json.encode(DrillReport(drill, (drilled(FIRST),)))
    crashed = 0
    for _ in range(times):
        child = os.fork()
        if child == 0:
            _read_in_threads(content)
            os._exit(0)
        crashed += os.waitpid(child, 0)[1] != 0
    return crashed


def _read_in_threads(content: bytes) -> None:
    sys.setswitchinterval(1e-6)
    together = threading.Barrier(THREADS)

    def read() -> None:
        together.wait()
        records.read_report("drills/2026-05-05/x.json", content, NOW)
        layout.decode_metadata(METADATA)

    threads = [threading.Thread(target=read) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    print(main(int(sys.argv[1])))
