"""The store: reached, read and written, which a probe proves that goes again; and this machine's clock against it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

from local import clock
from local.cloud.errors import explain
from local.doctor.check import DoctorCheck, refused
from local.doctor.run import Precondition
from local.errors import PillarError, StoreError
from local.store.azure import AzureStore
from local.store.catalog import SKEW
from local.store.interface import Entry, Store
from local.store.repository import Repository
from local.store.shelf import VOLUMES

# No store.prefix can be this folder (its parts begin with a letter or a digit), so no catalog ever looks here.
PROBE_FOLDER = ".pillar9-doctor"
# One that a killed doctor left.
_FORGOTTEN = timedelta(hours=1)
_LIMIT_SECONDS = 120.0
_ATTEMPTS = 10
# A clock that is set by NTP is never so far off, and a Date header and FAT's times are of whole (two) seconds.
_CLOCK_WARNING = timedelta(seconds=5)
_PROBE = re.compile(re.escape(PROBE_FOLDER) + r"/\d{8}T\d{6}\.\d{3}Z-[0-9a-f]{8}\.txt")
_CONTENT = b"Written by invoke doctor, which removes it again.\n"


@dataclass(frozen=True)
class ContainerFacts:
    """What a container says of itself: how far this machine's clock is ahead of Azure's, whether blobs stay in
    it whatever is done, and what of it is open to everybody (None: nothing, or it may not be asked).
    """

    ahead: timedelta | None = None
    immutable: bool = False
    public: str | None = None


def precondition(opening: Callable[[], Repository], *, volumes: bool = False) -> Precondition:
    """All of it, since each part needs the one before; `volumes` where backups of volumes are to be there too."""
    return Precondition("store", partial(_look, opening, volumes=volumes), _LIMIT_SECONDS)


def judge_clock(ahead: timedelta | None, against: str) -> DoctorCheck:
    """`ahead` is how far this machine's clock is ahead of the store's (below zero: behind); None: not known."""
    if ahead is None:
        return DoctorCheck("clock", "skipped", f"{against} told no time")
    seconds = ahead.total_seconds()
    told = f"{abs(seconds):.0f} s {'behind' if seconds < 0 else 'ahead of'} {against}"
    mend = "set it by NTP: timedatectl set-ntp true (macOS: sudo sntp -sS time.apple.com)"
    if abs(ahead) > SKEW:
        return DoctorCheck("clock", "fail", f"{told}: backups get a wrong time, and Azure refuses signatures", mend)
    if abs(ahead) > _CLOCK_WARNING:
        return DoctorCheck("clock", "warn", told, mend)
    return DoctorCheck("clock", "ok", f"within {_CLOCK_WARNING.seconds} s of {against}")


def difference(earliest: datetime, told: datetime, latest: datetime, resolution: timedelta) -> timedelta:
    """How far this machine's clock is ahead of one that said `told` at some time between `earliest` and `latest` here.

    Nothing where the two may be the same: what was told was cut to the resolution.
    """
    if told > latest:
        return latest - told
    return max(earliest - (told + resolution), timedelta())


def _look(opening: Callable[[], Repository], *, volumes: bool) -> Iterator[DoctorCheck]:
    repository = opening()
    store = repository.store
    seen = ContainerFacts()
    if isinstance(store, AzureStore):
        seen = _look_at_container(store)
        yield judge_clock(seen.ahead, "Azure's clock")
    _sweep(store)
    shelves = (repository, repository.on(VOLUMES)) if volumes else (repository,)
    days = " and ".join(_days(len(store.folders(shelf.prefix)), shelf.prefix) for shelf in shelves)
    # A right to read is refused for a name that is not there as well.
    store.read(f"{PROBE_FOLDER}/none")
    yield DoctorCheck("store reached", "ok", f"{store.url} lets this login list and read: {days}")
    yield from judge_public(seen.public, store.url.rpartition("/")[2])
    if seen.immutable:
        told = "not tried, since the container is under an immutability policy or a legal hold: a probe would stay"
        yield DoctorCheck("store written", "skipped", told)
        return
    yield from _probe(store)


def _days(count: int, prefix: str) -> str:
    return f"{count} day{'' if count == 1 else 's'} of backups under {prefix}/"


def judge_public(public: str | None, container: str) -> tuple[DoctorCheck, ...]:
    """Backups that anybody may read; `public` is "blob" or "container"."""
    if public is None:
        return ()
    mend = f"az storage container set-permission --name {container} --public-access off --account-name ACCOUNT"
    return (
        DoctorCheck("store open to everybody", "fail", f"anybody may read the backups (access level {public})", mend),
    )


def judge_probe(name: str, *, intact: bool, kept: str | None) -> DoctorCheck:
    """A probe that was written: whether it came back as it was, and why it stays (None: it is gone)."""
    check = partial(DoctorCheck, "store written")
    if not intact:
        return check("fail", "what was written did not come back as it was", "look at the store's disk")
    if kept:
        told = f"written and read back, but the probe {name} stays: {kept}"
        return check("warn", told, "give this login the right to delete, which invoke backup.prune needs too")
    return check("ok", "a probe was written, read back and removed")


def _probe(store: Store) -> Iterator[DoctorCheck]:
    """Write, read back and remove a file or blob of our own."""
    name = f"{PROBE_FOLDER}/{clock.compact_timestamp(clock.now())}-{secrets.token_hex(4)}.txt"
    begin = datetime.now(UTC)
    try:
        _write(store, name)
    except PillarError as error:
        yield refused("store written", error)
        return
    end = datetime.now(UTC)
    entry: Entry | None = None
    try:
        entry = next((each for each in store.entries(PROBE_FOLDER) if each.name == name and not each.version), None)
        came_back = store.read(name)
    finally:
        kept = store.remove(entry) if entry else "it was not found again"
    yield judge_probe(name, intact=came_back == _CONTENT, kept=kept)
    if store.local and entry:
        yield judge_clock(difference(begin, entry.modified, end, timedelta(seconds=2)), "the folder's clock")


def _write(store: Store, name: str) -> None:
    """Also while another doctor, which removes its own probe, takes the empty folder away before this one is in it."""
    for _ in range(_ATTEMPTS - 1):
        with suppress(StoreError):
            store.write(name, _CONTENT)
            return
    store.write(name, _CONTENT)


def _sweep(store: Store) -> None:
    """Remove what doctors left that were killed; raises as the store does, which thereby is reached.

    The folder may be anybody's, or lead elsewhere (a symlink): only what is a probe by its name and its size goes.
    """
    long_ago = clock.now() - _FORGOTTEN
    for entry in list(store.entries(PROBE_FOLDER)):
        ours = _PROBE.fullmatch(entry.name) and entry.size == len(_CONTENT)
        if ours and entry.version is None and entry.modified < long_ago:
            store.remove(entry)


def _look_at_container(store: AzureStore) -> ContainerFacts:
    """One request; also a refusal tells Azure's time."""
    dates: list[str] = []

    def hear(response: Any) -> None:
        dates.append(response.http_response.headers.get("Date", ""))

    begin = datetime.now(UTC)
    found = _properties(store, hear)
    told = parse_date(dates[-1] if dates else "")
    ahead = difference(begin, told, datetime.now(UTC), timedelta(seconds=1)) if told else None
    if found is None:
        return ContainerFacts(ahead)
    held = (found.has_immutability_policy, found.has_legal_hold, found.immutable_storage_with_versioning_enabled)
    return ContainerFacts(ahead, any(held), found.public_access)


def _properties(store: AzureStore, hear: Callable[[Any], None]) -> Any:
    """The container's; None where this login may not ask for them (a SAS for the container), AzureError."""
    from azure.core.exceptions import AzureError as SdkError
    from azure.core.exceptions import HttpResponseError

    try:
        return store.connection.client.get_container_properties(raw_response_hook=hear)
    except HttpResponseError:
        # The listing that follows tells a container that is not there, and a login that is wrong.
        return None
    except SdkError as error:
        raise explain(error, "store: look at the container", store.url) from None


def parse_date(text: str) -> datetime | None:
    """A Date header's moment (RFC 9110, always UTC); None where it is none."""
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
