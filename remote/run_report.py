"""What `invoke remote.run` found: frozen results, as JSON (SPEC section 4), and the exit code that follows."""

from __future__ import annotations

import base64
import signal
from collections import Counter
from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

from local.report import Document, Verdict
from remote.command import Ran, Written


class HostRun(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it on one VM; `exit_code` is None where the command has none, or nobody told it.

    `stdout_base64` is there where the bytes are no UTF-8, `stdout_left_out_bytes` where not all of them came.
    """

    name: str
    verdict: Verdict
    exit_code: int | None = None
    stdout: str = ""
    stderr: str = ""
    seconds: float = 0.0
    reason: str | None = None
    stdout_base64: str | UnsetType = UNSET
    stderr_base64: str | UnsetType = UNSET
    stdout_left_out_bytes: int | UnsetType = UNSET
    stderr_left_out_bytes: int | UnsetType = UNSET


class RefusedHost(HostRun, frozen=True, kw_only=True):
    """One where Azure refused the caller, or could not be reached."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run on all of the VMs; with `check` nothing was run."""

    id: str
    started: str
    seconds: float
    verdict: Verdict
    check: bool | UnsetType = UNSET


class RunReport(Document, frozen=True):
    """The `--json` document of `remote.run`."""

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
    def recap(self) -> str:
        """How many VMs came out how."""
        counts = Counter(word_of(host) for host in self.hosts)
        return " ".join(f"{word}={counts[word]}" for word in ("ok", "failed", "inconclusive", "refused"))


def word_of(host: HostRun) -> str:
    """The recap's word for one VM."""
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


def _bytes(written: Written) -> bytes:
    if not written.left_out_bytes:
        return written.head + written.tail
    mark = f"\n[… {written.left_out_bytes:,} bytes left out …]\n".encode()
    return written.head + mark + written.tail


def _text(written: Written) -> str:
    return _bytes(written).decode("utf-8", "replace")


def _base64(written: Written) -> str | UnsetType:
    """The exact bytes where the text is not: None of it where they are UTF-8."""
    content = _bytes(written)
    try:
        content.decode()
    except UnicodeDecodeError:
        return base64.b64encode(content).decode()
    return UNSET
