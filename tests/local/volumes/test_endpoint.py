"""Which engine is meant, as Docker's own command decides it, and what is said of one that cannot be."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from local.errors import EngineError
from local.volumes.endpoint import DEFAULT_URL, TlsFiles, find_endpoint


def _context(home: Path, name: str, docker: dict[str, object], *, tls: bool = False) -> Path:
    place = hashlib.sha256(name.encode()).hexdigest()
    folder = home / ".docker" / "contexts" / "meta" / place
    folder.mkdir(parents=True)
    (folder / "meta.json").write_text(json.dumps({"Name": name, "Metadata": {}, "Endpoints": {"docker": docker}}))
    files = home / ".docker" / "contexts" / "tls" / place / "docker"
    if tls:
        files.mkdir(parents=True)
    return files


def _current(home: Path, name: str) -> None:
    (home / ".docker").mkdir(exist_ok=True)
    (home / ".docker" / "config.json").write_text(json.dumps({"auths": {}, "currentContext": name}))


def test_nothing_said_is_dockers_own_socket(tmp_path: Path) -> None:
    assert find_endpoint({}, tmp_path).url == DEFAULT_URL


def test_docker_host_comes_before_a_context(tmp_path: Path) -> None:
    _context(tmp_path, "desktop", {"Host": "unix:///desktop.sock"})
    _current(tmp_path, "desktop")
    found = find_endpoint({"DOCKER_HOST": "unix:///mine.sock", "DOCKER_CONTEXT": "desktop"}, tmp_path)
    assert (found.url, found.said_by) == ("unix:///mine.sock", "DOCKER_HOST")


def test_the_current_context_is_meant_where_nothing_else_is_said(tmp_path: Path) -> None:
    _context(tmp_path, "desktop", {"Host": "unix:///desktop.sock", "SkipTLSVerify": False})
    _current(tmp_path, "desktop")
    assert find_endpoint({}, tmp_path).url == "unix:///desktop.sock"
    assert find_endpoint({"DOCKER_CONTEXT": "default"}, tmp_path).url == DEFAULT_URL


def test_a_context_needs_no_configuration_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the docker package would look in the working folder, which may be anybody's."""
    _context(tmp_path / "elsewhere", "mine", {"Host": "unix:///wrong.sock"})
    monkeypatch.chdir(tmp_path / "elsewhere" / ".docker")
    _context(tmp_path, "mine", {"Host": "unix:///mine.sock"})
    assert find_endpoint({"DOCKER_CONTEXT": "mine"}, tmp_path).url == "unix:///mine.sock"


def test_docker_config_names_the_folder_of_all_that(tmp_path: Path) -> None:
    _context(tmp_path, "mine", {"Host": "unix:///mine.sock"})
    environment = {"DOCKER_CONFIG": str(tmp_path / ".docker"), "DOCKER_CONTEXT": "mine"}
    assert find_endpoint(environment, tmp_path / "no-home").url == "unix:///mine.sock"


@pytest.mark.parametrize("skip", [False, True])
def test_a_contexts_tls_files_are_its_own(tmp_path: Path, skip: bool) -> None:
    files = _context(tmp_path, "far", {"Host": "tcp://engine.lan:2376", "SkipTLSVerify": skip}, tls=True)
    found = find_endpoint({"DOCKER_CONTEXT": "far", "DOCKER_TLS_VERIFY": "1"}, tmp_path)
    assert found.tls == TlsFiles(files, verify=not skip)


@pytest.mark.parametrize(
    ("environment", "tls"),
    [
        ({}, None),
        ({"DOCKER_TLS_VERIFY": ""}, None),
        ({"DOCKER_TLS_VERIFY": "1"}, (".docker", True)),
        ({"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/certs"}, ("/certs", True)),
        ({"DOCKER_CERT_PATH": "/certs"}, ("/certs", False)),
        ({"DOCKER_TLS": "1"}, (".docker", False)),
    ],
)
def test_tls_is_spoken_as_the_environment_says(
    tmp_path: Path, environment: dict[str, str], tls: tuple[str, bool] | None
) -> None:
    found = find_endpoint({"DOCKER_HOST": "tcp://engine.lan:2376", **environment}, tmp_path)
    assert found.tls == (TlsFiles(tmp_path / tls[0], tls[1]) if tls else None)


def test_a_context_that_is_not_there_is_never_the_default_engine(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no context 'gone', which DOCKER_CONTEXT names"):
        find_endpoint({"DOCKER_CONTEXT": "gone"}, tmp_path)
    _current(tmp_path, "gone")
    with pytest.raises(EngineError, match=r"no context 'gone', which .*config.json names"):
        find_endpoint({}, tmp_path)


@pytest.mark.parametrize(
    ("url", "came_back"),
    [
        ("garbage", "no address that this tool can reach"),
        ("npipe:////./pipe/docker_engine", "no address that this tool can reach"),
        ("fd://", "no address that this tool can reach"),
        ("unix://run/docker.sock", "no absolute path"),
        ("tcp://engine.lan", "no host and port"),
        ("tcp://:2375", "no host and port"),
        ("tcp://engine.lan:port", "a port that is none"),
        ("tcp://engine.lan:99999", "a port that is none"),
        ("ssh://me@engine.lan", "over SSH"),
    ],
)
def test_an_address_that_cannot_be_meant_is_told_with_who_named_it(tmp_path: Path, url: str, came_back: str) -> None:
    with pytest.raises(EngineError, match=f"DOCKER_HOST names: .*{came_back}") as told:
        find_endpoint({"DOCKER_HOST": url}, tmp_path)
    assert "unix:///" in told.value.mend


@pytest.mark.parametrize("url", ["tcp://me:hunter2@engine.lan:2375", "tcp://hunter2@engine.lan:2375", "me:hunter2@x:1"])
def test_a_password_in_an_address_is_refused_and_never_shown(tmp_path: Path, url: str) -> None:
    with pytest.raises(EngineError) as told:
        find_endpoint({"DOCKER_HOST": url}, tmp_path)
    assert "hunter2" not in f"{told.value} {told.value.mend}"


@pytest.mark.parametrize("content", ["{", "[]", '{"currentContext": 3}', "\xff"])
def test_a_configuration_that_cannot_be_read_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(EngineError, match=r"read .*config.json"):
        find_endpoint({}, tmp_path)
