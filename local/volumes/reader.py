"""A volume, or one file of it, as the engine's tar stream, in bounded memory."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from local.drill_program.errors import BackupWrongError
from local.errors import EngineError
from local.interrupt import if_abandoned
from local.volumes import podman
from local.volumes.canonical import is_utf8
from local.volumes.endpoint import Endpoint
from local.volumes.engine_errors import KEEP_STILL, NotThereError, StreamBrokenError, check_answer, engine_errors
from local.volumes.facts import VolumeFacts, volume_facts
from local.volumes.mounted_folder import MountedFolder
from local.volumes.mountpoint import Mountpoint, mountpoint_of
from local.volumes.own_folder import at_work
from local.volumes.reading_container import MOUNTED, mounted, sweep
from local.volumes.seen import ROOT
from local.volumes.tar_walk import StreamedEntry, TarWalk

if TYPE_CHECKING:
    from docker import APIClient
    from requests import Response

_PIECE_BYTES = 1 << 20
_STAT = "x-docker-container-path-stat"


class VolumeReader:
    """The streams of a volume, one at a time: an engine lets nobody else at a container while it streams from it.

    `mountpoint` is where its files may be seen on this machine.
    """

    def __init__(
        self, api: APIClient, endpoint: Endpoint, volume: str, container: str, mountpoint: Mountpoint | None = None
    ) -> None:
        self.mountpoint = mountpoint
        self._api = api
        self._endpoint = endpoint
        self._volume = volume
        self._container = container
        self._response: Response | None = None

    def look(self, path: bytes = b"") -> Iterator[bytes]:
        """The engine's tar of the volume, or of the one file at `path` in it, in pieces of at most a megabyte.

        A volume's first entry is its own folder: `volume/` as Docker names it, `/` as Podman does; all names begin with
        that. A file's only entry has its last name. Iterated to its end without an error, the tar is whole, with its
        end of zeros. StreamBrokenError where it is not, NotThereError where there is no such path, EngineError
        otherwise. A file whose path is no UTF-8 cannot be had by itself (EngineError): engines answer with nothing.
        """
        self.close()
        with engine_errors(f"docker: read {self._named(path)}", self._endpoint):
            walk = TarWalk()
            yield from self._pieces(path, walk)
            self._check_end(path, walk)

    def close(self) -> None:
        """End a stream that was not read to its end."""
        if self._response is not None:
            self._response.close()
            self._response = None

    def _pieces(self, path: bytes, walk: TarWalk) -> Iterator[bytes]:
        from requests.exceptions import ChunkedEncodingError
        from requests.exceptions import ConnectionError as RequestsConnectionError

        self._response = self._ask("GET", self._place(path))
        try:
            for piece in self._response.iter_content(_PIECE_BYTES):
                walk.feed(piece)
                yield piece
        except (ChunkedEncodingError, RequestsConnectionError) as error:
            doing, came_back = f"docker: read {self._named(path)}", "the engine broke off in the middle"
            raise StreamBrokenError(doing, came_back, "see whether it runs: docker info") from error
        except (ValueError, BackupWrongError) as error:
            raise self._broken(path, f"the tar is none from some point on: {error}") from error
        finally:
            self.close()

    @property
    def without(self) -> tuple[str, ...]:
        """What of every file this engine's tar lacks, in words."""
        return (podman.OWNERS,) if podman.answers(self._api) else ()

    def _check_end(self, path: bytes, walk: TarWalk) -> None:
        if not walk.whole:
            raise self._broken(path, "the engine ended the tar before its end, as where a file shrinks meanwhile")
        if path or not podman.answers(self._api):
            return
        for name in podman.LEFT_OUT:
            if self._size(name) is not None:
                came_back = f"Podman leaves out what a volume holds at its top under the name {name.decode()}"
                raise EngineError(f"docker: read {self._named(path)}", came_back, "rename it, or use Docker")
        if walk.last and walk.last.is_file and not self._is_as_read(walk.last):
            raise self._broken(path, "a file grew meanwhile, and Podman leaves out what comes behind it")

    def _is_as_read(self, entry: StreamedEntry) -> bool:
        """Whether a file has the size that its entry tells; one whose name is no UTF-8 cannot be asked for."""
        name = entry.name.lstrip(b"/")
        return not is_utf8(name) or self._size(name) == entry.size

    def _size(self, path: bytes) -> int | None:
        """Of what is at `path` in the volume, without its content; None where nothing is."""
        try:
            response = self._ask("HEAD", self._place(path))
        except NotThereError:
            return None
        response.close()
        return int(json.loads(base64.b64decode(response.headers[_STAT]))["size"])

    def _ask(self, method: str, path: bytes) -> Response:
        url = f"{self._api.base_url}/v{self._api.api_version}/containers/{self._container}/archive"
        # The package's own call has no time-out while it streams.
        headers = {"Accept-Encoding": "identity"}
        timeout = self._api.timeout
        response = self._api.request(method, url, params={"path": path}, headers=headers, stream=True, timeout=timeout)
        if response.status_code == 404:
            response.close()
            raise NotThereError(f"docker: read {self._volume}", "there is no such path in the volume", "run this again")
        check_answer(response)
        return response

    def _place(self, path: bytes) -> bytes:
        if not is_utf8(path):
            came_back = "its name is no UTF-8, and no engine gives out such a file by itself"
            raise EngineError(f"docker: read {self._named(path)}", came_back, "rename it")
        return MOUNTED.encode() + (b"/" + path if path else b"")

    def _named(self, path: bytes) -> str:
        return f"{path.decode(errors='backslashreplace')!r} of the volume {self._volume}" if path else self._volume

    def _broken(self, path: bytes, came_back: str) -> StreamBrokenError:
        return StreamBrokenError(f"docker: read {self._named(path)}", came_back, KEEP_STILL)


@contextmanager
def reading(api: APIClient, endpoint: Endpoint, volume: str) -> Iterator[VolumeReader]:
    """A reader of the volume, whose container is removed behind it; what killed runs left is removed before it.

    EngineError; ConfigError or OSError where this user's own folder cannot be had.
    """
    with at_work(partial(sweep, api, endpoint)) as mark:
        with engine_errors(f"docker: look at the volume {volume}", endpoint):
            facts = volume_facts(api, volume)
            mountpoint = mountpoint_at(api, endpoint, facts)
        with mounted(api, endpoint, facts, mark, read_only=True) as container:
            reader = VolumeReader(api, endpoint, volume, container, mountpoint)
            # An engine removes no container from which it still streams.
            with if_abandoned(reader.close), closing(reader):
                yield reader


def mountpoint_at(api: APIClient, endpoint: Endpoint, volume: VolumeFacts) -> Mountpoint | None:
    """Where the volume's files may be seen on this machine; None where they are not."""
    is_podman = podman.answers(api)
    shifted = is_podman and podman.shifts_owners(api)
    found = mountpoint_of(volume, endpoint, owners_told=not is_podman, owners_shifted=shifted)
    with MountedFolder(found) as mounted:
        return found if mounted.entry(ROOT) else None
