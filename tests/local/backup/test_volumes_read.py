"""A volume while it is read: its containers are held still, and what changes all the same is told."""

from __future__ import annotations

import subprocess

import pytest

from local.backup.upload import SnapshotUpload, Stored
from local.events import Event
from local.settings import Volume
from tests.local.backup.volume_runs import back_up_here, configure, fill, points
from tests.support.container_engines import ContainerEngine
from tests.support.workshop import Workshop


@pytest.fixture
def held(docker_engine: ContainerEngine) -> ContainerEngine:
    """An engine whose volume `site` is used by `web`, which is to be stopped, and by `job`, to be paused."""
    fill(docker_engine.volume("site"), files=2)
    docker_engine.run("web", "site")
    docker_engine.run("job", "site")
    return docker_engine


VOLUME = Volume(name="site", stop=("web",), pause=("job",))
VOLUME_ALONE = Volume(name="site")


def test_containers_are_held_still_while_the_volume_is_read_and_not_while_it_is_sent(
    folder_workshop: Workshop, held: ContainerEngine
) -> None:
    begun = held.api.inspect_container("web")["State"]["StartedAt"]
    while_reading: list[tuple[str, str]] = []
    while_sending: list[tuple[str, str]] = []

    def watch(event: Event) -> None:
        if event.text == "reading the volume once, as it keeps still":
            while_reading.append((held.state("web"), held.state("job")))

    def finish(upload: SnapshotUpload) -> Stored:
        while_sending.append((held.state("web"), held.state("job")))
        return upload.deliver()

    report = back_up_here(folder_workshop, [VOLUME], watch, finish)

    assert [volume.error for volume in report.volumes] == [None]
    assert while_reading == [("exited", "paused")]
    assert while_sending == [("running", "running")]
    assert held.api.inspect_container("web")["State"]["StartedAt"] != begun


def test_a_check_holds_nothing_still_and_says_so(folder_workshop: Workshop, held: ContainerEngine) -> None:
    configure(folder_workshop, {"name": "site", "stop": ["web"], "pause": ["job"]})
    begun = held.api.inspect_container("web")["State"]["StartedAt"]

    done = folder_workshop.invoke("backup", "--check")

    assert done.returncode == 0
    assert "site: a backup would stop web and pause job meanwhile; this check lets them run" in done.stdout
    assert "reading the volume twice" in done.stdout
    assert (held.state("web"), held.state("job")) == ("running", "running")
    assert held.api.inspect_container("web")["State"]["StartedAt"] == begun
    assert points(folder_workshop) == []


def test_what_changes_while_it_is_read_is_told_in_the_report(
    folder_workshop: Workshop, docker_engine: ContainerEngine
) -> None:
    folder = docker_engine.volume("site")
    fill(folder, files=2)
    (folder / "counter").write_text("0" * 40)
    docker_engine.run(
        "web", "site", "while :; do i=$((i+1)); echo $i | dd of=/v/counter conv=notrunc 2>/dev/null; done"
    )
    configure(folder_workshop, {"name": "site"})

    done = folder_workshop.invoke("backup")
    report = folder_workshop.document("backup")

    (volume,) = report["volumes"]
    assert volume["verdict"] == "passed"
    assert [text for text in volume["changing"] if text.startswith("counter: ")]
    assert "site: written to while it was read" in done.stdout
    assert {point.recorded.changing for point in points(folder_workshop)} == {1}


def test_a_program_of_the_machine_itself_that_writes_is_noticed(
    folder_workshop: Workshop, docker_engine: ContainerEngine
) -> None:
    """No container uses the volume."""
    folder = docker_engine.volume("site")
    fill(folder, files=2)
    program = "i=0; while :; do i=$((i+1)); printf %040d $i | dd of=counter conv=notrunc 2>/dev/null; done"
    (folder / "counter").write_text("0" * 40)

    with subprocess.Popen(["sh", "-c", program], cwd=folder) as writer:
        try:
            report = back_up_here(folder_workshop, [VOLUME_ALONE])
        finally:
            writer.kill()

    (volume,) = report.volumes
    assert volume.error is None
    assert [text for text in volume.changing or () if text.startswith("counter: ")]


def test_who_comes_to_write_while_a_volume_is_read_makes_it_be_read_again(
    folder_workshop: Workshop, docker_engine: ContainerEngine
) -> None:
    folder = docker_engine.volume("site")
    fill(folder, files=2)
    told: list[str] = []

    def watch(event: Event) -> None:
        told.append(event.text)
        if event.text == "reading the volume once, as it keeps still":
            docker_engine.run("late", "site")
        if event.text.startswith("reading it a second time"):
            (folder / "small-000").write_text("meanwhile")

    docker_engine.create("web", "site")
    held = [Volume(name="site", pause=("web",))]
    report = back_up_here(folder_workshop, held, watch)

    (volume,) = report.volumes
    assert "reading it a second time, as late came to use it meanwhile" in told
    assert volume.error is None
    assert [text for text in volume.changing or () if text.startswith("small-000: ")]


def test_a_check_tells_how_much_changed_and_stores_nothing(
    folder_workshop: Workshop, docker_engine: ContainerEngine
) -> None:
    folder = docker_engine.volume("site")
    fill(folder)
    configure(folder_workshop, {"name": "site"})
    folder_workshop.invoke("backup")
    (folder / "large-004").write_bytes(b"other")

    checked = folder_workshop.document("backup", "--check")

    (volume,) = checked["volumes"]
    assert checked["backup"]["check"] is True
    assert 0 < volume["changed"] < 0.1
    assert volume["files"] == 40
    assert len(points(folder_workshop)) == 1
    assert docker_engine.names() == set()


@pytest.mark.long
def test_two_volumes_that_stop_the_same_container_do_so_one_after_the_other(
    folder_workshop: Workshop, held: ContainerEngine
) -> None:
    fill(held.volume("other"), files=2)
    seen: list[str] = []

    def watch(event: Event) -> None:
        if event.text == "reading the volume once, as it keeps still":
            seen.append(held.state("web"))

    volumes = [VOLUME, Volume(name="other", stop=("web",))]
    report = back_up_here(folder_workshop, volumes, watch)

    assert [volume.error for volume in report.volumes] == [None, None]
    assert seen == ["exited", "exited"]
    assert held.state("web") == "running"


@pytest.mark.long
def test_a_container_to_stop_that_is_not_there_fails_the_volume_before_anything_is_stopped(
    folder_workshop: Workshop, held: ContainerEngine
) -> None:
    configure(folder_workshop, {"name": "site", "stop": ["web", "wep"]})
    begun = held.api.inspect_container("web")["State"]["StartedAt"]

    done = folder_workshop.invoke("backup")

    assert done.returncode == 1
    assert "there is no container of that name; there is web" in done.stdout
    assert held.api.inspect_container("web")["State"]["StartedAt"] == begun
