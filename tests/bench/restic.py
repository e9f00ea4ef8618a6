"""restic, where it is installed: a repository of the bench's own, and whole processes on it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.workbench import Finished, Workbench


@dataclass(frozen=True)
class Restic:
    """A repository: a folder, or the URL that restic reaches one by."""

    bench: Workbench
    program: str
    repository: str

    @property
    def version(self) -> str:
        """As it says itself: restic 0.14.0."""
        return self.bench.run([self.program, "version"]).output.split(" compiled")[0]

    def init(self) -> None:
        """Make the repository."""
        self._run("init")

    def backup(self, files: Sequence[Path]) -> Finished:
        """With default settings."""
        return self._run("backup", *map(str, files))

    def restore(self, target: Path) -> Finished:
        """The newest snapshot, into a folder."""
        return self._run("restore", "latest", "--target", str(target))

    def _run(self, *arguments: str) -> Finished:
        password = self.bench.folder / "restic.password"
        password.write_text("bench\n")
        common = [self.program, "--repo", self.repository, "--password-file", str(password)]
        return self.bench.run([*common, *arguments])


def installed() -> str | None:
    """Its path; None where it is not installed."""
    return shutil.which("restic")


def stored(folder: Path) -> int:
    """The bytes of a repository in a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
