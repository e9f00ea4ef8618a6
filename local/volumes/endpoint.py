"""Which engine is meant: DOCKER_HOST, else DOCKER_CONTEXT, else the current context, else Docker's own socket.

As the docker command decides it (https://docs.docker.com/engine/manage-resources/contexts/). The docker package decides
otherwise: a context that is not there is this machine's default engine to it, and without a config.json it looks for
contexts in the working folder.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from local.errors import EngineError
from local.typed import from_json

DEFAULT_URL = "unix:///var/run/docker.sock"
_FORMS = "unix:///var/run/docker.sock or tcp://host:2376"


@dataclass(frozen=True)
class TlsFiles:
    """The files that the engine is trusted by and asks of its clients; `verify` is False where it may be anybody."""

    folder: Path
    verify: bool


@dataclass(frozen=True)
class Endpoint:
    """An engine's address, who said so, and how it is reached over TLS."""

    url: str
    said_by: str
    tls: TlsFiles | None = None

    @property
    def socket(self) -> Path | None:
        """The socket's file, where it is one of this machine."""
        return Path(self.url.removeprefix("unix://")) if self.url.startswith("unix://") else None

    def __str__(self) -> str:
        return f"{without_password(self.url)} ({self.said_by})"


def find_endpoint(environment: Mapping[str, str], home: Path) -> Endpoint:
    """The engine that `environment` and the configuration of Docker's command under `home` name.

    EngineError where what they name cannot be meant, or is not reached by this tool.
    """
    folder = Path(environment.get("DOCKER_CONFIG") or home / ".docker")
    if host := environment.get("DOCKER_HOST"):
        return _checked(Endpoint(host.strip(), "DOCKER_HOST", _tls_of(environment, folder)))
    name, said_by = environment.get("DOCKER_CONTEXT"), "DOCKER_CONTEXT"
    if not name:
        name, said_by = _current_context(folder / "config.json"), str(folder / "config.json")
    if name and name != "default":
        return _checked(_of_context(folder, name, said_by))
    return Endpoint(DEFAULT_URL, "Docker's default")


def without_password(url: str) -> str:
    """The address without a user and a password that somebody put into it."""
    return re.sub(r"^([a-z+]*://)?[^/]*@", r"\1", url, flags=re.IGNORECASE)


def _tls_of(environment: Mapping[str, str], folder: Path) -> TlsFiles | None:
    """DOCKER_TLS_VERIFY counts with any value but the empty one, as the docker command has it."""
    verify = bool(environment.get("DOCKER_TLS_VERIFY"))
    files = environment.get("DOCKER_CERT_PATH")
    if not verify and not environment.get("DOCKER_TLS") and not files:
        return None
    return TlsFiles(Path(files) if files else folder, verify)


class _Config(msgspec.Struct):
    """What is read of Docker's config.json."""

    current: str = msgspec.field(default="", name="currentContext")


class _DockerEndpoint(msgspec.Struct):
    host: str = msgspec.field(default=DEFAULT_URL, name="Host")
    skip_verify: bool = msgspec.field(default=False, name="SkipTLSVerify")


class _Endpoints(msgspec.Struct):
    docker: _DockerEndpoint = msgspec.field(default_factory=_DockerEndpoint)


class _ContextFile(msgspec.Struct):
    """What is read of a context's meta.json."""

    endpoints: _Endpoints = msgspec.field(default_factory=_Endpoints, name="Endpoints")


def _current_context(path: Path) -> str:
    try:
        return from_json(path.read_bytes(), _Config).current
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, msgspec.DecodeError) as error:
        mend = "mend the file, or say which engine is meant: DOCKER_CONTEXT=default or DOCKER_HOST"
        raise EngineError(f"docker: read {path}", _reason(error), mend) from error


def _of_context(folder: Path, name: str, said_by: str) -> Endpoint:
    place = hashlib.sha256(name.encode()).hexdigest()
    path = folder / "contexts" / "meta" / place / "meta.json"
    mend = "choose one that is there: docker context ls, then docker context use NAME"
    try:
        docker = from_json(path.read_bytes(), _ContextFile).endpoints.docker
    except FileNotFoundError:
        raise EngineError(
            "docker: find the engine", f"there is no context {name!r}, which {said_by} names", mend
        ) from None
    except (OSError, ValueError, msgspec.DecodeError) as error:
        raise EngineError(f"docker: read {path}", _reason(error), mend) from error
    files = folder / "contexts" / "tls" / place / "docker"
    tls = TlsFiles(files, not docker.skip_verify) if files.is_dir() else None
    return Endpoint(docker.host, f"context {name} of {said_by}", tls)


def _checked(endpoint: Endpoint) -> Endpoint:
    """The endpoint, where this tool can speak to an engine in that way."""
    came_back = _mistake(endpoint.url)
    if came_back is None:
        return endpoint
    doing = f"docker: find the engine that {endpoint.said_by} names"
    if endpoint.url.startswith("ssh://"):
        forward = "forward the socket and name that: ssh -nNT -L /tmp/docker.sock:/var/run/docker.sock HOST &"
        mend = f"{forward} then DOCKER_HOST=unix:///tmp/docker.sock"
        raise EngineError(doing, "it is reached over SSH, which this tool does not speak", mend)
    raise EngineError(doing, came_back, f"as Docker writes it: {_FORMS}")


def _mistake(url: str) -> str | None:
    shown = without_password(url)
    if shown != url:
        return f"{shown} comes with a user or a password, which Docker's engines do not take"
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in ("unix", "tcp", "http", "https"):
        return f"{url!r} is no address that this tool can reach"
    if scheme == "unix":
        return None if rest.startswith("/") else f"{url!r} names no absolute path of a socket"
    try:
        parts = urlsplit(url)
        return None if parts.hostname and parts.port else f"{url!r} names no host and port"
    except ValueError:
        return f"{url!r} has a port that is none"


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
