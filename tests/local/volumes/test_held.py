"""Containers held still while their volume is read run again behind it, whatever happens in between."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from local.errors import EngineError
from local.volumes.engine import Engine, open_engine
from tests.support.container_engines import ContainerEngine
from tests.support.forked import ended, forked


def _notes(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "data" / "pillar9" / "volumes").glob("*held*"))


def test_those_that_run_are_held_and_run_again(
    container_engine: ContainerEngine, engine: Engine, tmp_path: Path
) -> None:
    container_engine.volume("data")
    container_engine.run("app", "data")
    container_engine.run("db", "data")
    container_engine.create("never-started", "data")
    assert {user.name for user in engine.writers("data")} == {"app", "db"}
    with engine.held_still(["app", "never-started"], ["db"]):
        assert [container_engine.state(name) for name in ("app", "db", "never-started")] == [
            "exited",
            "paused",
            "created",
        ]
        assert engine.writers("data") == ()
        assert len(_notes(tmp_path)) == 1
    assert [container_engine.state(name) for name in ("app", "db", "never-started")] == [
        "running",
        "running",
        "created",
    ]
    assert _notes(tmp_path) == []


def test_one_that_was_paused_or_stopped_before_stays_so(docker_engine: ContainerEngine) -> None:
    docker_engine.volume("data")
    docker_engine.run("paused", "data")
    docker_engine.api.pause("paused")
    docker_engine.run("stopped", "data")
    docker_engine.api.stop("stopped")
    with open_engine() as engine, engine.held_still(["paused", "stopped"], ["paused"]):
        assert [docker_engine.state(name) for name in ("paused", "stopped")] == ["paused", "exited"]
    assert [docker_engine.state(name) for name in ("paused", "stopped")] == ["paused", "exited"]
    docker_engine.api.unpause("paused")


def test_one_that_is_not_there_is_a_mistake_and_nothing_is_stopped(docker_engine: ContainerEngine) -> None:
    docker_engine.volume("data")
    docker_engine.run("app", "data")
    with open_engine() as engine, pytest.raises(EngineError, match="no container of that name; there is app"):
        _within(engine, ["app", "ap"], [], lambda: None)
    assert docker_engine.state("app") == "running"


def test_one_that_is_removed_when_it_stops_is_refused(docker_engine: ContainerEngine) -> None:
    docker_engine.volume("data")
    docker_engine.run("app", "data", AutoRemove=True)
    with open_engine() as engine:
        with pytest.raises(EngineError, match="--rm"):
            _within(engine, ["app"], [], lambda: None)
        with engine.held_still([], ["app"]):
            assert docker_engine.state("app") == "paused"
    assert docker_engine.state("app") == "running"


def _within(engine: Engine, stop: list[str], pause: list[str], work: Callable[[], object]) -> None:
    with engine.held_still(stop, pause):
        work()


def test_they_run_again_after_an_error(docker_engine: ContainerEngine, tmp_path: Path) -> None:
    docker_engine.volume("data")
    docker_engine.run("app", "data")
    docker_engine.run("db", "data")
    with open_engine() as engine, pytest.raises(ZeroDivisionError):
        _within(engine, ["app"], ["db"], lambda: 1 // 0)
    assert [docker_engine.state(name) for name in ("app", "db")] == ["running", "running"]
    assert _notes(tmp_path) == []


def test_one_that_cannot_run_again_is_named_and_the_others_do(docker_engine: ContainerEngine, tmp_path: Path) -> None:
    """Its volume's driver, a port, the disk: here a folder that it binds is gone, which a daemon finds out late."""
    bound = tmp_path / "bound"
    bound.mkdir()
    docker_engine.volume("data")
    mounts = [{"Type": "bind", "Source": str(bound), "Target": "/bound"}]
    docker_engine.run("app", "data", Mounts=mounts)
    docker_engine.run("db", "data")
    with open_engine() as engine:
        with pytest.raises(EngineError, match="does not run again") as told:
            _within(engine, ["app", "db"], [], bound.rmdir)
        assert told.value.mend == "docker start app"
        assert docker_engine.state("db") == "running"
        # The next run says it again, and begins nothing, until it can be started.
        with pytest.raises(EngineError, match="does not run again"):
            _within(engine, ["db"], [], lambda: pytest.fail("begun"))
        bound.mkdir()
        _within(engine, ["app"], [], lambda: None)
    assert docker_engine.state("app") == "running"
    assert _notes(tmp_path) == []


def _hold(stop: list[str], pause: list[str]) -> Callable[[Callable[[], None]], None]:
    def work(ready: Callable[[], None]) -> None:
        with open_engine() as engine, engine.held_still(stop, pause):
            ready()
            time.sleep(60)

    return work


def test_what_a_killed_run_held_runs_again_when_the_next_begins(docker_engine: ContainerEngine, tmp_path: Path) -> None:
    docker_engine.volume("data")
    docker_engine.run("app", "data")
    docker_engine.run("db", "data")
    with forked(_hold(["app"], ["db"])) as process, open_engine() as engine:
        # One that is at work is let be.
        _within(engine, [], [], lambda: None)
        assert [docker_engine.state(name) for name in ("app", "db")] == ["exited", "paused"]
        os.kill(process, signal.SIGKILL)
        assert ended(process) == -signal.SIGKILL
        _within(engine, [], [], lambda: None)
    assert [docker_engine.state(name) for name in ("app", "db")] == ["running", "running"]
    assert _notes(tmp_path) == []


def test_what_somebody_started_and_stopped_after_a_kill_is_let_be(docker_engine: ContainerEngine) -> None:
    docker_engine.volume("data")
    docker_engine.run("app", "data")
    with forked(_hold(["app"], [])) as process, open_engine() as engine:
        os.kill(process, signal.SIGKILL)
        ended(process)
        docker_engine.api.start("app")
        docker_engine.api.stop("app")
        _within(engine, [], [], lambda: None)
    assert docker_engine.state("app") == "exited"


@pytest.mark.long
def test_what_was_removed_after_a_kill_is_no_trouble(docker_engine: ContainerEngine, tmp_path: Path) -> None:
    docker_engine.volume("data")
    docker_engine.run("app", "data")
    with forked(_hold(["app"], [])) as process, open_engine() as engine:
        os.kill(process, signal.SIGKILL)
        ended(process)
        docker_engine.api.remove_container("app")
        _within(engine, [], [], lambda: None)
    assert _notes(tmp_path) == []


def test_an_interrupt_while_a_container_is_being_stopped_leaves_it_running(docker_engine: ContainerEngine) -> None:
    """The engine goes on stopping it, whoever asked for it: it is awaited, and started."""
    docker_engine.volume("data")
    slow = "trap 'sleep 1; exit 0' TERM; while :; do sleep 0.1; done"
    docker_engine.api.start(docker_engine.create("app", "data", ("sh", "-c", slow)))
    timer = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with open_engine() as engine, pytest.raises(KeyboardInterrupt):
        _within(engine, ["app"], [], lambda: time.sleep(10))
    timer.join()
    assert docker_engine.state("app") == "running"
    docker_engine.api.kill("app")


def test_a_note_that_cannot_be_read_is_told_with_its_place(docker_engine: ContainerEngine, tmp_path: Path) -> None:
    docker_engine.volume("data")
    with open_engine() as engine:
        _within(engine, [], [], lambda: None)
        (tmp_path / "data/pillar9/volumes/held-0.json").write_text("{")
        with pytest.raises(EngineError, match="a killed run had stopped") as told:
            _within(engine, [], [], lambda: None)
    assert "held-0.json" in told.value.mend
