"""A volume's content replaced, through an engine's API alone: made anew under its name, and filled."""

from __future__ import annotations

import hashlib
import io
import posixpath
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from local.drill_program.errors import BackupWrongError, NotCarriedOutError
from local.drill_program.file_list import path_text
from local.drill_program.tar_entries import read_entries
from local.errors import EngineError
from local.store.durable import replace_file, sweep_replacements, sync_folder
from local.typed import from_json
from local.volumes.canonical import END_MARK, header
from local.volumes.endpoint import Endpoint
from local.volumes.engine_errors import check_answer, engine_errors
from local.volumes.facts import COMPOSE, VolumeFacts, VolumeUser, volume_facts, volume_users
from local.volumes.own_folder import at_work, own_folder
from local.volumes.reading_container import MOUNTED, mounted, sweep

if TYPE_CHECKING:
    from docker import APIClient


BY_HAND = "restore into a folder (--to PATH), and copy it there by hand"


def refill(api: APIClient, endpoint: Endpoint, name: str, tar: Path, filled: Callable[[], None]) -> None:
    """The volume `name` holds what the tar (its paths relative to the volume) holds, and nothing else.

    An API can add files to a volume and delete none, so the volume is removed, made again with its driver, options and
    labels, and filled. EngineError, and nothing was touched, where a container refers to it, running or not (an engine
    removes no volume then), where its data is elsewhere (another driver, a `device`), and where there is none.

    From the removal on its former content is gone, which the caller keeps a copy of. What fails or is killed then
    leaves the volume away, empty or half filled; called again, with either content, this begins anew, and a volume that
    is away is made as it was: that was noted before. `filled` is called when the volume is filled to its end, before
    that note goes. The caller reads the volume back and compares.
    """
    note = _note_of(endpoint, name)
    doing = f"docker: replace the content of the volume {name}"
    require_fillable(doing, tar)
    with at_work(partial(sweep, api, endpoint)) as mark:
        with engine_errors(doing, endpoint):
            volume = _facts_or_note(api, name, note)
            _refuse(doing, volume, volume_users(api, volume), api.info().get("SecurityOptions") or ())
        replace_file(note, msgspec.json.encode(_Noted(volume.driver, dict(volume.labels), dict(volume.options))))
        sync_folder(note.parent)
        with engine_errors(doing, endpoint):
            _make_anew(api, volume)
            _fill(api, endpoint, volume, tar, mark)
        filled()
        note.unlink()


def is_half_done(endpoint: Endpoint, name: str) -> bool:
    """Whether a `refill` of the volume was ended between its first change and its last: it may be half filled."""
    return _note_of(endpoint, name).exists()


def sweep_note(endpoint: Endpoint, name: str) -> None:
    """Remove what a killed `refill` left of its note before that was written; for whoever alone may refill it now."""
    sweep_replacements(_note_of(endpoint, name))


def _note_of(endpoint: Endpoint, name: str) -> Path:
    return own_folder() / f"refill-{hashlib.sha256(f'{endpoint.url} {name}'.encode()).hexdigest()[:16]}.json"


class _Noted(msgspec.Struct, frozen=True):
    """How a volume was made."""

    driver: str
    labels: dict[str, str]
    options: dict[str, str]


def _facts_or_note(api: APIClient, name: str, note: Path) -> VolumeFacts:
    try:
        return volume_facts(api, name)
    except EngineError:
        if not note.exists():
            raise
    noted = from_json(note.read_bytes(), _Noted)
    return VolumeFacts(name, noted.driver, noted.labels, noted.options, "", "")


def _refuse(doing: str, volume: VolumeFacts, users: tuple[VolumeUser, ...], security: Sequence[str]) -> None:
    """EngineError where the volume cannot be removed, or what it holds would stay, or owners would become others."""
    if volume.kept_elsewhere:
        came_back = f"its data is kept by {volume.kept_elsewhere}, and stays when the volume is removed"
        raise EngineError(doing, came_back, BY_HAND)
    if "name=userns" in security:
        raise EngineError(doing, "Docker runs with userns-remap, and would shift the owners of all files", BY_HAND)
    readers = " ".join(user.name for user in users if user.is_reader)
    if readers:
        mend = (
            f"run this again when that has ended; one of another user or machine that was killed: docker rm {readers}"
        )
        raise EngineError(doing, f"another run reads it now, through {readers}", mend)
    running = [user.name for user in users if user.is_begun]
    if running:
        mend = f"{COMPOSE}; else: docker stop {' '.join(running)}, and docker rm"
        raise EngineError(doing, f"it is in use by {' and '.join(running)}", mend)
    if users:
        names = [user.name for user in users]
        came_back = f"{' and '.join(names)} would mount it, and Docker removes no such volume"
        raise EngineError(doing, came_back, f"{COMPOSE}; else: docker rm {' '.join(names)}")


def require_fillable(doing: str, tar: Path) -> None:
    """EngineError for what an engine would find out when the former content is gone."""
    try:
        outward = _link_that_leads_out(tar)
    except (BackupWrongError, NotCarriedOutError) as error:
        raise EngineError(doing, f"{tar} is no whole tar: {error}", "restore another backup") from error
    if outward:
        raise EngineError(doing, f"Docker makes no link that leads out of a volume, as {outward} does", BY_HAND)


def _link_that_leads_out(tar: Path) -> str | None:
    """The first link that Docker refuses (moby, createTarFile in pkg/archive): an absolute one is none to it."""
    with tar.open("rb") as file:
        for entry in read_entries(file):
            # Of a path that began with the link itself nothing would lead out: `/..` is `/`.
            place = posixpath.normpath(posixpath.dirname(b"./" + entry.path) + b"/" + entry.link)
            if entry.kind == "symlink" and (place == b".." or place.startswith(b"../")):
                return f"'./{path_text(entry.path)}' -> '{path_text(entry.link)}'"
    return None


def _make_anew(api: APIClient, volume: VolumeFacts) -> None:
    from docker.errors import NotFound

    with suppress(NotFound):
        api.remove_volume(volume.name)
    api.create_volume(volume.name, volume.driver, dict(volume.options), dict(volume.labels))


def _fill(api: APIClient, endpoint: Endpoint, volume: VolumeFacts, tar: Path, mark: str) -> None:
    made = volume_facts(api, volume.name)
    with mounted(api, endpoint, made, mark, read_only=False) as container:
        with tar.open("rb") as file:
            _put(api, container, MOUNTED, file)
        _put(api, container, "/", io.BytesIO(_folder_of(tar)))
    names = [user.name for user in volume_users(api, made) if not user.is_reader]
    if names:
        doing = f"docker: fill the volume {volume.name}"
        raise EngineError(
            doing, f"{' and '.join(names)} came to use it meanwhile", f"docker rm --force {' '.join(names)}"
        )


def _put(api: APIClient, container: str, path: str, file: io.BufferedIOBase) -> None:
    url = f"{api.base_url}/v{api.api_version}/containers/{container}/archive"
    check_answer(api.put(url, params={"path": path}, data=file, timeout=api.timeout))


def _folder_of(tar: Path) -> bytes:
    """A tar with the entry of the volume's own folder alone, under the name where it is mounted.

    Docker leaves the folder that it extracts into as it is (moby, pkg/archive: an entry "." is skipped), so that its
    owner and mode are set from the folder above; Podman sets them from the tar itself, and this changes nothing.
    """
    with tar.open("rb") as source:
        first = next(read_entries(source), None)
    if first is None or (first.kind, first.path) != ("folder", b"."):
        return END_MARK
    return header(replace(first, path=MOUNTED.lstrip("/").encode())) + END_MARK
