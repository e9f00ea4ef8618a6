"""`invoke init`, from a newcomer's folder to the first proven backup."""

from __future__ import annotations

import json
import os
import shlex
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from invoke.util import yaml  # type: ignore[attr-defined]

from local import settings
from local.output.screen import Screen
from local.settings import StoreSettings
from local.setup import destination, first_settings, questions
from local.setup.questions import Wishes
from tests.support.container_engines import ContainerEngine
from tests.support.fork_server import CHECKOUT, run_invoke
from tests.support.terminal import log_lines, run_on_terminal, without_colours
from tests.support.workshop import make_database


@pytest.fixture
def live(tmp_path: Path) -> Path:
    """A folder with two databases, one of which nobody can read."""
    folder = tmp_path / 'live: "data"'
    folder.mkdir()
    make_database(folder / "shop.db")
    (folder / "torn.db").write_bytes(b"SQLite format 3\0" + b"\xaa" * 5000)
    return folder


def test_the_three_commands_that_it_names_end_in_a_proven_backup(store_settings: StoreSettings, tmp_path: Path) -> None:
    live = tmp_path / "live"
    live.mkdir()
    make_database(live / "shop.db")
    file = tmp_path / "my settings.yaml"

    done = run_invoke("init", "--database", str(live), "--store", store_settings.url, "--to", str(file))

    assert done.returncode == 0, done.stderr
    lines = log_lines(done.stdout)
    assert lines[0] == f"store {store_settings.url} (settings: {file}, to be written)"
    told = [line.strip() for line in lines[lines.index("next:") + 1 :]]
    assert [shlex.split(command)[3] for command in told] == ["backup", "drill.local", "backup.list"]
    for command in told:
        done = run_invoke(*shlex.split(command)[1:])
        assert done.returncode == 0, done.stderr
        assert f"(settings: {file}, without invoke.yaml)" in log_lines(done.stdout)[0]
    assert any("shop: taken" in line for line in log_lines(done.stdout))
    assert "ANVIL" not in file.read_text()
    assert "1a0b3018" not in file.read_text()


def test_volumes_are_written_beside_databases_or_alone(tmp_path: Path, docker_engine: ContainerEngine) -> None:
    docker_engine.volume("grafana-data")
    make_database(tmp_path / "shop.db")
    given = ("--database", str(tmp_path / "shop.db"), "--volume", "grafana-data", "--store", str(tmp_path / "store"))

    both = run_invoke("init", *given, "--to", str(tmp_path / "both.yaml"))
    alone = run_invoke("init", *given[2:], "--to", str(tmp_path / "alone.yaml"), "--json")
    wrong = run_invoke("init", "--volume", "grafana", "--store", str(tmp_path), "--to", str(tmp_path / "w.yaml"))

    assert both.returncode == 0, both.stderr
    assert f"wrote {tmp_path}/both.yaml: 1 database and 1 volume to " in both.stdout
    assert settings.load(_parsed((tmp_path / "both.yaml").read_text())).names == ("shop", "grafana-data")
    assert json.loads(alone.stdout)["volumes"] == [{"name": "grafana-data", "unseen": None}]
    listed = run_invoke("-f", str(tmp_path / "alone.yaml"), "backup.list")
    assert (listed.returncode, "no backup of grafana-data" in listed.stdout) == (0, True)
    assert wrong.returncode == 2
    assert "--volume grafana: there is no volume of that name; there is grafana-data" in wrong.stderr


def test_a_volume_is_taken_as_it_is_named_where_no_engine_answers(tmp_path: Path) -> None:
    away = {"DOCKER_HOST": "unix:///nowhere/docker.sock"}
    given = ("init", "--store", str(tmp_path / "store"), "--to", str(tmp_path / "mine.yaml"))

    done = run_invoke(*given, "--volume", "grafana-data", environment=away)
    wrong = run_invoke(*given, "--volume", "no/name", environment=away)

    assert done.returncode == 0, done.stderr
    assert (
        "no engine was asked for grafana-data: docker: reach the engine at unix:///nowhere/docker.sock" in done.stdout
    )
    assert settings.load(_parsed((tmp_path / "mine.yaml").read_text())).names == ("grafana-data",)
    assert wrong.returncode == 2


def test_without_a_terminal_what_is_missing_is_named() -> None:
    done = run_invoke("init", "--store", "/backups", "--json")

    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["message"] == (
        "--database PATH (or --volume NAME) is missing, and no terminal to ask at"
    )


