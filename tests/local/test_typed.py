"""Types are learnt by one thread at a time: msgspec's own way ends the process where two come at once."""

from __future__ import annotations

import subprocess
import sys

import pytest

from local.typed import from_json, from_values
from tests.support.fork_server import CHECKOUT

TRIES = 40
RECORD = (
    '{"schema": 1, "drill": {"id": "x", "where": "local", "host": "A", "started": "2026-05-05T12:00:00.000Z", '
    '"seconds": 1.0, "verdict": "passed", "fallback": null, "sqlite": null, "python": null, "tool": "t"}, '
    '"databases": []}'
)
# Each try in a process in which nobody has decoded any of the type yet; the threads change as often as they can.
PROGRAM = f"""
import os, sys, threading
from collections import Counter
from datetime import UTC, datetime
from local.watch import records
sys.setswitchinterval(1e-6)
codes = Counter()
for _ in range({TRIES}):
    process = os.fork()
    if not process:
        together = threading.Barrier(8)
        def work():
            together.wait()
            try:
                records.parse('drills/2026-05-05/x.json', b'{RECORD}', datetime(2026, 5, 6, tzinfo=UTC))
            except ValueError:
                pass
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        os._exit(0)
    codes[os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])] += 1
print(dict(codes))
"""


def test_threads_that_read_the_first_drill_records_at_once_end_no_process() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=CHECKOUT, capture_output=True, text=True)

    assert done.stdout == f"{{0: {TRIES}}}\n", done.stderr


def test_it_reads_as_msgspec_does() -> None:
    assert from_json(b"[1, 2]", list[int]) == [1, 2]
    assert from_values({"a": "1"}, dict[str, int], strict=False) == {"a": 1}
    with pytest.raises(ValueError, match="Expected `int`"):
        from_values("1", int)


def test_nothing_of_the_product_decodes_past_it() -> None:
    rooms = ("local", "remote", "rbac")
    texts = {path: path.read_text() for room in rooms for path in (CHECKOUT / room).rglob("*.py")}

    assert [path for path, text in texts.items() if "msgspec.json.decode(" in text] == []
    assert any("from_json(" in text for text in texts.values())
