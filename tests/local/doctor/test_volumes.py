"""What the doctor says of volumes: the engine, each volume and its containers, the schedule's engine, and room."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from local import clock
from local.doctor.check import DoctorCheck
from local.doctor.volumes import judge_schedule, judge_volume, preconditions, rooms
from local.settings import Volume
from local.store.repository import Repository
from local.volumes.facts import VolumeUser
from tests.local.watch.stored import back_up_volume
from tests.support.container_engines import ContainerEngine
from tests.support.workshop import Workshop

VOLUME = Volume(name="grafana-data")
GRAFANA = VolumeUser("1234", "grafana", "running", may_write=True)


def told(workshop: Workshop, *volumes: Volume) -> dict[str, DoctorCheck]:
    """Every check of these volumes by its name."""
    cache = workshop.root / "cache"
    found = preconditions(volumes, cache, lambda: workshop.repository)
    checks: dict[str, DoctorCheck] = {}
    for each in found:
        try:
            checks |= {check.name: check for check in each.look()}
        except Exception as error:
            checks[each.name] = DoctorCheck(each.name, "fail", str(error), getattr(error, "mend", ""))
    return checks


@pytest.mark.parametrize(
    ("volume", "users", "verdict", "expected"),
    [
        (VOLUME, (), "ok", "driver local, used by no container"),
        (VOLUME, (GRAFANA,), "ok", "used by grafana (running); grafana may write while it is read"),
        (Volume(name="grafana-data", pause=("grafana",)), (GRAFANA,), "ok", "used by grafana (running)"),
        (Volume(name="grafana-data", stop=("12",)), (GRAFANA,), "ok", "used by grafana (running)"),
        (Volume(name="grafana-data", stop=("loki",)), (GRAFANA,), "warn", "loki is to keep still for it and does not"),
    ],
)
def test_who_uses_a_volume_is_told(volume: Volume, users: tuple[VolumeUser, ...], verdict: str, expected: str) -> None:
    check = judge_volume(volume, "local", users)

    assert (check.verdict, expected in check.message) == (verdict, True), check
    assert ("may write" in check.message) == (users != () and not volume.pause and not volume.stop)
    assert (check.mend == "") == (verdict == "ok")


def test_a_schedule_without_the_shells_variables_may_ask_another_engine(tmp_path: Path) -> None:
    same = judge_schedule({"PATH": "/bin", "DOCKER_HOST": ""}, tmp_path)
    other = judge_schedule({"DOCKER_HOST": "unix:///tmp/mine.sock"}, tmp_path)

    assert (same.verdict, other.verdict) == ("ok", "warn")
    assert "no DOCKER_HOST of this shell, so it asks unix:///var/run/docker.sock" in other.message
    assert "docker context create pillar9 --docker host=unix:///tmp/mine.sock" in other.mend
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker/config.json").write_text(json.dumps({"currentContext": "gone"}))
    broken = judge_schedule({"DOCKER_CONTEXT": "default"}, tmp_path)
    assert broken.verdict == "warn"
    assert "so it asks none: there is no context 'gone'" in broken.message


def test_room_is_what_the_largest_tar_takes_twice() -> None:
    assert rooms([], Path("/c"), Path("/t")) == ()
    assert [(room.needed_bytes, room.ample_bytes) for room in rooms([5, 9], Path("/c"), Path("/t"))] == [(9, 18)] * 2


def test_where_no_volume_is_configured_nothing_is_looked_at(folder_workshop: Workshop) -> None:
    def opened() -> Repository:
        raise AssertionError

    assert preconditions((), folder_workshop.root, opened) == ()


def test_an_engine_that_is_away_is_told_with_its_socket(
    folder_workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")

    found = told(folder_workshop, VOLUME)

    assert found["docker"].verdict == "fail"
    assert "unix:///nowhere/docker.sock (DOCKER_HOST)" in found["docker"].message
    assert found["docker"].mend
    assert found["free space: volumes"].verdict == "skipped"


def test_volumes_and_containers_are_looked_for_in_the_engine(
    folder_workshop: Workshop, docker_engine: ContainerEngine
) -> None:
    docker_engine.volume("grafana-data")
    docker_engine.create("grafana", "grafana-data")
    back_up_volume(folder_workshop.store, clock.now() - timedelta(hours=1))

    found = told(
        folder_workshop,
        Volume(name="grafana-data", stop=("grafana",)),
        Volume(name="grafana-dat"),
        Volume(name="grafana-data", pause=("graf",)),
    )

    assert found["docker"].message == f"an engine answers at {docker_engine.url} (DOCKER_HOST)"
    assert "there is no volume of that name; there is grafana-data" in found["volume grafana-dat"].message
    assert "there is no container of that name; there is grafana" in found["volume grafana-data"].message
    assert found["free space: volumes"].message.endswith(": grafana-dat")
    assert found["free space: cache folder, for volumes"].verdict == "ok"
    alone = told(folder_workshop, Volume(name="grafana-data", stop=("grafana",)))["volume grafana-data"]
    assert alone.verdict == "ok"
    assert "used by grafana (" in alone.message


def test_where_only_volumes_are_configured_nothing_is_said_of_databases(folder_workshop: Workshop) -> None:
    folder_workshop.more = {"volumes": [{"name": "grafana-data"}]}

    done = folder_workshop.invoke("doctor", environment={"DOCKER_HOST": "unix:///nowhere/docker.sock"})

    assert done.returncode == 1
    of_databases = ("other databases", "file systems", "free space: cache folder")
    assert not any(f"[{name}]" in done.stdout for name in of_databases)
    assert "read: 0 days of backups under sqlite/ and 0 days of backups under volumes/" in done.stdout
    assert "fail: [docker] docker: reach the engine" in done.stdout
    assert "doctor FAILED: " in done.stdout.splitlines()[-1]
    assert "docker" in done.stdout.splitlines()[-1]
