"""What `invoke remote.run` found: frozen results, as JSON (SPEC section 4), and the exit code that follows."""

from __future__ import annotations

import base64
import signal
from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from local.output.endings import WORDS, Trouble, ending
from local.report import Checking, Document, RunId, Seconds, Started, Verdict
from remote.command import Ran, StreamBytes

_TROUBLES = {
    "failed": "ended with an error",
    "inconclusive": "told no whole answer",
    "refused": "could not be used",
}


class HostRun(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it on one VM, or with `check` whether it would run there."""

    name: Annotated[str, Meta(description="the VM")]
    verdict: Annotated[
        Verdict,
        Meta(
            description="passed where the exit code is 0, failed where it is another, else inconclusive; of a check, "
            "whether the caller may run commands there"
        ),
    ]
    exit_code: Annotated[
        int | None,
        Meta(description="the command's own; 128 and the number of the signal that ended it; null: not told"),
    ] = None
    stdout: Annotated[str, Meta(description="what it wrote, whole but for what was left out")] = ""
    stderr: Annotated[str, Meta(description="the same of its stderr")] = ""
    seconds: Seconds = 0.0
    reason: Annotated[str | None, Meta(description="what a person must know beside the exit code")] = None
    stdout_base64: Annotated[
        str | UnsetType, Meta(description="there where the bytes are no UTF-8: the exact ones")
    ] = UNSET
    stderr_base64: Annotated[str | UnsetType, Meta(description="the same of its stderr")] = UNSET
    stdout_left_out_bytes: Annotated[
        int | UnsetType, Meta(description="there where not all came: how many are missing in the middle")
    ] = UNSET
    stderr_left_out_bytes: Annotated[int | UnsetType, Meta(description="the same of its stderr")] = UNSET


class RefusedHost(HostRun, frozen=True, kw_only=True):
    """One where Azure refused the caller, or could not be reached."""


class Run(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One run on all of the VMs."""

    id: RunId
    started: Started
    seconds: Seconds
    verdict: Annotated[
        Verdict, Meta(description="failed where one VM failed, inconclusive where one has no whole answer, else passed")
    ]
    check: Checking = False


class RunReport(Document, frozen=True):
    """`remote.run`."""

    run: Run
    hosts: tuple[HostRun, ...]

    @property
    def exit_code(self) -> int:
        """1 where a command failed, 3 where Azure refused every VM, 4 where one has no whole answer, else 0."""
        if any(host.verdict == "failed" for host in self.hosts):
            return 1
        if all(isinstance(host, RefusedHost) for host in self.hosts):
            return 3
        return 0 if all(host.verdict == "passed" for host in self.hosts) else 4

    @property
    def ending(self) -> str:
        """The last line: on which VMs the command failed, which told no whole answer or refused, how many passed."""
        named = {word: [host.name for host in self.hosts if word_of(host) == word] for word in (*_TROUBLES, "ok")}
        passed = f"{len(named['ok'])} of {len(self.hosts)}"
        if self.run.check:
            others = [Trouble([*named["inconclusive"], *named["refused"]], "could not be used")]
            return ending("check of remote.run", others, f"it would run on {passed}; nothing was run")
        troubles = [Trouble(named[word], what) for word, what in _TROUBLES.items()]
        return ending(f"remote.run {WORDS[self.run.verdict]}", troubles, f"{passed} passed")


def word_of(host: HostRun) -> str:
    """In one word how it ended on one VM."""
    if isinstance(host, RefusedHost):
        return "refused"
    return "ok" if host.verdict == "passed" else host.verdict


def verdict_of(hosts: Sequence[HostRun]) -> Verdict:
    """Failed where one command failed, inconclusive where one has no whole answer, else passed."""
    verdicts = {host.verdict for host in hosts}
    return "failed" if "failed" in verdicts else "inconclusive" if "inconclusive" in verdicts else "passed"


def host_run(name: str, found: Ran, timeout_seconds: float) -> HostRun:
    """One VM's whole answer, judged: passed where the command's own exit code is 0."""
    code = 128 + found.signal if found.signal else found.exit_code
    return HostRun(
        name=name,
        verdict="passed" if code == 0 else "failed",
        exit_code=code,
        stdout=_text(found.stdout),
        stderr=_text(found.stderr),
        seconds=found.seconds,
        reason="; ".join(_remarks(found, timeout_seconds)) or None,
        stdout_base64=_base64(found.stdout),
        stderr_base64=_base64(found.stderr),
        stdout_left_out_bytes=found.stdout.left_out_bytes or UNSET,
        stderr_left_out_bytes=found.stderr.left_out_bytes or UNSET,
    )


def _remarks(found: Ran, timeout_seconds: float) -> list[str]:
    """What a person must know beside the exit code."""
    remarks = []
    if found.signal:
        remarks.append(f"ended by signal {found.signal} ({_signal_name(found.signal)})")
    elif found.exit_code is None:
        remarks.append(f"it was ended, with what it had started, after {timeout_seconds:g} s (--timeout)")
    if found.left_running:
        number = "1 process" if found.left_running == 1 else f"{found.left_running} processes"
        remarks.append(f"{number} that it started still run there")
    for stream, written in (("stdout", found.stdout), ("stderr", found.stderr)):
        if written.left_out_bytes:
            remarks.append(f"{written.left_out_bytes:,} bytes of {stream} were left out")
    if found.kept_folder:
        remarks.append(f"its folder {found.kept_folder} stays there, since a file system is mounted in it")
    return remarks


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown here"


def _bytes(written: StreamBytes) -> bytes:
    if not written.left_out_bytes:
        return written.head + written.tail
    mark = f"\n[… {written.left_out_bytes:,} bytes left out …]\n".encode()
    return written.head + mark + written.tail


def _text(written: StreamBytes) -> str:
    return _bytes(written).decode("utf-8", "replace")


def _base64(written: StreamBytes) -> str | UnsetType:
    """The exact bytes where the text is not: None of it where they are UTF-8."""
    content = _bytes(written)
    try:
        content.decode()
    except UnicodeDecodeError:
        return base64.b64encode(content).decode()
    return UNSET
