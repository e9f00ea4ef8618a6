"""Text without its secrets: what every message, log line and report goes through before a person sees it."""

from __future__ import annotations

import os
import re

SECRET_VARIABLES = (
    "PILLAR9_PRINCIPAL_CLIENT_SECRET",
    "AZURE_CLIENT_SECRET",
    "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "AZURE_PASSWORD",
    "AZURE_STORAGE_KEY",
    "AZURE_STORAGE_SAS_TOKEN",
    "AZURE_STORAGE_CONNECTION_STRING",
)
_SECRETS = (
    (re.compile(r"((?:https?://|\burl: /)[^\s'\"<>?]+)\?[^\s'\"<>]*"), r"\1?…"),
    (re.compile(r"\b(sig|client_secret|AccountKey|SharedAccessSignature|password)(=|%3D)[^\s&;'\"]+", re.I), r"\1=…"),
    (re.compile(r"\b(Bearer|SharedKey)\s+[^\s'\"]+", re.I), r"\1 …"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), "…"),
    (re.compile(r"[A-Za-z0-9+/]{86}=="), "…"),
)


def scrub(text: str) -> str:
    """`text` without query strings, signatures, tokens, account keys and the secrets that our environment holds."""
    for name in SECRET_VARIABLES:
        if len(os.environ.get(name, "")) >= 4:
            text = text.replace(os.environ[name], "…")
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text