def test_in_a_terminal_what_is_missing_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "live").mkdir()
    make_database(tmp_path / "live/shop.db")
    answers = f"\n{tmp_path}/live\n\n{tmp_path}/store\n"
    command = [sys.executable, "-m", "invoke", "init", "--to", str(tmp_path / "mine.yaml")]

    shown, code = run_on_terminal(80, command, CHECKOUT, {**os.environ, "TERM": "xterm-256color"}, answers)

    assert code == 0, shown
    assert shown.index("Which databases?") < shown.index("Where to?")
    assert without_colours(shown)[-1].strip() == f"invoke -f {tmp_path}/mine.yaml backup.list"


def _parsed(text: str) -> dict[str, object]:
    parsed: dict[str, object] = yaml.safe_load(text)  # type: ignore[no-untyped-call]
    return parsed


def prepare(wishes: Wishes, file: Path) -> first_settings.FirstSettings:
    told: list[str] = []
    return first_settings.prepare(wishes, destination.find(wishes.store), file, told.append)


def test_a_database_that_cannot_be_counted_is_in_the_file_all_the_same(live: Path, tmp_path: Path) -> None:
    found = prepare(Wishes([str(live)], str(tmp_path / "store")), tmp_path / "mine.yaml")
    found.write()

    written = settings.load(_parsed((tmp_path / "mine.yaml").read_text()))
    assert {each.name: dict(each.rows) for each in written.databases} == {"shop": {"tasks": 900}, "torn": {}}
    assert written.drill.host == first_settings.this_machine()
    document = found.document(check=False)
    assert document.databases[1].uncounted
    assert any(note.startswith("torn was not counted, so it has no floor") for note in document.init.notes)
    assert sorted(path.name for path in live.iterdir()) == ["shop.db", "torn.db"]


def test_a_check_shows_the_file_and_changes_nothing(live: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    arguments = ("--database", str(live), "--store", str(tmp_path / "store"), "--to", str(tmp_path / "mine.yaml"))

    done = run_invoke("init", *arguments, "--check")

    assert done.returncode == 0, done.stderr
    first, *between, last = log_lines(done.stdout)
    assert first.endswith("a check, which changes nothing")
    assert '  - name: "shop"' in between
    assert last == f"check: would make the folder {tmp_path}/store; nothing was changed"
    assert sorted(tmp_path.iterdir()) == before


def test_the_document_says_all_of_it(live: Path, tmp_path: Path) -> None:
    found = prepare(Wishes([str(live / "shop.db")], str(tmp_path)), tmp_path / "mine.yaml").document(check=True)

    assert (found.init.check, found.init.made_folder, found.init.store) == (True, None, tmp_path.as_uri())
    assert found.databases == (first_settings.ConfiguredDatabase("shop", str(live / "shop.db"), {"tasks": 900}, None),)
    assert settings.load({**settings.DECLARED, **_parsed(found.init.text)}).databases[0].rows == {"tasks": 900}


def test_nothing_is_made_where_the_file_is_there_already(live: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("mine")
    arguments = ("--database", str(live), "--store", str(tmp_path / "store"), "--to", str(tmp_path / "mine.yaml"))

    done = run_invoke("init", *arguments)

    assert done.returncode == 2
    assert "nothing is overwritten" in done.stderr
    assert (tmp_path / "mine.yaml").read_text() == "mine"
    assert not (tmp_path / "store").exists()


def test_a_secret_in_the_store_is_not_repeated(live: Path, tmp_path: Path) -> None:
    url = "https://account.blob.core.windows.net/c?sig=c2VjcmV0"

    done = run_invoke("init", "--database", str(live), "--store", url, "--to", str(tmp_path / "mine.yaml"))

    assert done.returncode == 2
    assert "c2VjcmV0" not in done.stdout + done.stderr


def test_an_open_databases_writer_is_not_disturbed(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    make_database(path)
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("INSERT INTO tasks (title) VALUES ('not committed')")

        found = prepare(Wishes([str(path)], str(tmp_path / "store")), tmp_path / "mine.yaml")

        assert found.databases[0].rows == {"tasks": 900}
        writer.commit()


def test_all_that_is_given_is_not_asked_for() -> None:
    assert questions.complete(Screen(), ["a.db"], (), "/store") == Wishes(["a.db"], "/store")
    assert questions.complete(Screen(), (), ["wiki"], "/store") == Wishes((), "/store", ["wiki"])
