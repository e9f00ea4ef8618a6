"""A command for a VM: the program that carries it there, and what its answer says of how it ended."""

from __future__ import annotations

import base64
import json
import secrets
import zlib
from dataclasses import asdict, dataclass
from typing import Annotated

import msgspec

from local.drill.answer import no_answer
from local.drill.bundle import program_source
from local.errors import ConfigError
from local.typed import from_json
from remote import script
from remote.command_program.command_order import CommandOrder
from remote.program_runner import BUDGET_CHARACTERS, LONGEST_IN_PARTS_CHARACTERS, ProgramRunner
from remote.run_command import Patience

PACKAGE = "remote.command_program"
LONGEST_OUTPUT_BYTES = 16 * 1024 * 1024
# Azure ends a script after 90 minutes, and tells nothing of it.
LONGEST_TIMEOUT_SECONDS = 80 * 60

_Size = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_Lengths = tuple[_Size, _Size, _Size]


@dataclass(frozen=True)
class RemoteCommand:
    """What is to run: one text for /bin/sh, or a script with an interpreter of its own, for at most so many seconds."""

    content: bytes
    is_script: bool
    timeout_seconds: float


@dataclass(frozen=True)
class StreamBytes:
    """One stream's bytes; where `left_out_bytes` is not 0 they were left out after `head`."""

    head: bytes
    left_out_bytes: int
    tail: bytes


@dataclass(frozen=True)
class Ran:
    """How a command ended: by its exit code or a signal (both None: its time was up), and what it wrote.

    `left_running` counts the processes that go on; `kept_folder` is its folder, where a mount in it keeps it there.
    """

    exit_code: int | None
    signal: int | None
    seconds: float
    left_running: int
    kept_folder: str | None
    stdout: StreamBytes
    stderr: StreamBytes


class _Told(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    exit_code: Annotated[int, msgspec.Meta(ge=0, le=255)] | None
    signal: Annotated[int, msgspec.Meta(ge=1, le=255)] | None
    seconds: Annotated[float, msgspec.Meta(ge=0, le=1e6)]
    left_running: _Size
    kept_folder: Annotated[str, msgspec.Meta(max_length=1000)] | None
    python: Annotated[str, msgspec.Meta(max_length=32)]
    stdout: _Lengths
    stderr: _Lengths


def run_command_on(runner: ProgramRunner, command: RemoteCommand, patience: Patience) -> Ran:
    """What the command did on one VM.

    Raises ConfigError where it is too long, as `ProgramRunner.answer` does, and InconclusiveError for an answer that
    says what cannot be.
    """
    nonce = secrets.token_hex(16)
    shorter = secrets.token_hex(16) if runner.inbox else None
    return ran(runner.answer(command_script(command, nonce, shorter), nonce, patience, shorter))


def command_script(command: RemoteCommand, nonce: str, shorter: str | None) -> str:
    """The text for Run Command; ConfigError where that would not take it."""
    order = CommandOrder(
        nonce=nonce,
        shorter=shorter,
        content=base64.b64encode(command.content).decode(),
        is_script=command.is_script,
        timeout_seconds=command.timeout_seconds,
        line_characters=BUDGET_CHARACTERS,
        most_bytes=LONGEST_OUTPUT_BYTES,
        most_characters=LONGEST_IN_PARTS_CHARACTERS,
    )
    packed = base64.b85encode(zlib.compress(json.dumps(asdict(order)).encode(), 9)).decode()
    text = script.python_script(f'{program_source(PACKAGE, "command")}\n\ncarry_out("{packed}")\n', nonce)
    if problem := script.too_long(text):
        told = f"is {len(command.content):,} bytes long, so that {problem}"
        raise ConfigError("--script" if command.is_script else "COMMAND", told, "let it fetch what it needs there")
    return text


def ran(content: bytes) -> Ran:
    """What an answer that came whole says; the machine that gave it is not trusted: InconclusiveError."""
    head, mark, output = content.partition(b"\n")
    try:
        told = from_json(head, _Told)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise no_answer(f"the result has not the form of one: {str(error)[:200]}") from error
    lengths = (told.stdout[0], told.stdout[2], told.stderr[0], told.stderr[2])
    if not mark or sum(lengths) != len(output):
        raise no_answer("the result says that there is more output than came, or less")
    if told.exit_code is not None and told.signal is not None:
        raise no_answer("the result says what cannot be: an exit code and a signal")
    pieces = []
    for length in lengths:
        pieces.append(output[:length])
        output = output[length:]
    return Ran(
        exit_code=told.exit_code,
        signal=told.signal,
        seconds=told.seconds,
        left_running=told.left_running,
        kept_folder=told.kept_folder,
        stdout=StreamBytes(pieces[0], told.stdout[1], pieces[1]),
        stderr=StreamBytes(pieces[2], told.stderr[1], pieces[3]),
    )
