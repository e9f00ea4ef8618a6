"""Blocks that another tool staged on a blob and never committed, whose ids make Azure refuse ours for up to seven days.

All uncommitted ids of a blob have one length (https://learn.microsoft.com/rest/api/storageservices/put-block). Any
commit discards the leftovers: the same list again, which is the same content. But a blob written by one Put Blob has
content and no list; there our blocks take ids of the leftovers' length, as a commit would empty the blob.
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.errors import StoreError
from local.store import layout
from local.store.azure_blocks import block_id, id_bytes, is_ours
from local.store.azure_container import AzureContainer
from local.store.azure_current import CurrentBlob
from local.store.interface import Entry

if TYPE_CHECKING:
    from azure.storage.blob import BlobBlock

# Fewer bytes of Base64 can't number the 50,000 blocks of a blob.
_NUMBER_BYTES = 3


@dataclass(frozen=True)
class Cleared:
    """How blocks are to be named now, and the blob's new ETag where a commit was needed."""

    name_of: Callable[[bytes], str] = block_id
    etag: str | None = None


def drop_leftovers(container: AzureContainer, name: str, former: CurrentBlob | None) -> Cleared:
    """Discard what another tool left uncommitted on the blob, or else find names that stand beside it."""
    from azure.core.exceptions import ResourceNotFoundError

    with container.calls(f"list the blocks of {name}"):
        try:
            # Without those of the content, thousands of which take a tenth of a second to read.
            _, leftovers = container.blob(name).get_block_list("uncommitted")
            if all(is_ours(str(block.id)) for block in leftovers):
                return Cleared()
            committed, leftovers = container.blob(name).get_block_list("all")
        except ResourceNotFoundError:
            return Cleared()
    lengths = {id_bytes(str(block.id)) for block in leftovers}
    if former and sum(int(block.size) for block in committed) != former.entry.size:
        return Cleared(_numbers(name, *lengths))
    return Cleared(etag=_commit_again(container, name, former, committed))


def commit_without_leftovers(container: AzureContainer, wanted: Entry) -> str | None:
    """Commit the list of `wanted` again, with its metadata, where a killed run left blocks beside it; its new ETag.

    None where nothing is left there, or where a commit would empty a blob that has no list.
    """
    from azure.storage.blob import ContentSettings

    with container.calls(f"list the blocks of {wanted.name}"):
        committed, leftovers = container.blob(wanted.name).get_block_list("all")
    if not leftovers or sum(int(block.size) for block in committed) != wanted.size:
        return None

    def call(condition: dict[str, Any]) -> Any:
        return container.blob(wanted.name).commit_block_list(
            list(committed),
            metadata=dict(wanted.metadata),
            content_settings=ContentSettings(content_type=layout.CONTENT_TYPE),
            **condition,
        )

    return container.change(f"clear {wanted.name} of what a killed run left", wanted, call)


def _commit_again(
    container: AzureContainer, name: str, former: CurrentBlob | None, committed: Sequence[BlobBlock]
) -> str:
    """The same content and metadata; where there is no blob an empty one that is marked as unfinished."""
    unfinished = Entry(name, 0, layout.EPOCH, metadata={layout.SEED_KEY: ""})
    wanted = former.entry if former else unfinished

    def call(condition: dict[str, Any]) -> Any:
        return container.blob(name).commit_block_list(list(committed), metadata=dict(wanted.metadata), **condition)

    return container.change(f"clear {name} of what another tool left", wanted, call)


def _numbers(name: str, length: int, *others: int) -> Callable[[bytes], str]:
    if others or length < _NUMBER_BYTES:
        raise StoreError(
            f"store: send {name}",
            "another tool left an upload unfinished there, whose blocks leave no names for ours",
            "finish that upload or wait for seven days, when Azure drops it; then run: invoke backup",
        )
    counter = itertools.count()

    def name_of(_: bytes) -> str:
        digits = base64.b64encode(next(counter).to_bytes(length, "big"), b"-_")
        return digits.decode()[-length:]

    return name_of
