"""What a volume held before it was replaced, kept on this machine; and the note that says how far a replacement came.

`<name>.pre-restore-<epoch>.tar.gz` is what a rollback goes back to. What a restore that was cut short left in a volume
is kept too, as `<name>.cut-short-<epoch>.tar.gz`, and is nothing to go back to. Each engine has a folder of its own.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from local.errors import InconclusiveError
from local.restore.exact_entries import ExactEntries
from local.restore.kept import place, sync
from local.restore.volume_left import KEPT, note_path
from local.store.durable import replace_file, sweep_replacements, sync_folder
from local.typed import from_json
from local.volumes.canonical import END_MARK, header
from local.volumes.mountpoint import Mountpoint
from local.volumes.own_folder import own_folder
from local.volumes.reader import VolumeReader
from local.volumes.seen import DEVICES, in_volume
from local.volumes.spool import SpoolFile
from local.volumes.tar_stream import TarStream

_COPY_BYTES = 1 << 20
_LEVEL = 1  # it is written once and read in an emergency: the time counts, not the size
_NOTE_BYTES = 16_000
_Name = Annotated[str, msgspec.Meta(max_length=400)]


class RestoreNote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A replacement that began: `kept` is the name of the file with what the volume held before it.

    "replacing" is written before that file is, "committed" when the volume was filled to its end, "undoing" before the
    former content is put back. While the volume is changed the engine's own mark says that it may be half filled.
    """

    state: Literal["replacing", "committed", "undoing"]
    rollback: bool
    kept: _Name
    started_time: Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]


@dataclass(frozen=True)
class KeptVolumes:
    """The kept copies of one volume on one engine."""

    folder: Path
    name: str

    @staticmethod
    def of(engine_url: str, name: str) -> KeptVolumes:
        """Those of the volume on the engine with this address; their folder is made, for this user alone."""
        folder = own_folder() / f"{KEPT}{hashlib.sha256(engine_url.encode()).hexdigest()[:8]}"
        folder.mkdir(mode=0o700, exist_ok=True)
        return KeptVolumes(folder, name)

    @property
    def target(self) -> Path:
        """Of which a restore has its private folder: of a volume there is one at a time."""
        return self.folder / self.name

    def copies(self) -> list[Path]:
        """The copies to which a rollback can go back, the newest first."""
        return [path for _, path in sorted(self._all("pre-restore"), reverse=True)]

    def surplus(self, keep_copies: int) -> tuple[Path, ...]:
        """Copies that nobody needs: those beyond the newest, and what was cut short; for a person to remove."""
        return (*self.copies()[keep_copies:], *(path for _, path in sorted(self._all("cut-short"))))

    def free_name(self, *, cut_short: bool) -> str:
        """The name of the next copy, with the time in seconds: later than every other, whatever the clock says."""
        word = "cut-short" if cut_short else "pre-restore"
        newest = max((epoch for epoch, _ in self._all(word)), default=0)
        return f"{self.name}.{word}-{max(int(time.time()), newest + 1)}.tar.gz"

    def keep(self, tar: Path, private: Path, name: str) -> Path:
        """Keep a tar, compressed, under that free name; it is on the disk when this returns. OSError."""
        target = self.folder / name
        packed = private / "kept.tar.gz"
        packed.touch(mode=0o600)
        with tar.open("rb") as source, gzip.open(packed, "wb", _LEVEL) as file:
            shutil.copyfileobj(source, file, _COPY_BYTES)
        sync(packed)
        place(packed, target)
        return target

    def unpack(self, copy: Path, tar: Path) -> None:
        """The tar that a kept copy holds, as a new file; InconclusiveError where the copy is damaged."""
        tar.touch(mode=0o600)
        try:
            with gzip.open(copy, "rb") as source, tar.open("wb") as file:
                shutil.copyfileobj(source, file, _COPY_BYTES)
        except (OSError, EOFError, ValueError) as error:
            mend = "look at it: gunzip -t, tar tzf; an older copy lies beside it, if there is one"
            raise InconclusiveError(f"rollback to {copy}", str(error), mend) from error

    def note(self) -> RestoreNote | None:
        """The note of a replacement that was cut short; InconclusiveError where what stands there is none of ours."""
        try:
            with self._note.open("rb") as file:
                found = from_json(file.read(_NOTE_BYTES), RestoreNote)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, msgspec.DecodeError, RecursionError) as error:
            raise self._no_note(str(error)) from error
        if not self._pattern("pre-restore").fullmatch(found.kept):
            raise self._no_note(f"it names {found.kept!r}, which is no copy of this volume")
        return found

    def write_note(self, note: RestoreNote) -> None:
        """From now on the volume may hold anything; the note is on the disk when this returns."""
        replace_file(self._note, msgspec.json.encode(note))
        sync_folder(self.folder)

    def sweep_note(self) -> None:
        """Remove what a killed restore left of a note that it had not written; for whoever has the private folder."""
        sweep_replacements(self._note)

    def forget(self, note: RestoreNote) -> None:
        """Nothing was replaced: no copy is needed, and it would be no step back for a rollback."""
        (self.folder / note.kept).unlink(missing_ok=True)
        self.remove_note()

    def remove_note(self) -> None:
        """The replacement is over."""
        self._note.unlink(missing_ok=True)
        sync_folder(self.folder)

    @property
    def _note(self) -> Path:
        return note_path(self.folder, self.name)

    def _no_note(self, why: str) -> InconclusiveError:
        mend = f"a restore began here: look at the volume and the copies beside it, then: mv {self._note} /tmp/"
        return InconclusiveError(f"restore: read {self._note}", why, mend)

    def _pattern(self, word: str) -> re.Pattern[str]:
        return re.compile(re.escape(self.name) + rf"\.{word}-(\d{{1,12}})\.tar\.gz")

    def _all(self, word: str) -> list[tuple[int, Path]]:
        matches = ((self._pattern(word).fullmatch(path.name), path) for path in self.folder.iterdir())
        return [(int(match[1]), path) for match, path in matches if match]


@dataclass(frozen=True)
class WrittenTar:
    """What stands in a tar of a volume: whether all that its own folder says, and the devices, which are not in it."""

    is_exact: bool
    devices: tuple[str, ...]


def write_tar(reader: VolumeReader, tar: Path) -> WrittenTar:
    """What the volume holds as a new tar file whose paths are relative to it; synced.

    What the engine keeps to itself is taken from the volume's own folder, where all agrees there. NotWholeError where
    the stream is not whole, the engine's errors, OSError.
    """
    written = _written(reader.look(), tar, reader.mountpoint)
    if reader.mountpoint and not written.is_exact:
        written = _written(reader.look(), tar, None)
    sync(tar)
    return written


def _written(chunks: Iterable[bytes], tar: Path, mountpoint: Mountpoint | None) -> WrittenTar:
    devices = []
    stream = TarStream(chunks)
    tar.unlink(missing_ok=True)
    with SpoolFile(tar) as file, ExactEntries(mountpoint) as entries:
        for entry in in_volume(stream):
            if entry.kind in DEVICES:
                devices.append(entry.path.decode(errors="backslashreplace"))
                continue
            file.write(header(entries.complete(entry)))
            file.write_padded(stream.content())
        file.write(END_MARK)
    return WrittenTar(entries.all_agree, tuple(devices))
