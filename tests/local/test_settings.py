from __future__ import annotations

import copy
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from invoke.util import yaml  # type: ignore[attr-defined]

from local import settings
from local.errors import ConfigError

DEPLOYMENT: dict[str, Any] = yaml.safe_load(Path("invoke.yaml").read_text())  # type: ignore[no-untyped-call]


SINGLE_VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates()
KEYS = st.text() | st.integers() | st.none()
JSON_LIKE = st.recursive(
    SINGLE_VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def places(value: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """The keys that lead to each value below `value`, and to itself."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in items for place in places(item, (*path, key)))]


def changed(path: str, value: object) -> dict[str, Any]:
    config = copy.deepcopy(DEPLOYMENT)
    *parents, last = path.split(".")
    here: Any = config
    for part in parents:
        here = here[int(part)] if part.isdigit() else here[part]
    if last.isdigit():
        here[int(last)] = value
    else:
        here[last] = value
    return config


def test_the_committed_deployment_is_valid() -> None:
    found = settings.load(DEPLOYMENT)

    assert [database.name for database in found.databases] == ["mission-control", "hivemind", "costs", "knowledge"]
    assert found.databases[0].path == Path.home() / "system/databases/mission-control.db"
    assert found.databases[0].rows == {"tasks": 10000}
    assert found.azure.vms == ("vm-alai-support",)


def test_invokes_own_keys_are_left_alone() -> None:
    settings.load({**DEPLOYMENT, "run": {"echo": False}}, foreign=["run"])


def test_a_list_of_vms_is_taken() -> None:
    assert settings.load(changed("azure.vm", ["a", "b"])).azure.vms == ("a", "b")


def test_a_database_may_lie_anywhere_below_an_absolute_path() -> None:
    assert settings.load(changed("databases.0.path", "/a b/ü.db")).databases[0].path == Path("/a b/ü.db")


@pytest.mark.parametrize(
    ("path", "value", "where", "said"),
    [
        ("databse", [], "databse", "did you mean databases?"),
        ("store.ulr", "x", "store.ulr", "did you mean url?"),
        ("databases.1.row", {}, "databases[1].row", "did you mean rows?"),
        ("azure.endpoints.arm", "x", "azure.endpoints.arm", "authority, resource_manager, graph"),
        ("databases.2.name", "hivemind", "databases[2].name", "databases[1] has it"),
        ("databases.1.name", "Hive", "databases[1].name", "[a-z0-9][a-z0-9._-]*"),
        ("databases.1.name", "../x", "databases[1].name", "[a-z0-9][a-z0-9._-]*"),
        ("databases.1.path", "x/y.db", "databases[1].path", "absolute"),
        ("databases.1.rows", {"t": 1.5}, "databases[1].rows.t", "whole number"),
        ("databases.1.rows", {"t": True}, "databases[1].rows.t", "whole number"),
        ("databases.1.checks", {"t": "DELETE FROM t"}, "databases[1].checks.t", "one SELECT"),
        ("databases.1.checks", {"t": "DELETE FROM t"}, "databases[1].checks.t", "it begins with DELETE"),
        ("databases.1.checks", {"t": 1}, "databases[1].checks.t", "text"),
        ("databases.1.checks", {"t\n": "SELECT 1"}, "databases[1].checks", "can be shown"),
        ("databases.1.checks", {" ": "SELECT 1"}, "databases[1].checks", "can be shown"),
        ("databases.1.rows", {"t": "7"}, "databases[1].rows.t", "whole number"),
        ("databases.1.rows", {"t": -1}, "databases[1].rows.t", "whole number"),
        ("databases", [], "databases", "at least one"),
        ("databases", {}, "databases", "a list"),
        ("databases.0", "x", "databases[0]", "a mapping"),
        ("store", None, "store", "a mapping"),
        ("store", ["x"], "store", "a mapping"),
        ("databases.0", None, "databases[0]", "a mapping"),
        ("databases.0.path", 7, "databases[0].path", "an absolute path"),
        ("databases.0.path", "~nobody-has-this-name/x.db", "databases[0].path", "an absolute path"),
        ("databases.1.rows", ["t"], "databases[1].rows", "a mapping"),
        ("databases.1.rows", {"a.b": -1}, "databases[1].rows.a.b", "whole number"),
        ("databases.1.rows", {"2020": None}, "databases[1].rows.2020", "whole number"),
        ("databases.1.rows", {"a": {"b": 1}}, "databases[1].rows.a", "whole number"),
        ("databases.1.rows", {2020: 5}, "databases[1].rows", "put 2020 in quotes"),
        ("databases.1.probe", "", "databases[1].probe", "a command in words"),
        ("databases.1.probe", "node 'mc.js list", "databases[1].probe", "sh -c"),
        ("restore", {"keep_copies": 0}, "restore.keep_copies", "from 1 to 1000"),
        ("restore", {"probe_seconds": 0}, "restore.probe_seconds", "a number above 0"),
        ("restore", {"keep": 3}, "restore.keep", "keep_copies"),
        ("databases.1", {7: 5}, "databases[1].7", "known keys here: name, path, rows, checks, probe"),
        ("azure.endpoints", [], "azure.endpoints", "a mapping"),
        ("azure.tenant", 5, "azure.tenant", "text"),
        ("azure.vm", 5, "azure.vm", "text that is not empty, or a list"),
        ("azure.vm", {"a": "b"}, "azure.vm", "text that is not empty, or a list"),
        ("azure.vm", ["a", ""], "azure.vm[1]", "text that is not empty"),
        ("drill.max_age_days", 10**400, "drill.max_age_days", "a number above 0"),
        ("store.url", "https://[x", "store.url", "CONTAINER"),
        ("store.url", "http://example.org/c", "store.url", "http for loopback hosts only"),
        ("store.url", "ftp://example.org/c", "store.url", "file:///"),
        ("store.url", "file://relative/x", "store.url", "file:///"),
        ("store.url", "https://alaibackups.blob.core.windows.net/", "store.url", "CONTAINER"),
        ("store.prefix", "../up", "store.prefix", "folder names"),
        ("azure.cloud", "publik", "azure.cloud", "public | usgov | china | custom"),
        ("azure.cloud", "custom", "azure.endpoints.authority", "https URL"),
        ("azure.endpoints.graph", "https://graph.example", "azure.endpoints.graph", "nothing, unless"),
        ("azure.vm", ["a", "a"], "azure.vm[1]", "each VM once"),
        ("drill.fallback", "yes", "drill.fallback", "true or false"),
        ("drill.max_age_days", 0, "drill.max_age_days", "a number above 0"),
        ("volumes", {"name": "x"}, "volumes", "a list"),
        ("volumes", [{"name": "../x"}], "volumes[0].name", "[a-zA-Z0-9]"),
        ("volumes", [{"name": "Costs"}], "volumes[0].name", "a name of its own; databases["),
        ("volumes", [{"name": "x"}, {"name": "x"}], "volumes[1].name", "a name of its own; volumes[0] has it"),
        ("volumes", [{"name": "x", "stop": ["a"], "pause": ["a"]}], "volumes[0].pause", "not in volumes[0].stop"),
        ("volumes", [{"name": "x", "stop": "a"}], "volumes[0].stop", "a list"),
        ("volumes", [{"name": "x", "halt": []}], "volumes[0].halt", "stop"),
    ],
)
def test_a_mistake_names_its_key_and_what_is_allowed(path: str, value: object, where: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings.load(changed(path, value))

    assert caught.value.doing == f"configuration: {where}"
    assert said in caught.value.mend
    assert caught.value.exit_code == 2


def test_volumes_stand_beside_the_databases_and_either_is_selected_by_name() -> None:
    found = settings.load(changed("volumes", [{"name": "Grafana_data", "pause": ["grafana"]}]))

    assert found.names[-1] == "Grafana_data"
    assert found.select(["Grafana_data"]) == ()
    assert found.select_volumes(["Grafana_data"]) == found.volumes == found.select_volumes([])
    assert found.select_volumes([found.databases[0].name]) == ()
    with pytest.raises(ConfigError, match="grafana-data"):
        found.select_volumes(["grafana-data"])


def test_a_missing_key_is_named() -> None:
    config = copy.deepcopy(DEPLOYMENT)
    del config["databases"][3]["path"]

    with pytest.raises(ConfigError, match=r"databases\[3\]\.path: is missing"):
        settings.load(config)


def test_a_secret_in_the_store_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigError) as caught:
        settings.load(changed("store.url", "https://a.blob.core.windows.net/c?sp=r&sig=c2VjcmV0"))

    assert "c2VjcmV0" not in f"{caught.value} {caught.value.mend}"


@given(place=st.sampled_from([place for place in places(DEPLOYMENT) if place]), value=JSON_LIKE)
@example(place=("databases", 0, "path"), value="~\0")
@example(place=("azure", "endpoints", "graph"), value="https://[")
def test_whatever_stands_there_is_taken_or_is_a_config_error(place: tuple[Any, ...], value: object) -> None:
    config = copy.deepcopy(DEPLOYMENT)
    *parents, last = place
    here: Any = config
    for part in parents:
        here = here[part]
    here[last] = value

    with suppress(ConfigError):
        settings.load(config)
