"""Whose settings are in force: FILE, the tracked file, the user's own, and variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from invoke.config import Config

from local import settings
from local.command_line.levels import Levels
from local.errors import ConfigError

TRACKED = """\
store: {url: "https://theirs.blob.core.windows.net/backups"}
databases: [{name: theirs, path: /theirs.db}]
azure: {service_principal: 1a0b3018, vm: their-vm}
drill: {host: ANVIL}
run: {echo: false}
"""
OWN = """\
store:
  url: file:///mine
databases:
  - name: mine
    path: /mine.db
"""


@dataclass(frozen=True)
class Machine:
    """A home folder, a checkout with its tracked file, and a FILE, each with what stands in it."""

    root: Path

    def levels(self, file: str | None, user: str | None = None, variables: Mapping[str, str] | None = None) -> Levels:
        """Read by Invoke as a command would."""
        for name, content in (("tracked/invoke.yaml", TRACKED), ("home/.invoke.yaml", user), ("mine.yaml", file)):
            (self.root / name).parent.mkdir(exist_ok=True)
            if content is not None:
                (self.root / name).write_text(content)
        named = None if file is None else self.root / "mine.yaml"
        config = Config(
            user_prefix=f"{self.root}/home/.",
            system_prefix=f"{self.root}/etc/",
            project_location=self.root / "tracked",
            runtime_path=named,
        )
        config.load_project()
        config.load_runtime()
        config.load_collection(settings.DECLARED)
        return Levels.of(config, variables or {})


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def in_force(levels: Levels, machine: Machine) -> str:
    return levels.in_force().replace(f"{machine.root}/", "")


def test_nothing_of_the_tracked_deployment_gets_into_one_of_its_own(machine: Machine) -> None:
    levels = machine.levels(OWN)

    found = levels.settings()
    assert (found.drill.host, found.azure.service_principal, found.azure.vms) == ("localhost", None, ())
    assert found.databases[0].name == "mine"
    assert in_force(levels, machine) == "mine.yaml, without invoke.yaml"


def test_volumes_and_a_store_are_a_deployment_too(machine: Machine) -> None:
    levels = machine.levels("store: {url: 'file:///mine'}\nvolumes: [{name: grafana-data}]")

    found = levels.settings()
    assert (found.names, found.drill.host) == (("grafana-data",), "localhost")
    assert in_force(levels, machine) == "mine.yaml, without invoke.yaml"


def test_a_file_that_names_neither_is_laid_over_the_tracked_one(machine: Machine) -> None:
    levels = machine.levels("drill: {host: other}")

    found = levels.settings()
    assert (found.drill.host, found.azure.service_principal) == ("other", "1a0b3018")
    assert in_force(levels, machine) == "mine.yaml over invoke.yaml"


def test_the_tracked_file_beats_the_users(machine: Machine) -> None:
    levels = machine.levels(None, user="drill: {host: users}\nbackup: {max_age_hours: 7}")

    found = levels.settings()
    assert (found.drill.host, found.backup.max_age_hours) == ("ANVIL", 7)
    assert in_force(levels, machine) == "invoke.yaml over ~/.invoke.yaml"


def test_the_users_file_holds_below_a_deployment_of_its_own(machine: Machine) -> None:
    levels = machine.levels(OWN, user="drill: {host: users}")

    assert levels.settings().drill.host == "users"
    assert in_force(levels, machine) == "mine.yaml over ~/.invoke.yaml, without invoke.yaml"


def test_a_file_without_a_key_of_ours_is_not_named(machine: Machine) -> None:
    assert in_force(machine.levels("run: {echo: true}", user="run: {pty: true}"), machine) == "invoke.yaml"


def test_a_variable_is_named_where_it_is_in_force(machine: Machine) -> None:
    variables = {"INVOKE_DRILL_HOST": "x", "INVOKE_STORE_URL": "file:///v"}

    levels = machine.levels(OWN, variables=variables)

    assert in_force(levels, machine) == "mine.yaml, without invoke.yaml, INVOKE_DRILL_HOST"
    assert levels.settings().store.url == "file:///mine"
    assert levels.settings().drill.host == "x"


@pytest.mark.parametrize(
    ("file", "missing"),
    [
        ("databases: [{name: a, path: /a.db}]", "store.url"),
        ("databases: [{name: a, path: /a.db}]\nstore: {prefix: x}", "store.url"),
        ("databases: []", "store.url"),
        ("store: {url: 'file:///mine'}", "databases"),
        ("volumes: [{name: grafana-data}]", "store.url"),
    ],
)
def test_half_of_a_deployment_is_a_mistake(file: str, missing: str, machine: Machine) -> None:
    with pytest.raises(ConfigError, match=f"configuration: {missing} .*mine.yaml.*: is missing, while ") as caught:
        machine.levels(file)

    volumes = ", or volumes," if missing == "databases" else ""
    assert caught.value.mend == f"add it{volumes} to {machine.root}/mine.yaml"


@pytest.mark.parametrize(
    ("file", "user", "variables", "told"),
    [
        (OWN + "    row: {}\n", None, {}, "databases[0].row (line 6 of mine.yaml): is not a known key"),
        (OWN + "  - name: other\n", None, {}, "databases[1].path (line 6 of mine.yaml): is missing"),
        (OWN + "drill: {max_age_days: 0}\n", None, {}, "drill.max_age_days (line 6 of mine.yaml): is 0"),
        ("drill: {hosst: x}", None, {}, "drill.hosst (line 1 of mine.yaml): is not a known key"),
        (OWN, "\nbackup: {prove: x}", {}, "backup.prove (line 2 of ~/.invoke.yaml): is 'x'"),
        (OWN, None, {"INVOKE_STORE_PREFIX": ".."}, "store.prefix (INVOKE_STORE_PREFIX): is '..'"),
    ],
)
def test_a_mistake_names_the_file_and_the_line(
    file: str, user: str | None, variables: dict[str, Any], told: str, machine: Machine
) -> None:
    with pytest.raises(ConfigError) as caught:
        machine.levels(file, user, variables).settings()

    assert str(caught.value).replace(f"{machine.root}/", "").startswith(f"configuration: {told}")


def test_what_is_missing_is_to_be_added_to_the_file_in_force(machine: Machine) -> None:
    with pytest.raises(ConfigError) as caught:
        machine.levels(OWN + "  - name: other\n").settings()

    assert caught.value.mend == f"add it to {machine.root}/mine.yaml"


def test_a_file_that_vanished_since_is_not_done_without(machine: Machine) -> None:
    machine.levels(OWN)
    (machine.root / "mine.yaml").unlink()
    config = Config(runtime_path=machine.root / "mine.yaml", user_prefix=f"{machine.root}/home/.")

    with pytest.raises(ConfigError, match="there is no such file"):
        Levels.of(config, {})
