"""What a killed restore into a volume left: any command tells it, and ends it where the volume is whole."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from local.errors import InconclusiveError
from local.restore.private_folder import private_folder, private_path
from local.restore.volume_kept import KeptVolumes, RestoreNote
from local.restore.volume_left import is_left_anywhere
from local.restore.volume_plan import VolumeState
from local.restore.volume_recover import recover_volume, sentence
from local.store.shelf import VOLUMES
from local.volumes import refill
from local.volumes.endpoint import Endpoint
from local.volumes.own_folder import own_path
from tests.support.container_engines import ContainerEngine
from tests.support.forked import forked
from tests.support.workshop import Workshop

NAME = "data"
BEGAN = "2026-05-05T12:00:00.000Z"
NOTE = RestoreNote("replacing", False, f"{NAME}.pre-restore-7.tar.gz", BEGAN)
NOBODY = "unix:///nobody.sock"


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> KeptVolumes:
    """One copy, of an engine that is not there: nothing of what is done here needs it."""
    monkeypatch.setenv("DOCKER_HOST", NOBODY)
    made = KeptVolumes.of(NOBODY, NAME)
    (made.folder / NOTE.kept).write_bytes(b"the former content")
    return made


def half_note(url: str, name: str) -> Path:
    return refill._note_of(Endpoint(url, "DOCKER_HOST"), name)


def half_filled(url: str, name: str) -> Path:
    """The engine's own note of a change that was begun."""
    path = half_note(url, name)
    path.write_bytes(msgspec.json.encode(refill._Noted("local", {}, {})))
    return path


@pytest.mark.parametrize(
    ("state", "rollback", "told"),
    [
        ("replacing", False, "before it had replaced the volume, which is as it was"),
        ("committed", False, "after it had replaced the volume, which holds the restored backup; it was not read back"),
        ("committed", True, "which holds the copy that it went back to"),
        ("undoing", False, "while it was rolled back; the volume is whole, but may hold the former"),
    ],
)
def test_one_that_left_the_volume_whole_is_told_once_and_ended(
    kept: KeptVolumes, state: str, rollback: bool, told: str
) -> None:
    kept.write_note(msgspec.structs.replace(NOTE, state=state, rollback=rollback))

    found = str(recover_volume(NAME))

    assert found.startswith(f"the {'rollback' if rollback else 'restore'} that began at {BEGAN} was ended by force ")
    assert told in found
    # A copy of what the volume holds now would be no step back.
    assert [copy.exists() for copy in (kept.folder / NOTE.kept,)] == [state != "replacing"]
    assert (f"{kept.folder / NOTE.kept}; invoke restore {NAME} --rollback" in found) == (state != "replacing")
    assert recover_volume(NAME) is None
    assert kept.note() is None


def test_one_that_may_have_left_it_half_filled_is_told_until_a_person_acts(kept: KeptVolumes) -> None:
    kept.write_note(NOTE)
    half_filled(NOBODY, NAME)

    told = [recover_volume(NAME) for _ in range(2)]

    assert told[0] == told[1] == sentence(kept, NOTE, half=True)
    assert "may be away, empty or half filled" in str(told[0])
    assert f"invoke restore {NAME} --rollback goes back to it, and --live begins anew" in str(told[0])
    assert kept.copies() == [kept.folder / NOTE.kept]


def test_a_copy_of_what_the_volume_holds_now_is_no_step_back(kept: KeptVolumes) -> None:
    older = kept.folder / f"{NAME}.pre-restore-6.tar.gz"
    older.touch()
    newest = kept.folder / NOTE.kept

    def steps_back(note: RestoreNote | None, half: bool) -> list[Path]:
        return VolumeState(kept, note, half, (), None, ()).steps_back

    assert steps_back(NOTE, half=False) == [older]
    assert steps_back(NOTE, half=True) == [newest, older]
    assert steps_back(msgspec.structs.replace(NOTE, state="committed"), half=False) == [newest, older]
    assert steps_back(None, half=False) == [newest, older]


