"""A database's files looked at alone, where the looks at the whole volume did not see them of one moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from local.drill_program.file_list import path_text
from local.errors import SourceError
from local.volumes.consistency import DatabaseLook, contradiction
from local.volumes.engine_errors import KEEP_STILL, NotThereError, StreamBrokenError
from local.volumes.look import kept_in_file, looked_at
from local.volumes.seen import JOURNAL, WAL, SeenEntry, is_database, own_file
from local.volumes.tar_stream import NotWholeError, TarStream

TRIES = 8
GONE = DatabaseLook(None, None, None)


class LooksAtVolume(Protocol):
    """One volume, as it can be looked at again and again; `local.volumes.reader.VolumeReader` is the engine's."""

    def look(self, path: bytes = b"") -> Iterator[bytes]:
        """A tar of all of it as it is now, or of the one file at `path` in it, in pieces of any length.

        Raises NotThereError where there is no such file, StreamBrokenError for a tar that breaks off, and EngineError.
        """


def consistent_look(
    reader: LooksAtVolume, path: bytes, first: DatabaseLook, second: DatabaseLook | None, folder: Path
) -> DatabaseLook:
    """The database's files as of one moment: the first look's if the second does not contradict it, else fetched again.

    GONE where it is not there any more. `second` is None where the first look came to the -wal before the database.

    Raises SourceError where that comes to nothing in TRIES tries, and the engine's errors.
    """
    why = contradiction(first, second) if second else "its -wal was read before it"
    for _ in range(TRIES):
        if why is None:
            return first
        try:
            first = _files(reader, path, folder)
            second = _files(reader, path, None, first)
        except (NotWholeError, StreamBrokenError) as error:
            why = str(error)
            continue
        if first.database is None and second.database is None:
            return GONE
        why = contradiction(first, second)
    if why is None:
        return first
    mend = f"{KEEP_STILL} in invoke.yaml"
    raise SourceError(f"snapshot of {path_text(path)} in the volume", f"{why}, in {TRIES + 1} tries", mend)


def _files(
    reader: LooksAtVolume, path: bytes, folder: Path | None, earlier: DatabaseLook | None = None
) -> DatabaseLook:
    """Each file by itself, the database first, kept in `folder` if there is one."""
    return DatabaseLook(
        _file(reader, path, folder, earlier.database if earlier else None),
        _file(reader, path + WAL, folder, earlier.wal if earlier else None),
        _file(reader, path + JOURNAL, folder, earlier.journal if earlier else None),
    )


def _file(reader: LooksAtVolume, path: bytes, folder: Path | None, earlier: SeenEntry | None) -> SeenEntry | None:
    """None where there is none any more."""
    with suppress(NotThereError):
        stream = TarStream(reader.look(path))
        seen = None
        for entry in stream.entries():
            if seen is not None or entry.kind != "file":
                raise NotWholeError(f"{path_text(path)} came as a {entry.kind}")
            entry = replace(entry, path=path)
            if folder is None:
                seen = looked_at(stream, entry, earlier)
            else:
                file = own_file(folder, path)
                file.unlink(missing_ok=True)
                seen = kept_in_file(stream, entry, file, is_database(stream, entry))
        if seen is None:
            raise NotWholeError(f"there is no {path_text(path)} in it")
        return seen
    return None
