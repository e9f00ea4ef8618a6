"""A volume's content exchanged for a tar's: what it holds is kept first, and comes back if anything fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import msgspec

from local import clock, interrupt
from local.drill_program.errors import BackupWrongError, NotCarriedOutError
from local.errors import EngineError, InconclusiveError, PillarError
from local.events import Event, Watch
from local.restore import volume_content
from local.restore.volume_content import VolumeContent
from local.restore.volume_kept import KeptVolumes, RestoreNote, write_tar
from local.unpack.attributes import Unkept
from local.volumes.engine import Engine
from local.volumes.tar_stream import NotWholeError

_FORMER = "former.tar"


@dataclass(frozen=True)
class ExchangedVolume:
    """What came of it: the `kept` copy of what the volume held `before`; `why` that was put back (None: it was not).

    `left_out` is what the engine does not tell of the volume, so that it is neither in the copy nor compared.
    """

    kept: Path | None
    before: VolumeContent | None
    restored: VolumeContent
    why: str | None
    unkept: Unkept
    left_out: tuple[str, ...]


class _UntouchedError(PillarError):
    """The engine refused before it changed anything."""


class VolumeExchange:
    """One exchange; `private` is an empty folder of this user's, in which it works; `rollback` is for the note.

    Raises InconclusiveError where it could not be begun (nothing was touched), PillarError where what the volume held
    could not be put back: then the note stays, by which the next command knows.
    """

    def __init__(
        self, engine: Engine, kept: KeptVolumes, private: Path, watch: Watch, *, rollback: bool = False
    ) -> None:
        self._rollback = rollback
        self._engine, self._kept, self._private, self._watch = engine, kept, private, watch
        self._name = kept.name

    def carry_out(self, tar: Path, *, is_there: bool) -> ExchangedVolume:
        """Fill the volume from the tar, which is proven; `is_there` is False where a cut short restore left it away.

        What such a restore left half filled is kept, but nothing to go back to: what was kept then still is.
        """
        with _not_begun(self._name):
            restored = volume_content.of_tar(tar)
            self._engine.require_fillable(self._name, tar)
            half = self._engine.is_half_replaced(self._name)
            left_out = self._read_former() if is_there else ()
            if is_there and not half:
                self._require_that_it_could_go_back()
            before = volume_content.of_tar(self._former) if is_there else None
            kept = self._keep(half) if is_there else None
        try:
            why, unkept = self._replaced(tar, restored, None if half else before)
        except _UntouchedError as error:
            self._forget()
            raise InconclusiveError(error.doing, f"{error.came_back}; nothing was touched", error.mend) from error
        self._kept.remove_note()
        return ExchangedVolume(kept, before, restored, why, unkept, left_out)

    @property
    def _former(self) -> Path:
        return self._private / _FORMER

    def _read_former(self) -> tuple[str, ...]:
        self._say("read what the volume holds now")
        with self._engine.reading(self._name) as reader:
            written = write_tar(reader, self._former)
            without = () if written.is_exact else reader.without
            return (*without, *(f"the device {path}" for path in written.devices))

    def _require_that_it_could_go_back(self) -> None:
        try:
            self._engine.require_fillable(self._name, self._former)
        except EngineError as error:
            came_back = f"what the volume holds now could not be put back, if it came to that: {error.came_back}"
            raise InconclusiveError(error.doing, came_back, error.mend) from error

    def _keep(self, half: bool) -> Path:
        """The copy of what the volume holds; what a restore that was cut short left is no step back, and not noted."""
        self._say("keep a copy of it")
        name = self._kept.free_name(cut_short=half)
        if not half:
            self._kept.write_note(RestoreNote("replacing", self._rollback, name, clock.timestamp(clock.now())))
        try:
            kept = self._kept.keep(self._former, self._private, name)
            interrupt.check()
        except BaseException:
            if not half:
                self._forget()
            raise
        return kept

    def _forget(self) -> None:
        note = self._kept.note()
        if note:
            self._kept.forget(note)

    def _note(self, state: Literal["committed", "undoing"]) -> None:
        """Where nothing was there before, and nothing was cut short, there is no note."""
        note = self._kept.note()
        if note:
            self._kept.write_note(msgspec.structs.replace(note, state=state))

    def _replaced(self, tar: Path, restored: VolumeContent, before: VolumeContent | None) -> tuple[str | None, Unkept]:
        """Why `before` was put back (None: it was not), and what the engine does not tell of the volume."""
        try:
            self._say("fill the volume from the backup")
            self._engine.replace(self._name, tar, partial(self._note, "committed"))
            self._say("read it back")
            why, unkept = self._compare(restored)
            why = why and f"what was filled in does not read back as the backup: {why}"
        except (PillarError, NotWholeError, OSError) as error:
            if before is not None and self._is_untouched(before):
                doing = f"restore of the volume {self._name}"
                mend = error.mend if isinstance(error, PillarError) else "run it again"
                raise _UntouchedError(doing, str(error), mend) from error
            why, unkept = str(error), Unkept()
        except BaseException:
            self._put_back("it was interrupted", before)
            self._kept.remove_note()
            interrupt.leaves(f"the volume {self._name} holds its former content again")
            raise
        if why is not None:
            self._put_back(why, before)
        return why, unkept

    def _put_back(self, why: str, before: VolumeContent | None) -> None:
        """PillarError, which says where everything is, where that does not go."""
        self._note("undoing")
        if before is None:
            raise self._not_put_back(why, "what was there before was left by a restore that was cut short")
        try:
            self._say(f"put the former content back, since {why}")
            self._engine.replace(self._name, self._former)
            wrong, _ = self._compare(before)
        except (PillarError, NotWholeError, OSError) as error:
            raise self._not_put_back(why, str(error)) from error
        if wrong is not None:
            raise self._not_put_back(why, wrong)

    def _is_untouched(self, before: VolumeContent) -> bool:
        try:
            return self._compare(before)[0] is None
        except (EngineError, NotWholeError, OSError):  # it is away, or half there
            return False

    def _compare(self, wanted: VolumeContent) -> tuple[str | None, Unkept]:
        with self._engine.reading(self._name) as reader:
            found = volume_content.of_stream(reader.look(), reader.mountpoint)
            return volume_content.differences(wanted, found, owners=found.is_exact or not reader.without)

    def _not_put_back(self, why: str, trouble: str) -> PillarError:
        note = self._kept.note()
        where = f"what it held is {self._kept.folder / note.kept}" if note else "nothing was kept of it"
        came_back = f"{why}; then: {trouble}; the volume may be away, empty or half filled, and {where}"
        mend = f"mend the cause, and go back: invoke restore {self._name} --rollback"
        return PillarError(f"restore of the volume {self._name}: put its former content back", came_back, mend)

    def _say(self, text: str) -> None:
        self._watch(Event(self._name, text))


@contextmanager
def _not_begun(name: str) -> Iterator[None]:
    """Whatever is refused in here, as the error that says that nothing was touched."""
    try:
        yield
    except OSError as error:
        mend = "free space there: df -h (on Linux XDG_DATA_HOME moves it to another disk)"
        came_back = f"{error.filename or 'the folder of kept copies'}: {error.strerror}; nothing was touched"
        raise InconclusiveError(f"restore of the volume {name}", came_back, mend) from error
    except (EngineError, InconclusiveError) as error:
        raise InconclusiveError(error.doing, f"{error.came_back}; nothing was touched", error.mend) from error
    except (NotWholeError, BackupWrongError, NotCarriedOutError) as error:
        mend = "run it again; into a folder it goes without the engine: --to PATH"
        raise InconclusiveError(f"restore of the volume {name}", f"{error}; nothing was touched", mend) from error
