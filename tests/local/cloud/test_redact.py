"""No secret is in what a person, a log or a report is told."""

from __future__ import annotations

import pytest

from local.cloud.redact import SECRET_VARIABLES, scrub


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        (
            "GET https://a.blob.core.windows.net/b/c?sv=1&sig=abc%3D failed",
            "GET https://a.blob.core.windows.net/b/c?… failed",
        ),
        ("exceeded with url: /b/c?se=2026&sig=abc", "exceeded with url: /b/c?…"),
        ("the SAS is sv=2024&sig=abc%2Fdef&se=1", "the SAS is sv=2024&sig=…&se=1"),
        ("Authorization: Bearer abc.def.ghi", "Authorization: Bearer …"),
        ("Authorization: SharedKey name:abc=", "Authorization: SharedKey …"),
        ("token eyJhbGciOi.eyJvaWQi.sig-na_ture end", "token … end"),
        ("AccountName=a;AccountKey=abc==;EndpointSuffix=x", "AccountName=a;AccountKey=…;EndpointSuffix=x"),
        ("client_secret=abc&grant_type=x", "client_secret=…&grant_type=x"),
        (f"key {'A' * 86}== end", "key … end"),
        ("nothing secret: /subscriptions/x?", "nothing secret: /subscriptions/x?"),
    ],
)
def test_secrets_are_scrubbed_from_foreign_text(dirty: str, clean: str) -> None:
    assert scrub(dirty) == clean


def test_what_the_environment_holds_is_scrubbed_wherever_it_turns_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "hunter2~hunter2")

    assert scrub("the value hunter2~hunter2 is wrong") == "the value … is wrong"


@pytest.mark.parametrize("name", SECRET_VARIABLES)
def test_each_variable_that_may_hold_a_secret_is_scrubbed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "abcd")

    assert scrub("before abcd after") == "before … after"


def test_a_value_too_short_to_be_a_secret_leaves_the_text_readable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "a")

    assert scrub("a plain sentence") == "a plain sentence"


def test_what_is_scrubbed_once_stays_as_it_is() -> None:
    once = scrub("GET https://a.blob.core.windows.net/b/c?sv=1&sig=abc%3D failed: Bearer abc.def.ghi")

    assert scrub(once) == once
