"""A folder that is read as a volume is: by a real GNU tar of real files, each look a new one."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from local.volumes.engine_errors import NotThereError

PIECE_BYTES = 30_011


def _gnu_tar() -> str | None:
    """The program's name here; a Mac has it, if at all, beside its own tar."""
    for name in ("tar", "gtar"):
        if shutil.which(name) and b"GNU tar" in subprocess.check_output([name, "--version"]):
            return name
    return None


GNU_TAR = _gnu_tar()
needs_gnu_tar = pytest.mark.skipif(GNU_TAR is None, reason="GNU tar is not installed")


@dataclass
class FolderReader:
    """Looks at `folder`; `options` are GNU tar's, and `between` is called with the number of each look before it."""

    folder: Path
    options: Sequence[str] = ("--format=posix", "--xattrs", "--pax-option=delete=atime,delete=ctime", "--sort=name")
    between: Callable[[int], None] = lambda _: None
    looks: list[bytes] = field(default_factory=list)

    def look(self, path: bytes = b"") -> Iterator[bytes]:
        """As the engine's: names begin with `volume/`, or are a file's last name."""
        self.between(len(self.looks))
        self.looks.append(path)
        place = os.fsencode(self.folder) + (b"/" + path if path else b"")
        if not os.path.lexists(place):
            raise NotThereError("test", f"no {place!r}", "")
        folder, name = os.path.split(place)
        rename = [] if path else [f"--transform=flags=rh;s,^{self.folder.name},volume,"]
        command = [str(GNU_TAR), "-c", "-C", os.fsdecode(folder), "--warning=no-file-changed", *rename]
        with subprocess.Popen([*command, *self.options, "--", os.fsdecode(name)], stdout=subprocess.PIPE) as tar:
            assert tar.stdout
            yield from iter(lambda: tar.stdout.read(PIECE_BYTES), b"")  # type: ignore[union-attr]


class StreamReader:
    """Gives out one stream after another, as an engine does that is asked again."""

    def __init__(self, *streams: bytes) -> None:
        self.streams = list(streams)

    def look(self, path: bytes = b"") -> Iterator[bytes]:
        assert path == b""
        stream = self.streams.pop(0)
        yield from (stream[at : at + 777] for at in range(0, len(stream), 777))
