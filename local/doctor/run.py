"""Looking at the preconditions: a few at a time, each within its limit, told in the order in which they are listed."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from traceback import extract_tb

from local.doctor.check import DoctorCheck, DoctorReport, refused, report, safe
from local.errors import PillarError

_AT_ONCE = 6
# A signal that comes just before a long wait is only heard after it.
_WAIT_SECONDS = 0.2


@dataclass(frozen=True)
class Precondition:
    """What is to be looked at: `look` yields what it finds as it finds it, and has `limit_seconds` for all of it.

    What is told of a look that fails or hangs bears `name`.
    """

    name: str
    look: Callable[[], Iterable[DoctorCheck]]
    limit_seconds: float = 30.0


@dataclass
class _Look:
    """One precondition that is being looked at, by a thread that may never come back."""

    wanted: Precondition
    found: list[DoctorCheck] = field(default_factory=list)
    begin: float | None = None
    ended: threading.Event = field(default_factory=threading.Event)

    def carry_out(self) -> None:
        self.begin = time.monotonic()
        try:
            for check in self.wanted.look():
                self.found.append(check)
        except PillarError as error:
            self.found.append(refused(self.wanted.name, error))
        except Exception as error:
            self.found.append(_fault(self.wanted.name, error))
        self.ended.set()

    def await_end(self) -> bool:
        """Whether it ended within its limit, which counts from its beginning."""
        while not self.ended.wait(_WAIT_SECONDS):
            if self.begin is not None and time.monotonic() - self.begin > self.wanted.limit_seconds:
                return False
        return True


def examine(preconditions: Sequence[Precondition], tell: Callable[[DoctorCheck], object]) -> DoctorReport:
    """Look at all of them; `tell` hears of each check in listed order, as soon as those before it are known."""
    looks = [_Look(wanted) for wanted in preconditions]
    waiting = deque(looks)
    for _ in range(_AT_ONCE):
        _start_worker(waiting)
    checks: list[DoctorCheck] = []
    for look in looks:
        found = _outcome(look, waiting)
        checks += found
        for check in found:
            tell(check)
    return report(checks)


def _outcome(look: _Look, waiting: deque[_Look]) -> list[DoctorCheck]:
    in_time = look.await_end()
    found = list(look.found)
    if not in_time:
        # Its thread is lost to the others.
        _start_worker(waiting)
        found.append(hung(look.wanted.name, look.wanted.limit_seconds))
    return [safe(check) for check in found]


def _start_worker(waiting: deque[_Look]) -> None:
    """A daemon: the process's end does not wait for a look that hangs."""

    def work() -> None:
        while waiting:
            try:
                look = waiting.popleft()
            except IndexError:  # another worker was faster
                return
            look.carry_out()

    threading.Thread(target=work, daemon=True).start()


def hung(name: str, limit_seconds: float) -> DoctorCheck:
    """A look that did not come back."""
    message = f"no answer within {limit_seconds:g} s"
    return DoctorCheck(
        name, "fail", message, "see what holds it up: a network drive, a server, a question on the screen"
    )


def _fault(name: str, error: Exception) -> DoctorCheck:
    """An error of the operating system is the machine's; anything else is a bug, told with its place."""
    if isinstance(error, OSError):
        return DoctorCheck(name, "fail", str(error), "look at that file, folder or program")
    place = extract_tb(error.__traceback__)[-1]
    where = f"{type(error).__name__} in {Path(place.filename).name}, line {place.lineno}"
    return DoctorCheck(name, "fail", f"{where}: {error}", "this is a bug: please report it")
