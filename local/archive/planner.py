"""The chunks of a file are found in the former archive, or compressed, while the file is still being copied.

When the file is whole, what was read early is read and digested again. Where a chunk is not what it was, as the first
one may be, which is written last and foretold till then, what came of it is dropped: nothing wrong gets any further.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, wait
from pathlib import Path

from local.archive.former import FormerArchive, first_bytes
from local.archive.found_chunks import FIRST_PAGE_BYTES, Foresee, FoundChunks
from local.archive.gzip_member import Member
from local.archive.heat import Heat
from local.archive.plan import CutPlan, Cutting

# One core is the copy's.
_EARLY_JOBS = max(1, (os.cpu_count() or 1) - 1)

# Cuts a file of so many bytes, of which the former archive had these members.
Cutter = Callable[[Sequence[Member], int], Cutting]
# How a file of so many bytes will begin, of which the former one began so; None where nobody can tell.
Foretell = Callable[[bytes, int], bytes | None]


class Planner:
    """Plans how `file` is written, from its first bytes on; at most `room` compressed bytes are kept until they are.

    Of a file whose cut is given (`partial(GivenCut, lengths)`) nothing can be read early.
    """

    def __init__(
        self,
        file: Path,
        pool: Executor,
        room: int,
        cutter: Cutter = Heat,
        foretell: Foretell = lambda _, __: None,
    ) -> None:
        self._file = file
        self._pool = pool
        self._room = room
        self._cutter = cutter
        self._foretell = foretell
        self._found: FoundChunks | None = None
        self._reading: list[Future[None]] = []
        self._telling: list[Future[None]] = []
        # Of a copy that begins anew nothing is foretold: what was told of the first one cannot be taken back.
        self._has_begun = False

    def follow(self, former: FormerArchive, size: int, final: int, foresee: Foresee | None = None) -> None:
        """Of the file's `size` bytes the first `final` are as they stay, but for the first page; fewer than before
        means that the copy began anew. Raises what went wrong in reading them.

        Where that first page is foretold, `foresee` hears of the archive from its beginning on, on another thread.
        """
        found = self._found
        if not found or not found.is_of(former, size) or final < found.final:
            self.close()
            found = self._found = self._begin(former, size)
        found.grow(final)
        for jobs in (self._reading, self._telling):
            for job in [job for job in jobs if job.done()]:
                job.result()
                jobs.remove(job)
        while len(self._reading) < _EARLY_JOBS:
            self._reading.append(self._pool.submit(found.read_ready))
        if foresee and not self._telling:
            self._telling.append(self._pool.submit(found.tell_known, foresee))

    def plan(self, former: FormerArchive) -> CutPlan:
        """The file is whole: cut, and compared with `former`."""
        size = self._file.stat().st_size
        if not self._found or not self._found.is_of(former, size):
            self.close()
            self._found = self._begin(former, size)
        try:
            for job in self._settled():
                job.result()
            return self._found.plan(self._pool)
        finally:
            self.close()

    def close(self) -> None:
        """Nobody reads the file any more."""
        self._settled()
        if self._found:
            self._found.close()
            self._found = None

    def _begin(self, former: FormerArchive, size: int) -> FoundChunks:
        former_begin = None if self._has_begun else first_bytes(former, FIRST_PAGE_BYTES)
        self._has_begun = True
        begin = self._foretell(former_begin, size) if former_begin else None
        return FoundChunks(self._file, former, self._cutter(former.members, size), self._room, begin)

    def _settled(self) -> list[Future[None]]:
        """What reads no more: a job that waits for a thread of the pool is not waited for."""
        if self._found:
            self._found.forget_ready()
        jobs = [job for job in (*self._reading, *self._telling) if not job.cancel()]
        self._reading, self._telling = [], []
        wait(jobs)
        return jobs
