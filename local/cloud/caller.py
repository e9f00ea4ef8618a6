"""Whom a token speaks of: the claims that it carries, read without verifying them."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Caller:
    """Who makes a call in Azure; None for what the token, or the error that names the caller, does not say."""

    name: str | None = None
    app_id: str | None = None
    object_id: str | None = None
    tenant: str | None = None

    def __str__(self) -> str:
        ids = (("application id", self.app_id), ("object id", self.object_id))
        told = ", ".join(f"{label} {value}" for label, value in ids if value)
        return f"{self.name or 'the caller'} ({told})" if told else self.name or "the caller"


def caller_of_token(token: str) -> Caller:
    """The caller in a token's claims, unverified: they are told to a person and open nothing.

    A token that cannot be read tells nothing, which is no error.
    """
    body = token.split(".")[1] if token.count(".") == 2 else ""
    try:
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (ValueError, binascii.Error):
        return Caller()
    name = claims.get("app_displayname") or claims.get("upn") or claims.get("unique_name")
    return Caller(name, claims.get("appid"), claims.get("oid"), claims.get("tid"))
