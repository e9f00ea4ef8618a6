"""What a run that is killed while it reads leaves on the engine, and who removes it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from local import interrupt
from local.volumes.engine import open_engine
from tests.support.container_engines import ContainerEngine
from tests.support.forked import ended, forked


def _read_on(ready: Callable[[], None]) -> None:
    with open_engine() as engine, engine.reading("data") as reader:
        stream = reader.look()
        next(stream)
        ready()
        time.sleep(60)


def _read_whole() -> None:
    with open_engine() as engine, engine.reading("data") as reader:
        assert list(reader.look())


def _large_volume(engine: ContainerEngine) -> None:
    (engine.volume("data") / "large").write_bytes(bytes(8 << 20))


def test_the_container_of_a_killed_run_is_removed_by_the_next(docker_engine: ContainerEngine) -> None:
    _large_volume(docker_engine)
    with forked(_read_on) as process:
        os.kill(process, signal.SIGKILL)
        assert ended(process) == -signal.SIGKILL
        (left,) = docker_engine.names()
        _read_whole()
        assert docker_engine.names() == set()
    assert left.startswith("pillar9-")


def test_the_container_of_a_run_that_is_at_work_is_let_be(docker_engine: ContainerEngine) -> None:
    _large_volume(docker_engine)
    with forked(_read_on) as process:
        before = docker_engine.names()
        _read_whole()
        assert docker_engine.names() == before != set()
        os.kill(process, signal.SIGKILL)
        ended(process)
    _read_whole()
    assert docker_engine.names() == set()


def _read_until_a_signal(ready: Callable[[], None]) -> None:
    interrupt.install()
    _read_on(ready)


def test_an_interrupted_run_removes_its_container(docker_engine: ContainerEngine) -> None:
    _large_volume(docker_engine)
    with forked(_read_until_a_signal) as process:
        os.kill(process, signal.SIGINT)
        assert ended(process) == 1
        assert docker_engine.names() == set()


def _stuck_until_a_signal(ready: Callable[[], None]) -> None:
    """The signals are heard, and raise nothing where the work is: as in a library's call that never returns."""
    interrupt.install()
    signal.signal(signal.SIGTERM, lambda *_: None)
    _read_on(ready)


def test_a_stuck_run_that_is_told_to_end_twice_removes_its_container(docker_engine: ContainerEngine) -> None:
    _large_volume(docker_engine)
    with forked(_stuck_until_a_signal) as process:
        os.kill(process, signal.SIGTERM)
        time.sleep(0.2)
        os.kill(process, signal.SIGTERM)
        assert ended(process) == 128 + signal.SIGTERM
        assert docker_engine.names() == set()
