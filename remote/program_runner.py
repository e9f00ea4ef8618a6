"""A program on one VM and its whole answer: out of both streams, in parts, or through the store where it is long."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from local import clock
from local.cloud.redact import scrub
from local.drill import answer
from local.drill.answer import ResultLine
from local.drill.program import order_program
from local.drill_program.order import FetchOrder, HandInOrder
from local.errors import AzureError, InconclusiveError, PillarError, StoreError
from local.events import Event, Watch
from local.store.interface import Inbox
from remote import run_command, script
from remote.run_command import PATIENCE, Patience, ScriptOutput, VirtualMachine

# Run Command returns this much of each stream at most, and a line of an answer on either.
BUDGET_CHARACTERS = 4096
STREAMS = 2
# As many parts as the store is not worth asking for: three Run Commands.
FEW_PARTS = 6
# An answer of this size travels in parts, which take Azure half an hour at most.
LONGEST_IN_PARTS_CHARACTERS = 256 * 1024
MOST_PARTS = 68
COMMAND_SECONDS = 20
INBOX_FOLDER = "runs"


@dataclass(frozen=True)
class ProgramRunner:
    """One VM, who hears of it, how long each later part of an answer may take, and where it may hand in a long one.

    `run_id` is in the name of what is handed in.
    """

    vm: VirtualMachine
    watch: Watch
    run_id: str
    fetch: Patience = PATIENCE
    inbox: Inbox | None = None

    def answer(self, text: str, nonce: str, patience: Patience, shorter: str | None = None) -> bytes:
        """The content of what a program's script answers under `nonce`, and under `shorter` where that is too long.

        Raises as `run_command.run` does, and InconclusiveError for anything but a whole answer of this run.
        """
        first = self._run(text, nonce, patience)
        with self._blamed(first):
            line = answer.result_line(first.stdout, nonce)
            if line.parts <= STREAMS:
                return answer.content([first.stdout, first.stderr][: line.parts], nonce)
        if self.inbox and line.parts > FEW_PARTS:
            try:
                return self._through(self.inbox, nonce, line, shorter)
            except (AzureError, InconclusiveError, StoreError) as trouble:
                self._tell(f"not through the store, so it comes in parts: {scrub(str(trouble))}")
        if line.parts <= MOST_PARTS:
            return self._in_parts(nonce, [first.stdout, first.stderr], line.parts, shorter)
        if not shorter:
            came_back = f"its result has {line.parts} parts"
            raise InconclusiveError("fetch", came_back, "drill fewer databases at a time (--only)")
        outputs = self._fetched(FetchOrder(shorter, 1, BUDGET_CHARACTERS, last=False))
        with self._blamed(outputs):
            parts = answer.result_line(outputs.stdout, shorter).parts
        return self._in_parts(shorter, [outputs.stdout, outputs.stderr], parts, nonce)

    def _in_parts(self, nonce: str, outputs: list[str], parts: int, superseded: str | None) -> bytes:
        """The whole answer of which these are the first parts."""
        commands = -(-(parts - len(outputs)) // STREAMS)
        self._tell(f"the output comes in {commands} more parts, some {COMMAND_SECONDS * commands} s")
        blamed = ScriptOutput(*outputs)
        for part in range(len(outputs) + 1, parts + 1, STREAMS):
            self._tell(f"fetching part {part} of {parts} of the result")
            last = part + STREAMS > parts
            blamed = self._fetched(FetchOrder(nonce, part, BUDGET_CHARACTERS, last, superseded))
            outputs = [*outputs, blamed.stdout, blamed.stderr]
        with self._blamed(blamed):
            return answer.content(outputs[:parts], nonce)

    def _through(self, inbox: Inbox, nonce: str, line: ResultLine, superseded: str | None) -> bytes:
        """The answer as a blob that the VM makes, read once and removed; its digest is the first line's."""
        name = handed_in_name(self.run_id, self.vm.name)
        own = secrets.token_hex(16)
        order = HandInOrder(own, nonce, inbox.link(name), BUDGET_CHARACTERS, superseded)
        self._tell(f"the output is long, so it comes through the store: {INBOX_FOLDER}/{name}")
        try:
            handed_in = self._run(script.python_script(order_program(order), own), own, self.fetch)
            with self._blamed(handed_in):
                trouble = _trouble(answer.content([handed_in.stdout], own))
            if trouble:
                raise InconclusiveError(f"hand in from {self.vm.name}", trouble, "open outbound port 443 to the store")
            return answer.unpacked(inbox.take(name, answer.LONGEST_ANSWER_BYTES), line.digest)
        finally:
            self._remove(inbox, name)

    def _remove(self, inbox: Inbox, name: str) -> None:
        try:
            inbox.remove(name)
        except PillarError as trouble:
            text = f"{INBOX_FOLDER}/{name} could not be removed from the store: {scrub(str(trouble))}"
            self.watch(Event(self.vm.name, text, lasting=True))

    def _fetched(self, order: FetchOrder) -> ScriptOutput:
        return self._run(script.python_script(order_program(order), order.nonce), order.nonce, self.fetch)

    def _run(self, text: str, nonce: str, patience: Patience) -> ScriptOutput:
        output = run_command.run(self.vm, text, self.watch, patience)
        script.check_python(self.vm.name, output.stdout, nonce)
        return output

    def _tell(self, text: str) -> None:
        self.watch(Event(self.vm.name, text))

    @contextmanager
    def _blamed(self, output: ScriptOutput) -> Iterator[None]:
        """An answer that is none is told with the VM's name and its last complaint."""
        try:
            yield
        except InconclusiveError as error:
            told = error.came_back + _ending(output.stderr)
            raise InconclusiveError(f"run a program on {self.vm.name}", told, error.mend) from None


def handed_in_name(run_id: str, vm: str) -> str:
    """The name in the inbox of what a VM hands in; it never reads as that of a backup."""
    plain = "".join(character if character.isalnum() else "-" for character in vm)
    return f"{clock.now().date().isoformat()}/{run_id}-{plain}"


def _trouble(content: bytes) -> str:
    """Why the VM could not hand in its answer; InconclusiveError where it does not say so as it should."""
    try:
        return str(json.loads(content)["trouble"])[:300]
    except (ValueError, KeyError, TypeError):
        raise answer.no_answer("the result has not the form of one") from None


def _ending(stderr: str) -> str:
    """What the VM complained of last, for whoever must mend it."""
    lines = scrub(stderr).split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f"; its stderr ends: {last[-300:]}" if last and not last.startswith("PILLAR9 ") else ""
