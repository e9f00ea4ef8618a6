"""What a store is to those who use it: one small interface, and what each call promises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

from local.errors import StoreError

SMALL_BLOB_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Entry:
    """One content of one blob: the current one, or a former one (`version` tells which); `size` in bytes."""

    name: str
    size: int
    modified: datetime
    version: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    etag: str | None = None


@dataclass(frozen=True)
class Link:
    """How one content is read: a URL, and the HTTP headers to send with it. Both are secrets."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class Upload(Protocol):
    """One archive on its way into the store; nothing of it is visible before `commit`.

    `held` names the blocks that the store says it has committed and can reuse for this archive. `put` and `keep` are
    called in the archive's order, from one thread. Leaving the context without a commit leaves the store as it was.
    """

    held: tuple[str, ...]

    def put(self, block_id: str, data: bytes) -> None:
        """Add a block by its content; returns when there is room for it on the way, raises what went wrong before."""
        ...

    def keep(self, block_id: str) -> None:
        """Add a block that is `held`; none of its bytes travel."""
        ...

    def commit(self, metadata: Mapping[str, str]) -> None:
        """Content and metadata become the current ones at once; the day's former content stays, as a point in time.

        Raises StoreError when another writer changed the blob since the upload began.
        """
        ...

    @property
    def sent(self) -> int:
        """Bytes handed to the store so far."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Store(Protocol):
    """Where backups are kept. Names are blob names: parts joined by slashes.

    Every call raises StoreError for what the store holds or takes wrongly, AzureError where Azure refuses or is away.
    """

    url: str

    def entries(self, prefix: str) -> Iterator[Entry]:
        """Every content under `prefix`, the former ones included, in no order."""
        ...

    def read(self, name: str) -> bytes | None:
        """A small blob's content (at most SMALL_BLOB_BYTES); None if there is no such blob."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """A small blob appears whole or not at all; a blob of that name is replaced."""
        ...

    def upload(self, name: str, base: Entry | None) -> Upload:
        """Begin an archive under `name`; blocks of `base`, the current content of some blob, may be reused."""
        ...

    def repeat(self, name: str, base: Entry, metadata: Mapping[str, str]) -> int:
        """The content of `base` becomes the current one of `name`, with new metadata; as `Upload.commit` otherwise.

        Returns the bytes that travelled, which are next to none.
        """
        ...

    def link(self, entry: Entry, seconds: int) -> str:
        """A URL by which a drill reads this one content, and only reads it, for that long. It is a secret."""
        ...

    def link_here(self, entry: Entry, seconds: int) -> Link:
        """How a drill on this machine reads this one content: by `link`, or by this login's own token where the store
        makes no links for it. A token opens more than one blob, so such a link never leaves this machine.
        """
        ...

    @property
    def links_may_travel(self) -> bool:
        """Whether another machine can read by a link and may be given it: over https, and it opens one blob only.

        A folder's link is a path on this machine, so it never may.
        """
        ...


def changed_meanwhile(name: str) -> StoreError:
    """Another writer committed the same blob between this upload's begin and its commit."""
    return StoreError(
        f"store: commit {name}",
        "another run changed this blob meanwhile, so nothing was committed",
        "let one machine only back up this database, then run: invoke backup",
    )
