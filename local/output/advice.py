"""Advised commands as this run's user must give them: with the FILE of settings that is in force."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from shlex import quote
from typing import Any

# These read no settings.
_WITHOUT_SETTINGS = frozenset({"init", "demo", "version", "test", "bench"})
_TRACKED = re.compile(r"(?<![\w/~.-])invoke\.yaml\b")


@dataclass(frozen=True)
class Advice:
    """The FILE in force as the user named it ("" if none), whether by `-f` on this very line, and our commands."""

    file: str = ""
    by_option: bool = False
    commands: Collection[str] = ()

    def __call__(self, text: str) -> str:
        """The text with `-f FILE` in each command of ours that it names, and with FILE in the place of invoke.yaml."""
        if not self.file:
            return text
        named = _TRACKED.sub(lambda _: self.file, text)
        return (
            self._command.sub(lambda found: f"invoke -f {quote(self.file)} {found[1]}", named)
            if self.by_option
            else named
        )

    def in_document(self, document: str) -> str:
        """A JSON document with every `mend` in it advised so."""
        if not self.file or '"mend"' not in document:
            return document
        return json.dumps(self._mended(json.loads(document)), separators=(",", ":"), ensure_ascii=document.isascii())

    @cached_property
    def _command(self) -> re.Pattern[str]:
        names = sorted(set(self.commands) - _WITHOUT_SETTINGS, key=len, reverse=True)
        return re.compile(rf"\binvoke ({'|'.join(map(re.escape, names)) or '(?!)'})(?![\w-]|\.\w)")

    def _mended(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._mended(each) for each in value]
        if not isinstance(value, dict):
            return value
        return {
            key: self(each) if key == "mend" and isinstance(each, str) else self._mended(each)
            for key, each in value.items()
        }
