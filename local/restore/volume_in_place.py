"""`invoke restore NAME --live` and `--rollback` of a volume: what would happen, and the exchange of its content."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import msgspec

from local import interrupt
from local.drill.targets import Targets
from local.errors import ConfigError, EngineError, InconclusiveError
from local.events import Watch
from local.report import Step, Verdict
from local.restore.fetch import fetch_file
from local.restore.private_folder import private_folder
from local.restore.result import Restore, RestorePlan, RestoreReport, RowChange
from local.restore.source import BackupSource
from local.restore.to_new_file import Started, fetched_report, preview_report
from local.restore.unkept import unkept_notes
from local.restore.volume_exchange import ExchangedVolume, VolumeExchange
from local.restore.volume_kept import KeptVolumes
from local.restore.volume_plan import VolumeState, decide, no_room
from local.restore.volume_recover import sentence
from local.settings import Settings
from local.store.layout import BackupRecord
from local.store.shelf import VOLUMES
from local.volumes.endpoint import find_endpoint
from local.volumes.engine import Engine, open_engine

_METHOD = "the volume is removed, made anew with its driver, options and labels, filled, and read back"
_LEFT = "the volume holds its former content or the restored one, or the next command says what is to do"


@dataclass(frozen=True)
class VolumeLiveOrder:
    """What a person agrees to: which backup, or kept `copy`, replaces what the volume holds; `preview` as shown."""

    name: str
    source: BackupSource
    preview: RestoreReport
    copy: Path | None = None


def may_roll_back(configured: Settings, name: str) -> bool:
    """Whether a rollback of this name can mean a volume: it is configured as one, or something was kept of it."""
    if name in {volume.name for volume in configured.volumes}:
        return True
    return VOLUMES.may_hold(name) and bool(KeptVolumes.of(find_endpoint(os.environ, Path.home()).url, name).copies())


def order_restore(source: BackupSource, started: Started) -> VolumeLiveOrder:
    """What `--live` would do; raises the engine's errors, InconclusiveError where it has no such volume."""
    with open_engine() as engine:
        state = _look(engine, source.name)
        plan = _shown(state, source.recorded.raw_bytes)
    return VolumeLiveOrder(source.name, source, preview_report(_begun(started, source), source, plan, {}))


def order_rollback(name: str, started: Started) -> VolumeLiveOrder:
    """What `--rollback` would do; ConfigError where nothing was kept of the volume, and as `order_restore` else.

    Where a restore was cut short, that is what the volume held before that one.
    """
    with open_engine() as engine:
        state = _look(engine, name)
        copy = next(iter(state.steps_back), None)
        if copy is None:
            came_back = f"there is no copy {state.kept.folder / name}.pre-restore-… to go back to"
            raise ConfigError("--rollback", came_back, f"restore a backup instead: invoke restore {name} --live")
        source = BackupSource(name, str(copy), None, 0, BackupRecord(volume=name), lambda: Targets((), ()), "volume")
        plan = _shown(state, None)
    restore = msgspec.structs.replace(_begun(started, source), rollback=True)
    return VolumeLiveOrder(name, source, preview_report(restore, source, plan, {}), copy)


def carry_out(order: VolumeLiveOrder, keep_copies: int, watch: Watch) -> RestoreReport:
    """Prove the backup, or unpack the kept copy, and exchange the volume's content for it.

    Raises InconclusiveError where it cannot be begun, LockHeldError while another restore of the volume is under way,
    PillarError where the former content could not be put back.
    """
    started = Started.now()
    begun = msgspec.structs.replace(_begun(started, order.source), rollback=order.copy is not None)
    with open_engine() as engine:
        kept = KeptVolumes.of(engine.endpoint.url, order.name)
        with private_folder(kept.target) as private:
            tar, steps = private / "restored.tar", tuple[Step, ...]()
            if order.copy is None:
                fetched = fetch_file(order.source, private, watch)
                report = fetched_report(msgspec.structs.replace(begun, seconds=started.seconds), fetched.drilled)
                if fetched.path is None:
                    return report
                tar, steps = fetched.path, report.steps
            else:
                kept.unpack(order.copy, tar)
            state = _look(engine, order.name)
            _require(order.name, state)
            interrupt.leaves(_LEFT)
            exchange = VolumeExchange(engine, kept, private, watch, rollback=order.copy is not None)
            done = exchange.carry_out(tar, is_there=state.facts is not None)
    restore = _ended(begun, done, kept.surplus(keep_copies), started)
    return RestoreReport(restore, steps, _changes(done), None)


