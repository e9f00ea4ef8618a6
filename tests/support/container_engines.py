"""A real Docker and a real Podman of the tests' own, each with its storage in a scratch folder: no other is touched.

They need root on Linux: a test looks into volumes and writes there as any owner.
"""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, DockerException

from tests.support import debian_programs
from tests.support.debian_programs import MissingError

_PODMAN_CONF = """
[containers]
default_ulimits = []
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
runtime = "runc"
conmon_path = ["{conmon}"]
[engine.runtimes]
runc = ["{runc}"]
"""
_ACCEPT_ANY = '{"default": [{"type": "insecureAcceptAnything"}]}'
_SHELL_IMAGE = "tests/shell"


@dataclass(frozen=True)
class ContainerEngine:
    """A running engine: `url` is what DOCKER_HOST would say."""

    name: str
    url: str
    api: docker.APIClient

    def volume(self, name: str, labels: dict[str, str] | None = None) -> Path:
        """Make a volume; the folder that holds its files."""
        self.api.create_volume(name, labels=labels)
        return self.folder(name)

    def folder(self, name: str) -> Path:
        """The folder that holds the volume's files."""
        return Path(self.api.inspect_volume(name)["Mountpoint"])

    def create(self, name: str, volume: str, command: Sequence[str] = ("sleep", "1000"), **host: Any) -> str:
        """Make a container of busybox alone that mounts the volume at /v, without starting it; its identity."""
        mount = {"Type": "volume", "Source": volume, "Target": "/v"}
        config = {
            "Image": self._shell_image(),
            "Cmd": ["/bin/busybox", *command],
            "HostConfig": {"NetworkMode": "none", "Mounts": [mount], **host},
        }
        return str(self.api.create_container_from_config(config, name=name)["Id"])  # type: ignore[no-untyped-call]

    def run(self, name: str, volume: str, script: str = "while :; do sleep 1000; done", **host: Any) -> str:
        """Start a container that runs the script in busybox's shell, and ends at once when it is told to."""
        identity = self.create(name, volume, ("sh", "-c", f"trap 'exit 0' TERM; {script} & wait"), **host)
        self.api.start(identity)
        return identity

    def state(self, name: str) -> str:
        """What the container does: running, paused, exited, created."""
        return str(self.api.inspect_container(name)["State"]["Status"])

    def names(self) -> set[str]:
        """All containers."""
        return {container["Names"][0].lstrip("/") for container in self.api.containers(all=True)}

    def clear(self) -> None:
        """Remove every container and volume."""
        for container in self.api.containers(all=True):
            with suppress(APIError):
                self.api.remove_container(container["Id"], force=True)
        for volume in self.api.volumes()["Volumes"] or ():
            self.api.remove_volume(volume["Name"])

    def _shell_image(self) -> str:
        found = [image["Id"] for image in self.api.images() if _SHELL_IMAGE in str(image["RepoTags"])]
        if found:
            return str(found[0])
        busybox = debian_programs.unpacked() / "bin/busybox"
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w") as tar:
            tar.add(busybox, "bin/busybox")
            link = tarfile.TarInfo("bin/sleep")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        self.api.import_image_from_data(content.getvalue(), repository=_SHELL_IMAGE, tag="1")
        return self._shell_image()


@contextmanager
def docker_running(folder: Path) -> Iterator[ContainerEngine]:
    """Docker, all of whose state stands in `folder`; MissingError where it cannot run."""
    _need_root()
    url = f"unix://{folder}/docker.sock"
    options = ["--data-root", folder / "data", "--exec-root", folder / "exec", "--pidfile", folder / "pid"]
    options += ["--config-file", folder / "none.json", "--storage-driver", "vfs", "--bridge", "none"]
    options += ["--iptables=false", "--ip6tables=false", "--ip-forward=false"]
    command = [debian_programs.find("dockerd"), "--host", url, *options]
    (folder / "none.json").write_text("{}")
    with _running("docker", url, command, folder, debian_programs.environment()) as engine:
        yield engine


@contextmanager
def podman_running(folder: Path) -> Iterator[ContainerEngine]:
    """Podman's Docker-compatible service, all of whose state stands in `folder`; MissingError where it cannot run."""
    _need_root()
    url = f"unix://{folder}/podman.sock"
    conf = folder / "containers.conf"
    conf.write_text(_PODMAN_CONF.format(conmon=debian_programs.find("conmon"), runc=debian_programs.find("runc")))
    policy = folder / "home/.config/containers/policy.json"
    policy.parent.mkdir(parents=True)
    policy.write_text(_ACCEPT_ANY)
    environment = {**debian_programs.environment(), "CONTAINERS_CONF": str(conf), "HOME": str(folder / "home")}
    places = ["--root", folder / "root", "--runroot", folder / "run", "--tmpdir", folder / "tmp"]
    places += ["--network-config-dir", folder / "net", "--storage-driver", "vfs"]
    command = [debian_programs.find("podman"), *places, "system", "service", "--time=0", url]
    with _running("podman", url, command, folder, environment) as engine:
        yield engine


ENGINES: dict[str, Callable[[Path], Any]] = {"docker": docker_running, "podman": podman_running}


def _need_root() -> None:
    if sys.platform != "linux" or os.geteuid():
        raise MissingError("an engine of the tests' own needs Linux and root")


@contextmanager
def _running(
    name: str, url: str, command: list[Any], folder: Path, environment: dict[str, str]
) -> Iterator[ContainerEngine]:
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
    try:
        engine = ContainerEngine(name, url, _answering(url, process, log))
        try:
            yield engine
            engine.clear()
        finally:
            engine.api.close()
    finally:
        process.terminate()
        process.wait()


def _answering(url: str, process: subprocess.Popen[bytes], log: Path) -> docker.APIClient:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
            probe.connect(url.removeprefix("unix://"))
            with suppress(DockerException):
                return docker.APIClient(base_url=url)
        time.sleep(0.05)
    raise MissingError(f"an engine of the tests' own does not start: {log.read_text()[-500:]}")
