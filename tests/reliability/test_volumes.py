"""A backup of a volume that is killed, or whose engine dies: what it held still runs again, and nothing is lost.

After each kill the volume is as it was, what the store holds drills, and the next run succeeds without help: it starts
the containers that the killed one had stopped, removes its container, and leaves nothing temporary.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from local.archive.cache import cache_folder
from tests.reliability import armings
from tests.reliability.commands import CHECKOUT, Ended, RunningCommand
from tests.reliability.volume_site import USERS, VolumeSite, prepared
from tests.support.azure_faults import Answer, FaultyAzurite
from tests.support.container_engines import ContainerEngine
from tests.support.tally import counted
from tests.support.workshop import Workshop

KILLED = -signal.SIGKILL
Kill = Callable[[VolumeSite, int], Ended]


@pytest.fixture
def on_folder(folder_workshop: Workshop, docker_engine: ContainerEngine) -> VolumeSite:
    return prepared(folder_workshop, docker_engine)


@pytest.fixture
def on_azure(azure_workshop: Workshop, faults: FaultyAzurite, docker_engine: ContainerEngine) -> VolumeSite:
    site = prepared(azure_workshop, docker_engine)
    site.reached = f"{faults.url}/{azure_workshop.store_settings.url.rpartition('/')[2]}"
    return site


def at_line(site: VolumeSite, number: int) -> Ended:
    """As soon as it has told a step: 2 is that it reads."""
    return site.run("backup", partial(armings.killed_after_line, number))


def at_file_operation(site: VolumeSite, number: int) -> Ended:
    """Before its file operation of a number, in the store or in this machine's own folder."""
    folders = (site.workshop.root / "store", cache_folder(site.workshop.store_settings))
    return site.run("backup", partial(armings.killed_at, number, *folders))


def each(site: VolumeSite, numbers: Iterable[int], kill: Kill, folder: Path) -> None:
    """Kill at each of these numbers, until a run comes to its end."""
    killed = 0
    for number in numbers:
        site.change()
        with counted("SIGKILL", "backup of a volume"):
            ended = kill(site, number)
            if ended.code == KILLED:
                site.assert_next_run_mends(folder / f"after-{number}")
        if ended.code != KILLED:
            break
        killed += 1
    assert killed


def test_a_run_killed_while_it_reads_or_sends_is_mended_by_the_next(on_folder: VolumeSite, tmp_path: Path) -> None:
    each(on_folder, (2, 3), at_line, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("kill", [at_line, at_file_operation])
def test_a_run_killed_at_any_step_is_mended_by_the_next(on_folder: VolumeSite, tmp_path: Path, kill: Kill) -> None:
    each(on_folder, count(1), kill, tmp_path)


def at_request(faults: FaultyAzurite) -> Kill:
    """Once the service has answered its request of a number."""

    def kill(site: VolumeSite, number: int) -> Ended:
        running: list[RunningCommand] = []
        is_started = threading.Event()

        def fault(ask: Callable[[], Answer]) -> None:
            ask()
            is_started.wait()
            running[0].kill()

        faults.fail_at(number, fault)
        running.append(site.start("backup"))
        is_started.set()
        ended = running[0].wait()
        faults.heal()
        return ended

    return kill


@pytest.mark.long
def test_a_run_killed_at_any_request_is_mended_by_the_next(
    on_azure: VolumeSite, faults: FaultyAzurite, tmp_path: Path
) -> None:
    each(on_azure, count(1), at_request(faults), tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_an_interrupted_run_lets_go_of_what_it_held(on_folder: VolumeSite, number: signal.Signals) -> None:
    (on_folder.folder / "long").write_bytes(b"\1" * 200_000_000)
    command = on_folder.workshop.command("backup")
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        for line in process.stdout:
            if "reading the volume" in line:
                process.send_signal(number)
        told = process.stderr.read()

    assert process.returncode == 128 + number
    assert "each database and volume has its newest backup or the one of before" in told
    assert "Traceback" not in told
    assert {name: on_folder.engine.state(name) for name in USERS} == USERS
    assert on_folder.engine.names() == set(USERS)
    assert not (cache_folder(on_folder.workshop.store_settings) / "work").exists()


@contextmanager
def dying_engine(engine: ContainerEngine, path: Path, after_bytes: int) -> Iterator[str]:
    """A socket before the engine's, which is gone once it has answered so many bytes."""
    left = [after_bytes]
    connections: list[threading.Thread] = []
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen()

    def pump(source: socket.socket, target: socket.socket, counts: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                left[0] -= len(data) if counts else 0
                if left[0] < 0:
                    path.unlink(missing_ok=True)
                    break
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def connected(client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as real:
            real.connect(engine.url.removeprefix("unix://"))
            asking = threading.Thread(target=pump, args=(client, real, False))
            asking.start()
            pump(real, client, True)
            asking.join()

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                connections.append(threading.Thread(target=connected, args=(client,)))
                connections[-1].start()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"unix://{path}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        for one in (thread, *connections):
            one.join()


def test_an_engine_that_dies_while_a_volume_is_read_fails_the_volumes_and_nothing_else(
    folder_workshop: Workshop, docker_engine: ContainerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = docker_engine.volume("site")
    (folder / "large").write_bytes(os.urandom(1_000_000))
    docker_engine.volume("other")
    folder_workshop.add("costs")
    folder_workshop.more["volumes"] = [{"name": "site"}, {"name": "other"}]
    with dying_engine(docker_engine, folder_workshop.root / "engine.sock", 300_000) as url:
        monkeypatch.setenv("DOCKER_HOST", url)
        report = folder_workshop.document("backup")
        document = {one["name"]: one for one in (*report["databases"], *report["volumes"])}

    assert [document[name]["verdict"] for name in ("costs", "site")] == ["passed", "failed"]
    assert "engine.sock" in document["site"]["error"]
    assert report["backup"]["verdict"] == "failed"
    monkeypatch.setenv("DOCKER_HOST", docker_engine.url)
    assert folder_workshop.invoke("backup").returncode == 0
    assert docker_engine.names() == set()