def test_files_of_one_that_never_began_are_cleared_away(kept: KeptVolumes) -> None:
    private = private_path(kept.target)
    private.mkdir(mode=0o700)
    (private / "restored.tar").touch()
    unwritten = [kept.folder / f".{NAME}.restoring.json-x", own_path() / f".{half_note(NOBODY, NAME).name}-x"]
    for path in unwritten:
        path.touch()

    assert "cleared away the files" in str(recover_volume(NAME))
    assert not any(path.exists() for path in (private, *unwritten))
    assert recover_volume(NAME) is None


def test_one_that_is_running_is_left_alone(kept: KeptVolumes) -> None:
    def restore(ready: object) -> None:
        with private_folder(kept.target) as private:
            (private / "restored.tar").touch()
            kept.write_note(NOTE)
            ready()  # type: ignore[operator]
            while True:
                pass

    with forked(restore):
        assert recover_volume(NAME) is None
        assert (private_path(kept.target) / "restored.tar").exists()
        assert kept.note() == NOTE
    assert "ended by force" in str(recover_volume(NAME))


def test_a_note_that_is_none_of_ours_touches_nothing(kept: KeptVolumes) -> None:
    (kept.folder / f"{NAME}.restoring.json").write_text("{")
    with pytest.raises(InconclusiveError, match=r"restoring\.json"):
        recover_volume(NAME)
    assert kept.copies() == [kept.folder / NOTE.kept]


def test_where_nothing_was_left_nothing_is_made(folder_workshop: Workshop) -> None:
    folder_workshop.more["volumes"] = [{"name": NAME}]
    assert folder_workshop.invoke("backup.list").returncode == 0
    assert not own_path().parent.exists()


def test_what_was_left_on_another_engine_is_told_where_that_is_asked(
    kept: KeptVolumes, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.write_note(NOTE)
    assert is_left_anywhere(NAME)
    assert not is_left_anywhere("other")
    for asked in ("unix:///another.sock", "what://ever"):
        monkeypatch.setenv("DOCKER_HOST", asked)
        assert recover_volume(NAME) is None
    assert kept.note() == NOTE


def test_the_next_command_says_it_whichever_it_is(folder_workshop: Workshop, kept: KeptVolumes) -> None:
    folder_workshop.more["volumes"] = [{"name": NAME}]
    kept.write_note(msgspec.structs.replace(NOTE, state="committed"))
    refill_note = half_filled(NOBODY, NAME)

    assert "ended by force" not in folder_workshop.invoke("backup", "--check").stdout
    assert "data: the restore that began at" in folder_workshop.invoke("status").stdout
    told = folder_workshop.invoke("backup.list", "--json")
    assert "half filled" in told.stderr
    refill_note.unlink()
    assert "it was not read back to its end" in folder_workshop.invoke("backup.list").stdout
    assert "ended by force" not in folder_workshop.invoke("backup.list").stdout


def test_a_volume_that_may_be_half_filled_is_not_backed_up_as_if_it_were_whole(
    folder_workshop: Workshop, docker_engine: ContainerEngine
) -> None:
    (docker_engine.volume(NAME) / "file").touch()
    folder_workshop.more["volumes"] = [{"name": NAME}]
    kept = KeptVolumes.of(docker_engine.url, NAME)
    kept.write_note(NOTE)
    half_filled(docker_engine.url, NAME)

    backup = folder_workshop.document("backup")
    doctor = folder_workshop.document("doctor")

    (volume,) = backup["volumes"]
    assert volume["verdict"] == "failed"
    assert "half filled" in volume["error"]
    assert list(folder_workshop.repository.on(VOLUMES).points()) == []
    (look,) = [check for check in doctor["checks"] if check["name"] == f"volume {NAME}"]
    assert (look["verdict"], f"restore {NAME} --rollback" in look["mend"]) == ("fail", True)
