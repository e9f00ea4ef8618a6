"""What a restore did, or what one would do: frozen results, as SPEC section 4 has them in JSON."""

from __future__ import annotations

import msgspec

from local.report import Document, Step, Verdict


class Restore(msgspec.Struct, frozen=True, omit_defaults=True):
    """One restore, or with `check` what one would do.

    `target` is the new file, or with `live` the live database. `kept` is the copy of what stood there before,
    `kept_meanwhile` of what was written between the restore and its undoing; `reason` says why it did not pass,
    `surplus` are older copies beyond `restore.keep_copies`. `counts_compared`: nobody else wrote before the counts were
    compared with the record. `can_be_undone`: what was kept is a database, to which `--rollback` goes back.
    """

    id: str
    started: str
    seconds: float
    verdict: Verdict
    name: str
    blob: str | None
    backup_time: str | None
    target: str
    live: bool
    kept: str | None
    kept_meanwhile: str | None
    rolled_back: bool
    counts_compared: bool
    surplus: tuple[str, ...]
    reason: str | None
    rollback: bool = False
    check: bool = False
    can_be_undone: bool = True


class RowChange(msgspec.Struct, frozen=True):
    """A table's rows in the live database before, and in the backup; None: not there, or not known."""

    before: int | None
    restored: int | None


class ProbeResult(msgspec.Struct, frozen=True):
    """How the probe ended: its exit code (None: it never came to one), what it printed, and why it failed if it did."""

    command: str
    exit_code: int | None
    output: str
    reason: str | None = None

    @property
    def passed(self) -> bool:
        """Whether the application agrees."""
        return self.exit_code == 0


class RestorePlan(msgspec.Struct, frozen=True):
    """What a restore would meet and do; sizes in bytes.

    `refusal` is why it would not begin (None: it would), `mend` what to do about that, `untold` why there may be other
    holders than these.
    """

    found: str
    holders: tuple[str, ...]
    untold: str | None
    method: str
    needed_bytes: int | None
    free_bytes: int
    keeps: str | None
    refusal: str | None
    note: str | None = None
    mend: str | None = None


class RestoreReport(Document, frozen=True, omit_defaults=True):
    """The `--json` document of `restore`; `plan` where it is a check."""

    restore: Restore
    steps: tuple[Step, ...]
    rows: dict[str, RowChange]
    probe: ProbeResult | None
    plan: RestorePlan | None = None
