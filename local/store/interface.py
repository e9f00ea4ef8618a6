"""What a store is to those who use it: one small interface, and what each call promises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
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

    `send` and `reuse` are called in the archive's order, from one thread; each returns when there is room for its bytes
    on the way, and raises what went wrong before. Leaving the context without a commit leaves the store as it was.
    """

    def foresee(self, offset: int | None, data: bytes) -> None:
        """The archive's next bytes will be these, most likely: those of `send`, or of `reuse` where there is an offset.

        What is new of them may travel already, as far as there is room at once. Called before the first `send` and
        `reuse`; it decides nothing.
        """
        ...

    @property
    def is_begun(self) -> bool:
        """Whether the store was changed for it."""
        ...

    def send(self, data: bytes) -> None:
        """Add bytes that the base does not hold."""
        ...

    def reuse(self, offset: int, data: bytes) -> None:
        """Add bytes that stand at `offset` of the base; where the store can take them from there, none travels."""
        ...

    def commit(self, metadata: Mapping[str, str]) -> tuple[str, ...]:
        """Content and metadata become the current ones at once; the day's former content stays, as a point in time.

        The sidecar with metadata's `sha256` follows. Returns the names of the content's blocks where the store knows
        blocks. Raises StoreError when another writer changed the blob since the upload began.
        """
        ...

    @property
    def base_blocks(self) -> tuple[str, ...]:
        """The names of the base's blocks as the store lists them now; none where it knows none."""
        ...

    @property
    def sent(self) -> int:
        """Bytes handed to the store so far."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Inbox(Protocol):
    """Where another machine hands in what is too long to be told; every name is one blob, which only it may make."""

    def link(self, name: str) -> str:
        """A URL by which that machine makes this blob, and does nothing else, within 60 minutes. It is a secret."""
        ...

    def take(self, name: str, most_bytes: int) -> bytes:
        """What was handed in; StoreError where nothing was, or more than `most_bytes`. It is not to be trusted."""
        ...

    def remove(self, name: str) -> None:
        """The blob is gone; nothing where there is none."""
        ...


class Store(Protocol):
    """Where backups are kept. Names are blob names: parts joined by slashes.

    Every call raises StoreError for what the store holds or takes wrongly, AzureError where Azure refuses or is away.
    """

    url: str
    # Whether its archives are files that this machine can read.
    local: bool

    def entries(self, prefix: str, beginning: str = "") -> Iterator[Entry]:
        """Every content under the folder `prefix` whose name goes on with `beginning`, the former ones included.

        The contents of one name come one after the other. It costs what it finds, not what else the store holds.
        """
        ...

    def folders(self, prefix: str) -> tuple[str, ...]:
        """The names of the folders right under `prefix`, sorted; cheap with years of days."""
        ...

    def remove(self, entry: Entry) -> str | None:
        """A content goes, and what stands beside it: the data first, its sidecar last; what is gone is done.

        Returns why the store keeps it (it is immutable or leased, former contents hang on it, it was changed since it
        was listed); None where it is gone. Killed in between it leaves what `leftovers` finds.
        """
        ...

    def leftovers(self, prefix: str) -> Iterator[Entry]:
        """The contents that are gone and beside whose place something is left, as `remove` takes them."""
        ...

    def afterlife(self) -> str:
        """What becomes of a content that is removed, in words: what stays, for how long; "" where nothing stays.

        Where that may not be asked for it says so.
        """
        ...

    def read(self, name: str) -> bytes | None:
        """A small blob's content (at most SMALL_BLOB_BYTES); None if there is no such blob."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """A small blob appears whole or not at all; a blob of that name is replaced."""
        ...

    def read_range(self, entry: Entry, offset: int, count: int) -> bytes:
        """At most `count` bytes of a content from `offset` on; StoreError where another one took its place."""
        ...

    def local_path(self, entry: Entry) -> Path | None:
        """The file on this machine that holds a content; None where the store is elsewhere."""
        ...

    def lock(self) -> AbstractContextManager[None]:
        """Keep other machines' backups out, where commits are not conditional; LockHeldError where one is under way."""
        ...

    def mend(self, entry: Entry) -> Entry:
        """Write again what is derived of a content, its sidecar and its metadata, where a killed run left them torn."""
        ...

    def discard(self, unfinished: Entry) -> None:
        """Remove the beginning of an upload that a killed run left, if it is still just that; a folder has none."""
        ...

    def upload(self, name: str, base: Entry | None) -> Upload:
        """Begin an archive under `name`; the bytes of `base`, the current content of some blob, may be reused."""
        ...

    def repeat(self, name: str, base: Entry, metadata: Mapping[str, str]) -> int:
        """The content of `base` becomes the current one of `name`, with new metadata; as `Upload.commit` otherwise.

        Where `base` stands under `name` already it is no new point in time, so no former content is kept. Returns the
        bytes that travelled, which are next to none.
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

    def inbox(self, folder: str) -> Inbox | None:
        """Where another machine hands in blobs under `folder`; None where it can't be given a link for that."""
        ...


def changed_meanwhile(name: str) -> StoreError:
    """Another writer committed the same blob between this upload's begin and its commit."""
    return StoreError(
        f"store: commit {name}",
        "another run changed this blob meanwhile, so nothing was committed",
        "let one machine only back up this database, then run: invoke backup",
    )
