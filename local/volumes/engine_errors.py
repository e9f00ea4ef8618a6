"""What Docker's engine, or the way to it, answers as errors of ours, with what mends it."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from local.errors import EngineError
from local.volumes.endpoint import Endpoint

if TYPE_CHECKING:
    from requests import Response

_GROUP = (
    'let this user use Docker, then log in anew: sudo usermod -aG docker "$USER" (whoever may is root on this machine)'
)
_LOOK = "look at what Docker says: docker info"
KEEP_STILL = "keep it still meanwhile: name its containers under `pause:` or `stop:` of the volume"
_TLS = "let DOCKER_CERT_PATH name the folder with ca.pem, cert.pem and key.pem, and set DOCKER_TLS_VERIFY=1"


class StreamBrokenError(EngineError):
    """The tar of a volume, or of a file in it, ended early: something was written to meanwhile; worth another try."""


class NotThereError(EngineError):
    """A path of the volume is not there, or not there any more."""


@contextmanager
def engine_errors(doing: str, endpoint: Endpoint) -> Iterator[None]:
    """What the docker package and the libraries below it raise in here, as an EngineError."""
    from docker.errors import DockerException
    from requests import RequestException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except EngineError:
        raise
    except (DockerException, RequestException, HTTPError, OSError) as error:
        raise as_engine_error(doing, endpoint, error) from error


def as_engine_error(doing: str, endpoint: Endpoint, error: Exception) -> EngineError:
    """The error in words: what the engine said, or what the system said of the way to it."""
    from docker.errors import APIError

    for found in _chain(error):
        if isinstance(found, APIError):
            return EngineError(doing, explained(found), _TLS if "HTTPS server" in explained(found) else _LOOK)
    came_back, mend = _of_the_way(endpoint, list(_chain(error)))
    return EngineError(f"{doing} at {endpoint}", came_back, mend)


def check_answer(response: Response) -> None:
    """Raise the docker package's error for what it did not ask itself, where the engine refused."""
    from docker.errors import create_api_error_from_http_exception
    from requests import HTTPError

    try:
        response.raise_for_status()
    except HTTPError as error:
        create_api_error_from_http_exception(error)


def explained(error: Exception) -> str:
    """What the engine said, in one line."""
    explanation = getattr(error, "explanation", None)
    if isinstance(explanation, bytes):
        explanation = explanation.decode(errors="replace")
    status = getattr(error, "status_code", None)
    return " ".join(str(explanation).split()) if explanation else f"it answered {status}"


def _of_the_way(endpoint: Endpoint, errors: list[BaseException]) -> tuple[str, str]:
    """What came back, and what mends it; the more telling kinds first, as one error holds several."""
    from docker.errors import InvalidVersion, TLSParameterError
    from requests.exceptions import JSONDecodeError, SSLError, Timeout
    from urllib3.exceptions import NameResolutionError
    from urllib3.exceptions import TimeoutError as SlowError

    address = f"mend the address in {endpoint.said_by}"
    kinds: dict[type[BaseException], tuple[str, str]] = {
        NameResolutionError: ("there is no such host", address),
        TLSParameterError: ("the files for TLS are not all there", _TLS),
        SSLError: ("TLS failed", _TLS),
        InvalidVersion: ("its API is too old for this tool, which needs 1.25 (Docker 1.13)", "update Docker"),
        JSONDecodeError: ("what answers there is no Docker engine", address),
    }
    for kind, words in kinds.items():
        if any(isinstance(error, kind) for error in errors):
            return words
    of_the_system = next((error for error in errors if isinstance(error, OSError) and error.errno), None)
    if of_the_system:
        return _of_the_system(endpoint, of_the_system)
    if any(isinstance(error, (Timeout, SlowError, TimeoutError)) for error in errors):
        return "it does not answer in time", _restart()
    return _one_line(errors[0]), _LOOK


def _of_the_system(endpoint: Endpoint, error: OSError) -> tuple[str, str]:
    said = error.strerror or str(error)
    if error.errno in (errno.EACCES, errno.EPERM):
        return "this user may not use it", _GROUP
    if endpoint.socket is None:
        return said, f"start the engine there, or mend the address in {endpoint.said_by}"
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return "there is no such socket", _start(endpoint)
    if error.errno == errno.ECONNREFUSED:
        return "nobody answers at that socket", _start(endpoint)
    return said, _LOOK


def _start(endpoint: Endpoint) -> str:
    if "podman" in endpoint.url:
        return "start Podman's service: systemctl start podman.socket (with --user where it is this user's)"
    return "start Docker: " + ("open -a Docker" if sys.platform == "darwin" else "sudo systemctl start docker")


def _restart() -> str:
    return "restart Docker" + (" Desktop" if sys.platform == "darwin" else ": sudo systemctl restart docker")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and those that it came from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