def _look(engine: Engine, name: str) -> VolumeState:
    kept = KeptVolumes.of(engine.endpoint.url, name)
    note, half = kept.note(), engine.is_half_replaced(name)
    try:
        # What a killed run left is removed with the first change, which nobody has agreed to yet.
        users = tuple(user for user in engine.users(name) if not user.is_reader)
        return VolumeState(kept, note, half, engine.without(name), engine.volume(name), users)
    except EngineError as error:
        if half:
            return VolumeState(kept, note, half, (), None, ())
        mend = (
            f"{error.mend}; make it (docker volume create {name}, or docker compose up --no-start) and run this again"
        )
        into = f"or restore into a folder: invoke restore {name}"
        raise InconclusiveError(error.doing, f"{error.came_back}; nothing was touched", f"{mend}, {into}") from error


def _require(name: str, state: VolumeState) -> None:
    """Who used it may have changed since it was shown."""
    refusal = decide(state)
    if refusal:
        raise InconclusiveError(f"restore {name}", f"{refusal.reason}; nothing was touched", refusal.mend)


def _shown(state: VolumeState, tar_bytes: int | None) -> RestorePlan:
    free = shutil.disk_usage(state.kept.folder).free
    refusal = decide(state) or no_room(state, tar_bytes, free)
    return RestorePlan(
        found=f"{state.facts.driver} driver, made {state.facts.created}" if state.facts else "away",
        holders=tuple(f"{user.name} ({user.state})" for user in state.users),
        untold=None,
        method="nothing would be touched" if refusal else _METHOD,
        needed_bytes=tar_bytes,
        free_bytes=free,
        keeps=None
        if refusal or state.facts is None
        else f"{state.kept.folder / state.kept.name}.pre-restore-<epoch>.tar.gz",
        refusal=refusal.reason if refusal else None,
        note="; ".join([*_left(state), *_lacking(state)]) or None,
        mend=refusal.mend if refusal else None,
    )


def _left(state: VolumeState) -> list[str]:
    """Of a restore that was ended by force before it had changed anything there is nothing to decide by."""
    if state.note is None or state.is_untouched:
        return []
    return [sentence(state.kept, state.note, half=state.half)]


def _lacking(state: VolumeState) -> list[str]:
    return [f"what would be kept has not {what}" for what in state.untold]


def _begun(started: Started, source: BackupSource) -> Restore:
    return started.restore(source, Path(source.name), live=True)


def _ended(begun: Restore, done: ExchangedVolume, surplus: tuple[Path, ...], started: Started) -> Restore:
    verdict: Verdict = "passed" if done.why is None else "failed"
    left_out = tuple(f"not in the copy that was kept, and not compared: {what}" for what in done.left_out)
    return msgspec.structs.replace(
        begun,
        seconds=started.seconds,
        verdict=verdict,
        kept=str(done.kept) if done.kept else None,
        rolled_back=done.why is not None,
        counts_compared=True,
        surplus=tuple(map(str, surplus)),
        reason=done.why,
        notes=(*unkept_notes(done.unkept), *left_out),
    )


def _changes(done: ExchangedVolume) -> dict[str, RowChange]:
    before = done.before
    return {
        "files": RowChange(before.files if before else None, done.restored.files),
        "bytes": RowChange(before.bytes if before else None, done.restored.bytes),
    }
