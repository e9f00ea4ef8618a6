"""The program as a process: it runs the command in a folder of its own, and answers with all that came of it."""

from __future__ import annotations

import base64
import errno
import faulthandler
import hashlib
import json
import os
import platform
import signal
import sys
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from local.drill_program.answer import keep_answer, packed, send_answer
from local.drill_program.temporary import COMMAND_PREFIX, drill_folder, is_mounted_below, sweep
from remote.command_program.command_order import CommandOrder
from remote.command_program.processes import NOT_EXECUTABLE, NOT_FOUND, Ended, Family, launch_words
from remote.command_program.streams import Output, Reader, share

LAST_RESORT_SECONDS = 120.0
MARK_CHARACTERS = 16
ENDING_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Signals:
    """Signals that are to end the program: they do so only while that ends the command and its folder too.

    One that comes before is heard as soon as that is so; one that comes later changes nothing, since all has ended.
    """

    def __init__(self) -> None:
        self.heard = False
        self.received = 0
        for number in ENDING_SIGNALS:
            signal.signal(number, self.receive)

    def receive(self, number: int, _frame: object) -> None:
        """Raise SystemExit where that is in order."""
        self.received = self.received or number
        if self.heard:
            self.heard = False
            raise SystemExit(128 + number)

    def hear(self) -> None:
        """From now on they raise SystemExit; at once, where one came already."""
        self.heard = True
        if self.received:
            self.receive(self.received, None)

    def ignore(self) -> None:
        """From now on they change nothing."""
        self.heard = False


def carry_out(packed_order: str) -> None:
    """Run a command and end the process, whatever the command left; the exit code is 0 if an answer was printed."""
    code = 1
    try:
        run_command(CommandOrder(**json.loads(zlib.decompress(base64.b85decode(packed_order)))))
        code = 0
    except SystemExit as ended:
        code = int(str(ended.code))
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        sys.stdout.flush()
        os._exit(code)


def run_command(order: CommandOrder) -> None:
    """Run the command and send the answer; SystemExit where a signal ends it before."""
    faulthandler.dump_traceback_later(order.timeout_seconds + LAST_RESORT_SECONDS, exit=True)
    signals = Signals()
    sweep()
    began = time.monotonic()
    with drill_folder(COMMAND_PREFIX) as folder:
        ended, outputs = run_in(folder, order, signals)
        seconds = round(time.monotonic() - began, 3)
        kept_folder = folder if is_mounted_below(folder) else None
    told = {
        "exit_code": ended.exit_code,
        "signal": ended.signal,
        "seconds": seconds,
        "left_running": ended.left_running,
        "kept_folder": kept_folder,
        "python": platform.python_version(),
    }
    answer_within(order, told, outputs)


def run_in(folder: str, order: CommandOrder, signals: Signals) -> tuple[Ended, tuple[Output, Output]]:
    """The command's end and what it wrote; its working directory is an empty one in `folder`."""
    content = base64.b64decode(order.content)
    path, inside = Path(folder, "command"), Path(folder, "work")
    path.write_bytes(content)
    path.chmod(0o700)
    inside.mkdir()
    (out, out_end), (err, err_end) = os.pipe(), os.pipe()
    mark = hashlib.sha256(order.nonce.encode()).hexdigest()[:MARK_CHARACTERS]
    words = launch_words(str(path), content, order.is_script)
    try:
        family = Family(words, str(inside), mark, (out_end, err_end))
    except (OSError, IndexError, ValueError) as error:
        return never_ran(words, error)
    os.close(out_end)
    os.close(err_end)
    readers = [Reader(stream, order.most_bytes // 2) for stream in (out, err)]
    try:
        signals.hear()
        ended = family.wait(order.timeout_seconds)
        signals.ignore()
    except BaseException:
        family.end()
        raise
    first, second = (reader.output() for reader in readers)
    return ended, (first, second)


def never_ran(words: Sequence[str], error: Exception) -> tuple[Ended, tuple[Output, Output]]:
    """As a shell tells that there is no such interpreter, or that it may not be run."""
    missing = getattr(error, "errno", None) in (errno.ENOENT, errno.ENOTDIR)
    code, why = (NOT_FOUND, "not found") if missing else (NOT_EXECUTABLE, str(error))
    told = f"{words[0] if len(words) > 1 else '#!'}: {why}\n"
    return Ended(code, None, 0), (Output(b""), Output(told.encode(errors="surrogateescape")))


def answer_within(order: CommandOrder, told: dict[str, Any], outputs: tuple[Output, Output]) -> None:
    """Send the answer; where it is a long one also keep a shorter one, or send that if no other can travel."""
    most_bytes = order.most_bytes
    whole = short = packed(answer_content(told, share(outputs[0], outputs[1], most_bytes)))
    most_bytes = min(most_bytes, sum(output.kept_bytes for output in outputs))
    while len(short) > order.most_characters:
        most_bytes = most_bytes * 3 // 4
        short = packed(answer_content(told, share(outputs[0], outputs[1], most_bytes)))
    if order.shorter is None:
        send_answer(order.nonce, short, order.line_characters)
        return
    if short != whole:
        keep_answer(order.shorter, short)
    send_answer(order.nonce, whole, order.line_characters)


def answer_content(told: dict[str, Any], outputs: tuple[Output, Output]) -> bytes:
    """A line of JSON that tells how the command ended and how long each piece of output is, then those pieces."""
    lengths = [[len(output.head), output.left_out_bytes, len(output.tail)] for output in outputs]
    head = json.dumps({**told, "stdout": lengths[0], "stderr": lengths[1]}).encode()
    return b"\n".join([head, b"".join(output.head + output.tail for output in outputs)])
