"""What the doctor found: one value a precondition, and the `--json` document of all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from local.cloud.redact import scrub
from local.errors import PillarError
from local.output.screen import printable
from local.report import Document

_MOST_CHARACTERS = 3000
CheckVerdict = Literal["ok", "warn", "fail", "skipped"]


class DoctorCheck(msgspec.Struct, frozen=True):
    """One precondition: what was found, and the command or step that mends it ("" where there is nothing to mend)."""

    name: str
    verdict: CheckVerdict
    message: str
    mend: str = ""


class Doctor(msgspec.Struct, frozen=True):
    """What all of it came to: the worst verdict of any check."""

    verdict: Literal["ok", "warn", "fail"]


class DoctorReport(Document, frozen=True):
    """The `--json` document of `invoke doctor`."""

    doctor: Doctor
    checks: tuple[DoctorCheck, ...]


def report(checks: Sequence[DoctorCheck]) -> DoctorReport:
    """The document of these checks; one that was skipped is no fault."""
    verdicts = {check.verdict for check in checks}
    return DoctorReport(Doctor("fail" if "fail" in verdicts else "warn" if "warn" in verdicts else "ok"), tuple(checks))


def exit_code(found: DoctorReport) -> int:
    """1 where any check failed; a warning is none."""
    return 1 if found.doctor.verdict == "fail" else 0


def refused(name: str, error: PillarError, verdict: CheckVerdict = "fail") -> DoctorCheck:
    """An error of ours as the check that it prevented."""
    return DoctorCheck(name, verdict, str(error), error.mend)


def safe(check: DoctorCheck) -> DoctorCheck:
    """The same without secrets, without what could steer a terminal, and of a length that a person reads: names and
    answers come from outside.
    """
    name, message, mend = (_told(text) for text in (check.name, check.message, check.mend))
    return DoctorCheck(name, check.verdict, message, mend)


def _told(text: str) -> str:
    shown = printable(scrub(text))
    return shown if len(shown) <= _MOST_CHARACTERS else f"{shown[:_MOST_CHARACTERS]}…"
