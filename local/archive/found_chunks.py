"""The chunks of one file: what is known of them while it is being copied, and what holds when it is whole."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from itertools import accumulate
from pathlib import Path
from threading import Lock

from local.archive import chunks, heat
from local.archive.chunks import Chunk
from local.archive.file_digest import FileDigest
from local.archive.former import FormerArchive, opened, read_members
from local.archive.gzip_member import digest_of
from local.archive.heat import Spot
from local.archive.plan import CutPlan, Cutting, Packed, in_runs
from local.archive.reading import read_chunk

# SQLite's largest page: the first one of a database is final only when all of it is.
FIRST_PAGE_BYTES = 64 * 1024
# Hears of an archive's next bytes, which will most likely be those, and where they stand in the former one if they do.
Foresee = Callable[[int | None, bytes], None]


class FoundChunks:
    """What is known so far of the chunks of a file whose final size is known; several threads may read it."""

    def __init__(
        self, file: Path, former: FormerArchive, cutting: Cutting, room: int, begin: bytes | None = None
    ) -> None:
        self.final = 0
        self._path = file
        self._former = former
        self._cutting = cutting
        self._room = room
        self._lock = Lock()
        self._cut = cutting.chunks
        self._size = sum(self._cut[-1]) if self._cut else 0
        groups = chunks.grouped(self._cut)
        places = accumulate((len(group) for group in groups), initial=0)
        self._groups = [range(place, place + len(group)) for place, group in zip(places, groups, strict=False)]
        readable_from = FIRST_PAGE_BYTES if begin is None else 0
        self._begin = begin or b""
        self._behind = deque(group for group in self._groups if self._cut[group[0]][0] >= readable_from)
        self._ready: deque[range] = deque()
        self._early: set[range] = set()
        self._told = 0
        self._may_tell = begin is not None
        self._digests: dict[int, bytes] = {}
        self._digest = FileDigest()
        if begin is None:
            self._digest.drop()
        self._packed: dict[Spot, Packed] = {}
        # Closing it drops SQLite's locks on the copy, which nobody else opens.
        self._descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)

    def is_of(self, former: FormerArchive, size: int) -> bool:
        """Whether it is compared with this archive, and of that size."""
        return self._former is former and self._size == size

    def grow(self, final: int) -> None:
        """Groups of chunks within the first `final` bytes are ready to be read."""
        self.final = final
        while self._behind and sum(self._whole(self._behind[0])) <= final:
            self._ready.append(self._behind.popleft())

    def forget_ready(self) -> None:
        """What nobody has begun to read is not read early, nor what is not told yet told."""
        self._ready.clear()
        self._may_tell = False

    def read_ready(self) -> None:
        """Read what is ready, as far as it can be of use."""
        while self._former.members or self._room >= chunks.GROUP_BYTES:
            try:
                group = self._ready.popleft()
            except IndexError:
                return
            try:
                self._read_early(group)
            except BaseException:
                # Another thread may wait for its turn behind this one.
                self._digest.drop()
                raise

    def tell_known(self, foresee: Foresee) -> None:
        """Tell of the groups that were read, from the first one on; nothing more once one is not known whole."""
        with opened(self._former) as former:
            while former is not None and self._may_tell and self._groups[self._told] in self._early:
                for offset, data in self._pieces(self._groups[self._told], former):
                    if not self._may_tell:
                        return
                    foresee(offset, data)
                self._told += 1
                self._may_tell = self._may_tell and self._told < len(self._groups)

    def plan(self, pool: Executor) -> CutPlan:
        """Where each chunk is found, now that the file is whole."""
        for digests in pool.map(self._read_whole, self._groups if self._former.members else self._early):
            for place, digest in digests.items():
                self._know(place, digest)
        held_by: list[int | None] = []
        for place in range(len(self._cut)):
            held_by.append(self._held(place, held_by[-1] if held_by else None))
        return CutPlan(self._path, self._size, self._cutting, tuple(held_by), self._former, self._packed, self._digest)

    def close(self) -> None:
        """No thread may be reading."""
        os.close(self._descriptor)

    def _read_early(self, group: range) -> None:
        offset, length = self._whole(group)
        data = os.pread(self._descriptor, length, offset)
        if offset == 0:
            data = self._begin + data[len(self._begin) :]
        if len(data) == length:
            self._digest.take(offset, data)
        else:
            self._digest.drop()
        for place, raw in self._parts(group, data):
            self._digests[place] = digest_of(raw)
            spot = self._spot(place)
            if spot.held_by is None or not self._former.path:
                self._pack(spot, raw, self._digests[place])
        self._early.add(group)

    def _pieces(self, group: range, former: int) -> Iterator[tuple[int | None, bytes]]:
        """Bytes that follow each other in the archive, as `write` will find them, each with its place in the former."""
        for run in in_runs(self._cutting.joined([self._spot(place) for place in group])):
            held = [spot.held_by for spot in run if spot.held_by is not None]
            packed = None if held else self._packed.get(run[0])
            data = read_members(former, self._former, held) if held else packed.data if packed else None
            if data is None:
                # It would have to be compressed for this alone.
                self._may_tell = False
                return
            yield self._former.offsets[held[0]] if held else None, data

    def _know(self, place: int, digest: bytes) -> None:
        """The chunk's digest in the whole file; what came of another one is dropped."""
        if self._digests.get(place, digest) != digest:
            self._packed.pop(self._spot(place), None)
            self._digest.drop()
        self._digests[place] = digest

    def _pack(self, spot: Spot, raw: memoryview, digest: bytes) -> None:
        with self._lock:
            if self._room < len(raw):
                return
            self._room -= len(raw)
        packed = self._packed[spot] = Packed(*heat.pack(spot, raw, digest))
        with self._lock:
            self._room += len(raw) - len(packed.data)

    def _read_whole(self, group: Sequence[int]) -> dict[int, bytes]:
        parts = self._parts(group, read_chunk(self._descriptor, self._whole(group)))
        return {place: digest_of(raw) for place, raw in parts}

    def _held(self, place: int, before: int | None = None) -> int | None:
        digest = self._digests.get(place)
        if digest is None:
            return None
        return self._former.find(self._cutting.expected(place, before), self._cut[place][1], digest)

    def _spot(self, place: int) -> Spot:
        return self._cutting.spot(place, self._held(place))

    def _whole(self, group: Sequence[int]) -> Chunk:
        first, last = self._cut[group[0]], self._cut[group[-1]]
        return first[0], last[0] + last[1] - first[0]

    def _parts(self, group: Sequence[int], data: bytes) -> Iterator[tuple[int, memoryview]]:
        view, start = memoryview(data), self._cut[group[0]][0]
        for place in group:
            offset, length = self._cut[place]
            yield place, view[offset - start : offset - start + length]
