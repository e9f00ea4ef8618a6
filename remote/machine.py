"""The drill program on one VM: shipped, waited for, its result fetched whole, in parts where it is a long one."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from local.cloud.redact import scrub
from local.drill import verdict
from local.drill.order import Target
from local.drill.program import fetch_program, program
from local.drill.targets import LINK_SECONDS
from local.drill.verdict import ProgramResult
from local.errors import InconclusiveError
from local.events import Event, Watch
from remote import run_command, script
from remote.run_command import PATIENCE, Patience, ScriptOutput, VirtualMachine

# Run Command returns this much of stdout at most.
BUDGET_CHARACTERS = 4096
# Each part is a Run Command of its own, which takes Azure half a minute.
MOST_PARTS = 64
_BUSY_SECONDS = 10 * 60
_MARGIN_SECONDS = 5 * 60


@dataclass(frozen=True)
class Limits:
    """Seconds: `deadline` ends the program on the VM, `drill` and `fetch` are how long we wait for it and for a part.

    Waiting for another's command and the drill itself end before the links expire.
    """

    deadline: float
    drill: Patience
    fetch: Patience


LIMITS = Limits(
    deadline=LINK_SECONDS - _BUSY_SECONDS - _MARGIN_SECONDS,
    drill=Patience(busy=_BUSY_SECONDS, end=LINK_SECONDS - _BUSY_SECONDS),
    fetch=PATIENCE,
)


@dataclass(frozen=True)
class Machine:
    """One VM that drills, who hears of it, and how long each part of it may take."""

    vm: VirtualMachine
    watch: Watch
    limits: Limits = LIMITS

    def drill(self, targets: Sequence[Target]) -> ProgramResult:
        """What the drill on the VM found.

        Raises as `run_command.run` does, and InconclusiveError for anything but a whole result of this run.
        """
        nonce = secrets.token_hex(16)
        text = program(targets, nonce=nonce, deadline=self.limits.deadline, budget=BUDGET_CHARACTERS)
        self.watch(Event(self.vm.name, f"drill of {', '.join(target.name for target in targets)}"))
        first = self._run(text, nonce, self.limits.drill)
        with self._blamed(first):
            parts = verdict.part_count(first.stdout, nonce)
            if parts > MOST_PARTS:
                raise InconclusiveError(
                    "fetch", f"its result has {parts} parts", "drill fewer databases at a time (--only)"
                )
        later = [self._fetch(nonce, part, parts) for part in range(2, parts + 1)]
        with self._blamed(first):
            return verdict.outcome(first.stdout, nonce, targets, later)

    def _fetch(self, nonce: str, part: int, parts: int) -> str:
        self.watch(Event(self.vm.name, f"fetching part {part} of {parts} of the result"))
        text = fetch_program(nonce, part, budget=BUDGET_CHARACTERS, last=part == parts)
        return self._run(text, nonce, self.limits.fetch).stdout

    def _run(self, program: str, nonce: str, patience: Patience) -> ScriptOutput:
        text = script.python_script(program, nonce)
        output = run_command.run(self.vm, text, self.watch, patience)
        script.check_python(self.vm.name, output.stdout, nonce)
        return output

    @contextmanager
    def _blamed(self, output: ScriptOutput) -> Iterator[None]:
        """A result that is none is told with the VM's name and its last complaint."""
        try:
            yield
        except InconclusiveError as error:
            told = error.came_back + _ending(output.stderr)
            raise InconclusiveError(f"drill on {self.vm.name}", told, error.mend) from None


def _ending(stderr: str) -> str:
    """What the VM complained of last, for whoever must mend it."""
    lines = scrub(stderr).split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f"; its stderr ends: {last[-300:]}" if last else ""
