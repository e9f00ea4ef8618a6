"""What a drill is to prove: the backup that was chosen and what is known of it, and the order that the program gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

from local.drill_program.order import CHECK_SECONDS, DatabaseOrder


@dataclass(frozen=True)
class Target:
    """One backup to drill: where it can be read and what is known of it (None: not recorded).

    `url` and the `headers` that go with it are secrets. Sizes are bytes; `sha256` pairs where a digest of the archive
    stands with the digest; `sidecar_problem` is why a restore by hand would refuse the backup; `tables` the rows by
    table, `minimum` the floor by table, `etag` which content of the blob is meant, so that one overwritten since is not
    taken for a wrong one; `facts` what else the metadata tells of the content, which the archive's own record has to
    tell too; `checks` the application's claims, SQL by name; `keep` is where the restored database stays if it
    passes, for a restore on this machine.
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
    schema: str | None
    tables: Mapping[str, int] | None
    minimum: Mapping[str, int]
    etag: str | None = None
    facts: Mapping[str, int | str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    checks: Mapping[str, str] = field(default_factory=dict)
    check_seconds: float = CHECK_SECONDS
    keep: str | None = None


def database_orders(targets: Sequence[Target]) -> tuple[DatabaseOrder, ...]:
    """What the program needs to know of each target, and no more."""
    names = [known.name for known in fields(DatabaseOrder)]
    return tuple(DatabaseOrder(**{name: getattr(target, name) for name in names}) for target in targets)
