"""One backup's drill: the five steps in their order, and what each found; what is a kind's own is in its module."""

from __future__ import annotations

import abc
import contextlib
import errno
import sqlite3
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from typing import Any, Generic

from local.drill_program.agreement import Order, agreed_order
from local.drill_program.errors import BackupWrongError, NotCarriedOutError
from local.drill_program.read_back import start_reading_back
from local.drill_program.restored_file import RestoredContent
from local.drill_program.step_times import StepTimes
from local.drill_program.steps import checksum, decompress, download, judge_checksum, judge_content
from local.drill_program.work import Work

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
DETAIL_CHARACTERS = 600


@dataclass
class DrillFindings:
    """What the steps found so far, as the result tells it; None is what no step came to."""

    sha256: str | None = None
    gzip_bytes: int | None = None
    database_bytes: int | None = None
    rows: dict[str, int] | None = None
    recorded: dict[str, int] | None = None


class BackupDrill(abc.ABC, Generic[Order]):
    """Carries out the five steps on one backup, or as many as it comes to, and keeps what they found.

    The first three are the same for each kind of backup; `integrity` and `rows` are what a kind defines.
    """

    def __init__(self, work: Work[Order]) -> None:
        self.work = work
        self.times = StepTimes()
        self.verdict = ""
        self.found = DrillFindings()
        self.notes: dict[str, str] = {}
        self.checksum_passed = False
        self.written_since = False
        self.connection: sqlite3.Connection | None = None
        self.read_back: Future[None] | None = None

    def carry_out(self) -> None:
        """Come to a verdict, whatever happens; its file is gone afterwards, unless it passed and is to be kept."""
        try:
            self.work.stop.check()
            self.times.start()
            self._take_steps()
            self.verdict = "passed"
        except BaseException as error:
            self.end(*verdict_on(error))
        finally:
            if self.connection:
                self.connection.close()
            if not (self.work.order.keep and self.verdict == "passed"):
                with contextlib.suppress(FileNotFoundError):
                    self.work.path.unlink()
            self.work.room.release()
            self.work.progress.tell_end(self.verdict)

    def interrupt(self) -> None:
        """Make SQLite give up what it is doing; for another thread."""
        connection = self.connection
        if connection and not self.verdict:
            with contextlib.suppress(sqlite3.ProgrammingError):  # closed meanwhile
                connection.interrupt()

    def give_up(self, reason: str) -> None:
        """End what does not end by itself, for another thread; not past a digest that is wrong, or not yet known."""
        judged, error = self.read_back, None
        if judged:
            error = judged.exception() if judged.done() else NotCarriedOutError(reason)
        if error:
            self.times.culprit = self.times.culprit or "decompress"
        self.end(*verdict_on(error or NotCarriedOutError(reason)))

    def end(self, verdict: str, detail: str) -> None:
        """End in the step that failed, which in the pass of the first three is the earliest that is not done."""
        culprit = self.times.culprit or self.times.step
        if culprit in ("checksum", "decompress") and self.found.gzip_bytes is None:
            culprit = "download"
        elif culprit == "decompress" and not self.checksum_passed:
            culprit = "checksum"
        self.times.culprit = culprit
        # A name with half of a surrogate pair is no text that the result could carry.
        self.notes[culprit] = detail.encode("utf-8", "backslashreplace").decode()[:DETAIL_CHARACTERS]
        self.verdict = verdict

    def result(self, brief: bool) -> dict[str, Any]:
        """All that was found, as JSON takes it; the brief form leaves out what equals the order."""
        found = asdict(self.findings(brief))
        if brief:
            expected = self.expected()
            found = {key: value for key, value in found.items() if value is None or value != expected[key]}
        return {"name": self.work.order.name, "verdict": self.verdict, "steps": self._steps_taken(), **found}

    def findings(self, _: bool) -> DrillFindings:
        """What is told of what was found; the argument is whether that is to be brief."""
        return self.found

    def expected(self) -> dict[str, Any]:
        """What the findings are where all is as ordered."""
        order = self.work.order
        digests = {digest for _, digest in order.sha256}
        return {
            "sha256": digests.pop() if len(digests) == 1 else None,
            "gzip_bytes": order.gzip_bytes,
            "database_bytes": order.database_bytes,
        }

    @abc.abstractmethod
    def integrity(self, order: Order, restored: RestoredContent) -> None:
        """The fourth step: what was restored is sound; raises BackupWrongError where it is not."""

    @abc.abstractmethod
    def rows(self, order: Order) -> None:
        """The fifth step: it holds what was recorded; raises BackupWrongError where it does not."""

    def _take_steps(self) -> None:
        work, found = self.work, self.found
        with self.times.during("decompress"):
            held = decompress(work, self._checked(self._downloaded()))
            found.database_bytes = held.content.size_bytes
            with self.times.during("checksum"):
                order = agreed_order(work.order, held.archive)
            judge_content(order, held.content)
        with self.times.during("integrity"), self._reading_back(order, held.content):
            work.progress.tell("integrity")
            self.integrity(order, held.content)
        with self.times.during("rows"):
            work.progress.tell("rows")
            self.rows(order)

    @contextlib.contextmanager
    def _reading_back(self, order: Order, content: RestoredContent) -> Iterator[None]:
        """Judge the digest meanwhile, if that is still to be done: what is wrong with it comes before all else."""
        if content.sha256 is not None or order.raw_sha256 is None:
            yield
            return
        self.read_back = start_reading_back(self.work.path, order, self.work.stop)
        try:
            yield
        finally:
            with self.times.during("decompress"):
                self.read_back.result()

    def _downloaded(self) -> Iterator[bytes]:
        downloaded = yield from self.times.while_making("download", download(self.work))
        self.found.gzip_bytes, self.written_since = downloaded.size_bytes, downloaded.written_since

    def _checked(self, archive: Iterator[bytes]) -> Iterator[bytes]:
        sha256 = yield from self.times.while_making("checksum", checksum(archive))
        self.found.sha256 = sha256
        with self.times.during("checksum"):
            self.notes["checksum"] = judge_checksum(self.work.order, sha256, self.written_since)
        self.checksum_passed = True

    def _steps_taken(self) -> list[list[Any]]:
        steps: list[list[Any]] = []
        for name, seconds in self.times.seconds.items():
            ended_here = name == self.times.culprit
            verdict = self.verdict if ended_here else "passed"
            steps.append([name, verdict, round(seconds, 3), self.notes.get(name, "")])
            if ended_here:
                break
        return steps


def verdict_on(error: BaseException) -> tuple[str, str]:
    """The verdict that an error makes, and the reason told; only BackupWrongError says that the backup is wrong."""
    if isinstance(error, BackupWrongError):
        return "failed", str(error)
    if isinstance(error, NotCarriedOutError):
        return "inconclusive", str(error)
    if isinstance(error, OSError):
        why = "no room on the disk" if error.errno in DISK_FULL else "it could not be carried out"
        return "inconclusive", f"{why}: {error.strerror}"
    return "inconclusive", f"it was cut short by {type(error).__name__}"  # its text may hold the link
