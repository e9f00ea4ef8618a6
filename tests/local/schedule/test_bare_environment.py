"""What a scheduled run finds, and the proof that the store opens there: real processes with launchd's environment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from local.errors import AzureError, ConfigError, PillarError
from local.location import FolderLocation, parse_location
from local.schedule import bare_environment as bare
from local.schedule.bare_environment import Access, own_invoke, refusal, scheduled_environment
from local.schedule.plan import Installation, Job
from tests.local.schedule.values import both
from tests.support.azurite import KEY
from tests.support.fork_server import CHECKOUT
from tests.support.workshop import Workshop

REFUSED = (
    '{"schema": 1, "error": {"kind": "azure", "doing": "log in to Azure", "message": "no login", '
    '"mend": "set AZURE_X", "exit_code": 3}}'
)
AZURE = parse_location("https://alaibackups.blob.core.windows.net/backups")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def job_of(workshop: Workshop) -> Job:
    environment = {"PATH": bare.BARE_PATH}
    here = Installation(own_invoke(), CHECKOUT, workshop.configuration(), workshop.root, environment)
    return both(here=here)[1]


def program(folder: Path, name: str, text: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_of_a_shell_only_paths_are_carried_and_the_folder_in_which_it_finds_az(tmp_path: Path) -> None:
    az = program(tmp_path / "homebrew", "az")
    secrets = {"AZURE_CLIENT_SECRET": "s", "AZURE_STORAGE_KEY": "k", "PILLAR9_PING_URL": "u", "HTTPS_PROXY": "p"}
    shell = {"PATH": f"/nowhere:{az.parent}", "AZURE_CONFIG_DIR": "/c", "SSL_CERT_FILE": "/ca", **secrets}

    assert scheduled_environment(shell) == {
        "PATH": f"{az.parent}:/usr/bin:/bin:/usr/sbin:/sbin",
        "AZURE_CONFIG_DIR": "/c",
        "SSL_CERT_FILE": "/ca",
    }
    assert scheduled_environment({"PATH": "/nowhere"}) == {"PATH": bare.BARE_PATH}


def test_it_says_which_credential_will_be_there(tmp_path: Path, home: Path) -> None:
    az = program(tmp_path / "homebrew", "az")
    job, _ = both()
    without = replace(job, environment={"PATH": str(tmp_path)})
    with_az = replace(job, environment={"PATH": str(az.parent)})

    assert bare.credential(FolderLocation(tmp_path), job) == "none is needed: the store is a folder"
    assert bare.credential(AZURE, without).startswith("a managed identity of this machine (az login's is not there")
    assert bare.credential(AZURE, with_az).startswith("a managed identity of this machine")
    (home / ".azure").mkdir(parents=True)
    assert bare.credential(AZURE, with_az).endswith(f"else the login of {az} in {home}/.azure")
    elsewhere = replace(job, environment={"PATH": str(az.parent), "AZURE_CONFIG_DIR": "/gone"})
    assert bare.credential(AZURE, elsewhere).startswith("a managed identity of this machine")


def test_this_shells_credentials_are_named_and_never_their_values() -> None:
    shell = {"AZURE_STORAGE_KEY": "c2VjcmV0", "AZURE_CONFIG_DIR": "/c", "HOME": "/h"}

    assert bare.left_behind(AZURE, shell) == ("AZURE_STORAGE_KEY",)
    assert bare.left_behind(FolderLocation(Path("/x")), shell) == ()
    assert "AZURE_STORAGE_KEY" in Access(AZURE, "a managed identity", ("AZURE_STORAGE_KEY",)).notes()[0]


def test_a_setting_in_a_variable_is_refused_since_the_scheduler_has_none() -> None:
    found = refusal(both()[1], Access(AZURE, ""), {"INVOKE_STORE_URL": "file:///x"})

    assert isinstance(found, ConfigError)
    assert str(found) == "environment: INVOKE_STORE_URL: is not there when the scheduler runs"


def test_a_store_that_opens_there_is_not_refused_and_not_written_to(folder_workshop: Workshop) -> None:
    folder_workshop.add("costs")

    assert refusal(job_of(folder_workshop), Access(AZURE, "none"), {}) is None
    assert list((folder_workshop.root / "store").iterdir()) == []


def test_a_folder_that_is_not_there_is_refused(folder_workshop: Workshop, tmp_path: Path) -> None:
    """A drill only finds that it holds nothing, and a backup on a disk that is not mounted would fail all night."""
    folder_workshop.add("costs")
    gone = Access(FolderLocation(tmp_path / "gone"), "none")

    found = refusal(job_of(folder_workshop), gone, {})

    assert isinstance(found, ConfigError)
    assert f"the folder {tmp_path}/gone is not there" in str(found)


def test_a_key_that_only_this_shell_has_is_no_login_there(azure_workshop: Workshop) -> None:
    """The shell's AZURE_STORAGE_KEY opens this container; without it nothing does."""
    azure_workshop.add("costs")
    assert list(azure_workshop.store.entries("sqlite")) == []

    found = refusal(job_of(azure_workshop), Access(AZURE, "a managed identity", ("AZURE_STORAGE_KEY",)), {})

    assert isinstance(found, ConfigError | AzureError)
    assert "credential there: a managed identity; of this shell only: AZURE_STORAGE_KEY" in str(found)
    assert KEY not in f"{found} {found.mend}"


def test_a_drill_that_could_not_be_run_is_refused_before_the_month_is_over(folder_workshop: Workshop) -> None:
    folder_workshop.add("costs")
    folder_workshop.more = {"schedule": {"drill": {"command": "drill.remote"}}, "azure": {"vm": "a"}}

    found = refusal(job_of(folder_workshop), Access(AZURE, "none"), {})

    assert isinstance(found, ConfigError)


@pytest.mark.parametrize(
    ("text", "kind", "told"),
    [
        ("echo dyld: no library >&2; exit 134", PillarError, "it ended with 134: dyld: no library"),
        ("exit 3", AzureError, "it ended with 3: it said nothing"),
        (f"echo '{REFUSED}'; exit 3", AzureError, "log in to Azure: no login (credential there: none)"),
        ("echo '{\"schema\": 1}'; exit 2", ConfigError, "it ended with 2"),
    ],
)
def test_a_program_that_does_not_even_start_is_told(
    text: str, kind: type[PillarError], told: str, tmp_path: Path
) -> None:
    job = replace(both()[1], arguments=(str(program(tmp_path, "invoke", text)), "drill.due"), checkout=tmp_path)

    found = refusal(job, Access(AZURE, "none"), {})

    assert type(found) is kind
    assert told in str(found)
    assert "AZURE_X" not in found.mend


def test_one_that_hangs_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bare, "_PROOF_SECONDS", 0.1)
    hanging = program(tmp_path, "invoke", "exec sleep 30")
    job = replace(both()[1], arguments=(str(hanging), "drill.due"), checkout=tmp_path)

    assert "there was no answer" in str(refusal(job, Access(AZURE, "none"), {}))


def test_the_invoke_of_this_environment_is_named_by_its_own_path_and_never_homebrews(tmp_path: Path) -> None:
    cellar = program(tmp_path / "Cellar/python@3.13/bin", "invoke")
    linked = tmp_path / "venv" / "bin"
    program(linked, "invoke")
    (linked / "python").symlink_to(cellar)

    assert own_invoke(str(linked / "python")) == linked / "invoke"
    with pytest.raises(ConfigError, match="goes stale when Homebrew upgrades"):
        own_invoke(str(cellar))
    with pytest.raises(ConfigError, match="there is no"):
        own_invoke(str(tmp_path / "python"))
