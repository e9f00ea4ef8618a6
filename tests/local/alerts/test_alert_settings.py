"""The section `alerts`: names of variables and files, and never a URL, which no mistake repeats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from local import environment, settings
from local.errors import ConfigError
from local.settings import Settings

REST: dict[str, Any] = {"store": {"url": "file:///store"}, "databases": [{"name": "costs", "path": "/costs.db"}]}


def test_without_the_section_there_are_no_alerts() -> None:
    assert settings.load(REST).alerts is None


def test_each_url_stands_in_a_variable_or_in_a_file() -> None:
    alerts = {"urls_env": "PILLAR9_ALERT_URLS", "ping_file": "~/.config/pillar9/ping", "drill_ping_env": None}

    found = settings.load({**REST, "alerts": alerts}).alerts

    assert found == settings.AlertSettings(
        urls_env="PILLAR9_ALERT_URLS", ping_file=Path.home() / ".config/pillar9/ping", drill_ping_env=None
    )


@pytest.mark.parametrize(
    ("alerts", "path", "told"),
    [
        ({"urls_env": "A", "urls_file": "/a"}, "alerts.urls_env", "not both"),
        ({"ping_env": "A", "ping_file": "/a"}, "alerts.ping_env", "not both"),
        ({"drill_ping_env": "A", "drill_ping_file": "/a"}, "alerts.drill_ping_env", "not both"),
        ({"urls_env": "SECRET-token/1"}, "alerts.urls_env", "no name of a variable"),
        ({"ping_env": "https://hc-ping.com/SECRET"}, "alerts.ping_env", "holds a URL"),
        ({"urls_file": "slack://SECRET/b"}, "alerts.urls_file", "holds a URL"),
        ({"urls_file": "urls"}, "alerts.urls_file", "no absolute path"),
        ({"urls_env": ["slack://SECRET"]}, "alerts.urls_env[0]", "holds a URL"),
        ({"urls_env": {"a": {"b": "slack://SECRET"}}}, "alerts.urls_env.a.b", "holds a URL"),
        ("slack://SECRET", "alerts", "holds a URL"),
        ({"urls_env": ""}, "alerts.urls_env", "allowed: text that is not empty"),
        ({"url_env": "A"}, "alerts.url_env", "did you mean urls_env?"),
    ],
)
def test_a_mistake_is_named_and_no_secret_is_repeated(alerts: object, path: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings.load({**REST, "alerts": alerts})

    text = f"{caught.value}; {caught.value.mend}"
    assert f"configuration: {path}" in text
    assert told in text
    assert "SECRET" not in text


def test_aliases_that_multiply_are_not_followed_without_end() -> None:
    bomb: Any = "x"
    for _ in range(60):
        bomb = [bomb, bomb]

    # It returns at all: two to the power of 60 is what was there to be looked at.
    settings.check_shape(("alerts", "nowhere"), bomb)


def test_variables_set_the_keys_of_a_section_that_is_off_by_default() -> None:
    taken = {"INVOKE_ALERTS_URLS_ENV": "A", "INVOKE_ALERTS_PING_FILE": "/ping", "INVOKE_RETENTION_KEEP_LAST": "3"}

    found = settings.load(environment.overlay(REST, taken, Settings, {}))

    assert found.alerts == settings.AlertSettings(urls_env="A", ping_file=Path("/ping"))
    assert found.retention == settings.RetentionSettings(keep_last=3)


def test_a_variable_that_holds_the_url_itself_is_not_repeated() -> None:
    taken = {"INVOKE_ALERTS_PING_ENV": "https://hc-ping.com/SECRET"}

    with pytest.raises(ConfigError) as caught:
        settings.load(environment.overlay(REST, taken, Settings, {}))

    assert "SECRET" not in f"{caught.value}; {caught.value.mend}"


def test_a_url_that_meets_a_mapping_of_another_file_is_not_repeated_either() -> None:
    with pytest.raises(ConfigError) as caught:
        settings.check_shape(("alerts",), "slack://SECRET")

    assert "SECRET" not in f"{caught.value}; {caught.value.mend}"
