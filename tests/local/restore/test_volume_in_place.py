"""`restore NAME --live` and `--rollback` of a volume, with real engines: kept, replaced, read back, put back."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.local.restore.volumes import shelve
from tests.local.unpack.trees import look
from tests.support.container_engines import ContainerEngine
from tests.support.terminal import log_lines
from tests.support.volume_archives import make_volume, tar_of
from tests.support.workshop import Workshop, make_database

NAME = "grafana-data"
WHEN_NS = 1_700_000_000_000_000_000


@pytest.fixture
def backup(folder_workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of which the store has a backup as of the volume; what is kept goes to a folder of the test's."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    tree = make_volume(tmp_path / "tree")
    for path in [*tree.rglob("*"), tree]:
        os.utime(path, ns=(WHEN_NS, WHEN_NS), follow_symlinks=False)
    shelve(folder_workshop, NAME, tar_of(tree))
    folder_workshop.add("other")
    folder_workshop.more["volumes"] = [{"name": NAME}]
    return tree


@pytest.fixture(params=["docker", pytest.param("podman", marks=pytest.mark.long)])
def an_engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ContainerEngine]:
    """One of the two, the other in the long suite."""
    running: ContainerEngine = request.getfixturevalue(f"{request.param}_session")
    monkeypatch.setenv("DOCKER_HOST", running.url)
    yield running
    running.clear()


@pytest.fixture
def live(an_engine: ContainerEngine) -> Path:
    """Where the files of the live volume are, which holds something else."""
    path = an_engine.volume(NAME, {"of": "the application"})
    (path / "written since").write_bytes(b"today")
    (path / "latest").mkdir()
    os.utime(path / "written since", ns=(WHEN_NS, WHEN_NS))
    return path


def kept(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "data").rglob("*.tar.gz"))


def test_a_volume_becomes_the_backup_and_the_rollback_what_it_was(
    folder_workshop: Workshop, an_engine: ContainerEngine, backup: Path, live: Path, tmp_path: Path
) -> None:
    before = look(live)
    shown = folder_workshop.invoke("restore", NAME, "--live", "--check")
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert look(live) == before
    asked = folder_workshop.invoke("restore", NAME, "--live")
    assert (asked.returncode, "--yes" in asked.stderr) == (2, True)

    done = folder_workshop.invoke("restore", NAME, "--live", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    now = an_engine.folder(NAME)
    assert look(now) == look(backup)
    assert an_engine.api.inspect_volume(NAME)["Labels"] == {"of": "the application"}
    (copy,) = kept(tmp_path)
    assert (copy.stat().st_mode & 0o777, copy.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert log_lines(done.stdout)[-1].endswith("--rollback")

    back = folder_workshop.document("restore", NAME, "--rollback", "--yes")
    assert back["restore"]["verdict"] == "passed"
    assert back["rows"]["files"] == {"before": len(look(backup)) - 1, "restored": 2}
    assert sorted(path.name for path in an_engine.folder(NAME).iterdir()) == ["latest", "written since"]
    assert look(an_engine.folder(NAME))[b"written since"] == before[b"written since"]
    assert len(kept(tmp_path)) == 2


@pytest.mark.parametrize("running", [True, pytest.param(False, marks=pytest.mark.long)])
@pytest.mark.usefixtures("backup")
def test_a_volume_that_a_container_refers_to_is_refused_and_the_container_named(
    folder_workshop: Workshop, an_engine: ContainerEngine, live: Path, running: bool
) -> None:
    before = look(live)
    if running:
        an_engine.run("grafana", NAME)
    else:
        an_engine.create("grafana", NAME)
    for options in (["--check"], ["--yes"]):
        told = folder_workshop.invoke("restore", NAME, "--live", *options)
        assert told.returncode == 4
        assert "grafana" in told.stdout + told.stderr
        assert "docker compose down" in told.stdout + told.stderr
    assert look(live) == before


def test_a_volume_that_the_engine_does_not_have_is_made_by_a_person(
    folder_workshop: Workshop, an_engine: ContainerEngine, backup: Path
) -> None:
    told = folder_workshop.invoke("restore", NAME, "--live", "--yes")
    assert told.returncode == 4
    assert f"docker volume create {NAME}" in told.stderr
    an_engine.volume(NAME)
    assert folder_workshop.invoke("restore", NAME, "--live", "--yes").returncode == 0
    assert look(an_engine.folder(NAME)) == look(backup)


@pytest.mark.usefixtures("backup")
def test_nothing_was_kept_is_told(folder_workshop: Workshop, an_engine: ContainerEngine) -> None:
    an_engine.volume(NAME)
    told = folder_workshop.invoke("restore", NAME, "--rollback", "--yes")
    assert told.returncode == 2
    assert f"restore {NAME} --live" in told.stderr


@pytest.mark.usefixtures("backup")
def test_no_engine_is_an_error_that_names_the_socket(
    folder_workshop: Workshop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    told = folder_workshop.document("restore", NAME, "--live", "--yes")
    assert told["error"]["exit_code"] == 1
    assert "nobody.sock" in json.dumps(told)


def test_what_was_backed_up_comes_back_into_a_folder_and_into_the_volume(
    folder_workshop: Workshop, an_engine: ContainerEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    path = an_engine.volume(NAME)
    (path / "plugins").mkdir(mode=0o750)
    (path / "plugins/panel.js").write_text("panel")
    (path / "link").symlink_to("plugins/panel.js")
    os.link(path / "plugins/panel.js", path / "same")
    make_database(path / "grafana.db", 100)
    for each in (path / "plugins/panel.js", path / "plugins", path / "grafana.db"):
        if an_engine.name == "docker":  # Podman tells no owners
            os.chown(each, 472, 472)
    for each in [*path.rglob("*"), path]:
        os.utime(each, ns=(WHEN_NS, WHEN_NS), follow_symlinks=False)
    folder_workshop.more["volumes"] = [{"name": NAME}]
    made = folder_workshop.invoke("backup")
    assert made.returncode == 0, made.stdout + made.stderr
    before = {name: about for name, about in look(path).items() if b"grafana.db" not in name}
    (path / "plugins/panel.js").write_text("overwritten by mistake")
    (path / "link").unlink()

    folder = folder_workshop.invoke("restore", NAME, "--to", str(tmp_path / "back"))
    assert folder.returncode == 0, folder.stdout + folder.stderr
    live = folder_workshop.invoke("restore", NAME, "--live", "--yes")
    assert live.returncode == 0, live.stdout + live.stderr
    for place in (tmp_path / "back", an_engine.folder(NAME)):
        found = look(place)
        assert {name: about for name, about in found.items() if b"grafana.db" not in name} == before
        assert found[b"grafana.db"][3] == WHEN_NS
        with closing(sqlite3.connect(f"file:{place}/grafana.db?immutable=1", uri=True)) as connection:
            assert connection.execute("SELECT count(*) FROM tasks").fetchone() == (100,)
