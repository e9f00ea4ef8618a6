"""A store of names and metadata only, however large, which counts what is asked of it as Azure would answer."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from local.store.folder import FolderStore
from local.store.interface import Entry

ENTRIES_A_PAGE = 1000


class ListedStore(FolderStore):
    """Folders with sorted names of blobs, and the contents of each as they are made when they are listed.

    `requests` counts pages, `entries_told` what was on them, `listed` the prefixes in order.
    """

    def __init__(
        self, prefix: str, names: Mapping[str, Sequence[str]], contents: Callable[[str, str], Iterable[Entry]]
    ) -> None:
        super().__init__(Path("/nowhere"))
        self.requests = 0
        self.entries_told = 0
        self.listed: list[str] = []
        self._prefix = prefix
        self._names = names
        self._contents = contents

    def folders(self, prefix: str) -> tuple[str, ...]:
        """One request."""
        self.requests += 1
        self.listed.append(prefix)
        return tuple(sorted(self._names)) if prefix == self._prefix else ()

    def entries(self, prefix: str, beginning: str = "") -> Iterator[Entry]:
        """One request for each page."""
        self.listed.append(f"{prefix}/{beginning}")
        on_page = ENTRIES_A_PAGE
        self.requests += 1
        for entry in self._under(prefix, beginning):
            if on_page == 0:
                self.requests, on_page = self.requests + 1, ENTRIES_A_PAGE
            on_page -= 1
            self.entries_told += 1
            yield entry

    def _under(self, prefix: str, beginning: str) -> Iterator[Entry]:
        if prefix == self._prefix:
            for folder in sorted(self._names):
                if folder.startswith(beginning):
                    yield from self._under(f"{prefix}/{folder}", "")
            return
        folder = prefix.removeprefix(f"{self._prefix}/")
        names = self._names.get(folder, ())
        for name in names[bisect_left(names, beginning) :]:
            if not name.startswith(beginning):
                return
            yield from self._contents(folder, name)
