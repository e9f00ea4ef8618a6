"""What Azure answered instead of doing what was asked, and a table's row that says what a person must do about it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

# "sas" is the blob service too, in a call that a SAS signed; "login" is Entra ID and azure-identity, "network" nobody.
Service = Literal["login", "network", "blob", "sas", "arm", "graph"]
BLOB: tuple[Service, ...] = ("blob", "sas")
ARM: tuple[Service, ...] = ("arm",)
GRAPH: tuple[Service, ...] = ("graph",)
LOGIN: tuple[Service, ...] = ("login",)
NETWORK: tuple[Service, ...] = ("network",)


@dataclass(frozen=True)
class Refusal:
    """The facts of one refusal: who refused, with which HTTP status (0: none) and code, in which words.

    `scope` is the resource id or URL that the call was about, `action` the right that Azure, or the kind of call, names
    as missing, `holder` the caller's object id.
    """

    service: Service
    status: int
    code: str
    text: str
    scope: str
    action: str | None = None
    holder: str | None = None

    @property
    def names(self) -> dict[str, str]:
        """What a row's mend may name; a word in angle brackets stands for what is not known."""
        host, path = urlsplit(self.scope).hostname or "", urlsplit(self.scope).path.strip("/")
        vm = re.search(r"/resourceGroups/([^/]+)(?:/providers/Microsoft\.Compute/virtualMachines/([^/]+))?", self.scope)
        return {
            "scope": self.scope,
            "code": self.code or f"HTTP {self.status}",
            "action": self.action or "this right",
            "holder": self.holder or "<object id>",
            "account": host.split(".")[0] if ".blob." in host else "<account>",
            "container": path.rpartition("/")[2] or "<container>",
            "group": (vm and vm[1]) or "<resource group>",
            "vm": (vm and vm[2]) or "<vm>",
        }


@dataclass(frozen=True)
class Row:
    """What one kind of refusal means, and what mends it.

    It fits a refusal by one of `services` whose code, or else whose HTTP status, matches `code` whole, and whose words
    hold `text` (both are regular expressions). `means` is empty where Azure's own words say enough. `mend` may name in
    braces what `Refusal.names` and the named groups of `text` hold.
    """

    services: tuple[Service, ...]
    code: str
    mend: str
    means: str = ""
    text: str = ""

    def names(self, refusal: Refusal) -> Mapping[str, str] | None:
        """What this row can name of the refusal; None where it does not fit."""
        coded = re.fullmatch(self.code, refusal.code) or re.fullmatch(self.code, str(refusal.status))
        found = re.search(self.text, refusal.text, re.IGNORECASE)
        if refusal.service not in self.services or not coded or not found:
            return None
        return {**refusal.names, **found.groupdict()}


@dataclass(frozen=True)
class Advice:
    """What a refusal means and what mends it, by which row."""

    means: str
    mend: str
    row: Row = field(repr=False)


def advise(rows: Iterable[Row], refusal: Refusal) -> Advice | None:
    """What the first of `rows` that fits says; None where none does."""
    for row in rows:
        names = row.names(refusal)
        if names is not None:
            return Advice(row.means.format_map(names), row.mend.format_map(names), row)
    return None
