"""What a drill is to prove: the backup that was chosen and what is known of it, and the order that the program gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

from local.drill_program.order import CHECK_SECONDS, DatabaseOrder, VolumeOrder, counts_of_files


@dataclass(frozen=True)
class Target:
    """One backup to drill: where it can be read and what is known of it (None: not recorded).

    `url` and the `headers` that go with it are secrets. Sizes are bytes, `database_bytes` that of the content once it
    is unpacked; `sha256` pairs where a digest of the archive stands with the digest; `sidecar_problem` is why a restore
    by hand would refuse the backup; `etag` which content of the blob is meant, so that one overwritten since is not
    taken for a wrong one; `facts` what else the metadata tells of the content, which the archive's own record has to
    tell too; `keep` is where the restored content stays if it passes, for a restore on this machine.
    """

    name: str
    url: str = field(repr=False)
    blob: str | None
    backup_time: str | None
    gzip_bytes: int
    database_bytes: int | None
    sha256: tuple[tuple[str, str], ...]
    sidecar_problem: str | None
    raw_sha256: str | None
    etag: str | None = None
    facts: Mapping[str, int | str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    keep: str | None = None


@dataclass(frozen=True)
class DatabaseTarget(Target):
    """One database's backup to drill.

    `tables` are the rows by table, `minimum` the floor by table; `checks` the application's claims, SQL by name.
    """

    schema: str | None = None
    tables: Mapping[str, int] | None = None
    minimum: Mapping[str, int] = field(default_factory=dict)
    checks: Mapping[str, str] = field(default_factory=dict)
    check_seconds: float = CHECK_SECONDS


@dataclass(frozen=True)
class VolumeTarget(Target):
    """One volume's backup to drill: what is known of the `files` in its tar, of their bytes and of the list of them."""

    files: int | None = None
    file_bytes: int | None = None
    list_sha256: str | None = None

    @property
    def counts(self) -> Mapping[str, int] | None:
        """What is known of the files, by the names that the result gives to the counts; None where that is nothing."""
        return counts_of_files(self.files, self.file_bytes)


def database_orders(targets: Sequence[Target]) -> tuple[DatabaseOrder, ...]:
    """What the program needs to know of each database among the targets, and no more."""
    known = [told.name for told in fields(DatabaseOrder)]
    return tuple(
        DatabaseOrder(**{name: getattr(target, name) for name in known})
        for target in targets
        if isinstance(target, DatabaseTarget)
    )


def volume_orders(targets: Sequence[Target]) -> tuple[VolumeOrder, ...]:
    """The same of each volume; the archive's record alone tells more of one than its target knows."""
    known = [told.name for told in fields(VolumeOrder) if told.name not in ("outward", "databases")]
    return tuple(
        VolumeOrder(**{name: getattr(target, name) for name in known})
        for target in targets
        if isinstance(target, VolumeTarget)
    )
