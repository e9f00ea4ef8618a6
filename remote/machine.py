"""The drill program on one VM: shipped with its order, and judged by its whole answer."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from local.drill import verdict
from local.drill.order import Target
from local.drill.program import program
from local.drill.targets import LINK_SECONDS
from local.drill.verdict import ProgramResult
from local.errors import InconclusiveError
from local.events import Event
from remote import script
from remote.program_runner import BUDGET_CHARACTERS, ProgramRunner
from remote.run_command import PATIENCE, Patience

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
    """One VM that drills, and how long each part of it may take."""

    runner: ProgramRunner
    limits: Limits = LIMITS

    @property
    def name(self) -> str:
        """The VM's."""
        return self.runner.vm.name

    def drill(self, targets: Sequence[Target]) -> ProgramResult:
        """What the drill on the VM found.

        Raises as `run_command.run` does, and InconclusiveError for anything but a whole result of this run.
        """
        nonce = secrets.token_hex(16)
        source = program(targets, nonce=nonce, deadline=self.limits.deadline, budget=BUDGET_CHARACTERS)
        text = script.python_script(source, nonce)
        if problem := script.too_long(text):
            mend = "spread the databases over more VMs (--vm, azure.vm), or drill some of them at a time (--only)"
            raise InconclusiveError("ship the drill", problem, mend)
        self.runner.watch(Event(self.name, f"drill of {', '.join(target.name for target in targets)}"))
        content = self.runner.answer(text, nonce, self.limits.drill)
        try:
            return verdict.judged(content, targets)
        except InconclusiveError as error:
            raise InconclusiveError(f"drill on {self.name}", error.came_back, error.mend) from None
