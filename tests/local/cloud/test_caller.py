"""Whom a token speaks of, as a person is told."""

from __future__ import annotations

import base64
import json

import pytest

from local.cloud.caller import Caller, caller_of_token


def token_of(claims: dict[str, str]) -> str:
    """A token with these claims; a token's base64 has no padding."""
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{body}.signature"


@pytest.mark.parametrize("claim", ["app_displayname", "upn", "unique_name"])
def test_an_application_and_a_person_are_named_by_their_claims(claim: str) -> None:
    token = token_of({claim: "backup ü", "appid": "an-app", "oid": "an-object", "tid": "a-tenant"})

    assert caller_of_token(token) == Caller("backup ü", "an-app", "an-object", "a-tenant")


@pytest.mark.parametrize(
    ("caller", "told"),
    [
        (Caller(), "the caller"),
        (Caller(name="backup"), "backup"),
        (Caller(app_id="a"), "the caller (application id a)"),
        (Caller("backup", "a", "o", "t"), "backup (application id a, object id o)"),
    ],
)
def test_a_caller_is_told_by_what_is_known(caller: Caller, told: str) -> None:
    assert str(caller) == told


@pytest.mark.parametrize("text", ["", "opaque", "a.b.c", "a.!!!.c", "a.eyJ.c"])
def test_a_token_that_tells_nothing_is_no_error(text: str) -> None:
    assert str(caller_of_token(text)) == "the caller"
