"""Faults to inject: each by name, for the requests it matches, a number of times."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import Literal

Kind = Literal[
    "status",
    "reset",
    "slow",
    "forbidden",
    "cut_short",
    "replaced_output",
    "truncated_output",
    "altered_output",
    "endless_poll",
    "agent_stuck",
    "agent_failed",
    "vm_gone",
]
# What the agent says of a script that a reboot cut short, and that Azure calls a success.
CUT_SHORT = "[stdout]\n\n[stderr]\nLast script execution didn't finish."
ON_THE_WIRE: frozenset[Kind] = frozenset({"status", "reset", "slow"})
IN_THE_AGENT: frozenset[Kind] = frozenset(
    {
        "cut_short",
        "replaced_output",
        "truncated_output",
        "altered_output",
        "endless_poll",
        "agent_stuck",
        "agent_failed",
        "vm_gone",
    }
)


@dataclass(frozen=True)
class Fault:
    """One fault. It strikes requests of `surface` and `method` whose path holds `path` (empty: any), `times` times."""

    kind: Kind
    surface: str = ""
    method: str = ""
    path: str = ""
    times: int = 1
    status: int = 0
    code: str = ""
    message: str = ""
    seconds: float = 0.0
    action: str = ""
    text: str = ""
    count: int = 0

    def strikes(self, surface: str, method: str, path: str) -> bool:
        """Whether a request is one of those that this fault is for."""
        return self.surface in ("", surface) and self.method in ("", method) and self.path.lower() in path.lower()

    def on(self, *, surface: str = "", method: str = "", path: str = "", times: int = 1) -> Fault:
        """This fault, but only for requests of a surface and method whose path holds `path`, and so many times."""
        return replace(self, surface=surface, method=method, path=path, times=times)


def throttled(retry_after: float = 1) -> Fault:
    """HTTP 429, to be tried again after so many seconds."""
    message = "The request is being throttled as the limit has been reached for operation type."
    return Fault("status", status=429, code="TooManyRequests", message=message, seconds=retry_after)


def server_error(status: int = 500, code: str = "InternalServerError") -> Fault:
    """A 5xx, which the SDK tries again."""
    message = "The server encountered an internal error. Please retry the request."
    return Fault("status", status=status, code=code, message=message)


def refusal(status: int, code: str, message: str) -> Fault:
    """Any error of Azure's that the stand-in does not produce by itself."""
    return Fault("status", status=status, code=code, message=message)


def reset() -> Fault:
    """The connection dies instead of an answer."""
    return Fault("reset")


def slow(seconds: float) -> Fault:
    """The answer comes late by so many seconds."""
    return Fault("slow", seconds=seconds)


def forbidden(action: str) -> Fault:
    """AuthorizationFailed for this action, whatever the caller holds."""
    return Fault("forbidden", action=action)


def cut_short(after: float = 0.0, text: str = CUT_SHORT) -> Fault:
    """The VM reboots `after` seconds: the script dies, and Azure calls it a success."""
    return Fault("cut_short", seconds=after, text=text)


def replaced_output(text: str) -> Fault:
    """The script runs, but this comes back as its stdout."""
    return Fault("replaced_output", text=text)


def truncated_output(count: int) -> Fault:
    """Only the last `count` bytes of stdout come back."""
    return Fault("truncated_output", count=count)


def altered_output(stream: str = "stdout") -> Fault:
    """One character at the end of a stream's last line comes back as another one."""
    return Fault("altered_output", text=stream)


def endless_poll() -> Fault:
    """The script runs and ends, but its operation stays InProgress and the VM stays busy."""
    return Fault("endless_poll")


def agent_stuck() -> Fault:
    """The agent never picks the script up: InProgress for ever, and the VM stays busy."""
    return Fault("agent_stuck")


def agent_failed() -> Fault:
    """The VM's agent does not report: the operation fails."""
    return Fault("agent_failed")


def vm_gone(after: float = 0.0) -> Fault:
    """Somebody deletes the VM `after` seconds of the script."""
    return Fault("vm_gone", seconds=after)


@dataclass
class FaultQueue:
    """The faults still to strike, oldest first."""

    waiting: list[Fault] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, fault: Fault) -> None:
        """Have it strike after those that wait already."""
        with self.lock:
            self.waiting.append(fault)

    def take(self, kinds: frozenset[Kind], surface: str, method: str, path: str, action: str = "") -> Fault | None:
        """The first fault that strikes this request, which it then may do one time less; None where none does."""
        with self.lock:
            for index, fault in enumerate(self.waiting):
                if fault.kind not in kinds or not fault.strikes(surface, method, path):
                    continue
                if fault.action.lower() != action.lower():
                    continue
                if fault.times > 1:
                    self.waiting[index] = replace(fault, times=fault.times - 1)
                else:
                    del self.waiting[index]
                return fault
        return None
