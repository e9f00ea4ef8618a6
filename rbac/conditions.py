"""Conditions of role assignments (Azure ABAC), as far as one question needs: does this one touch this action?

A condition is worked out with three values, since nothing is known here of the attributes that it compares:
`ActionMatches{'…'}` is true or false, everything else is open. Only a condition that is true whatever comes of the open
parts leaves an action alone; one that is not understood is taken to restrict it.
https://learn.microsoft.com/azure/role-based-access-control/conditions-format
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<action>ActionMatches\s*\{\s*'(?P<pattern>[^'{}]*)'\s*\})
      | (?P<and>&&|AND\b)
      | (?P<or>\|\||OR\b)
      | (?P<not>!|NOT\b)
      | (?P<open>\()
      | (?P<close>\))
      | (?P<other>'[^']*'|\{(?:[^{}']|'[^']*')*\}|@\w+(?:\[[^\]]*\])?|[\w.:*<>$-]+)
    )""",
    re.IGNORECASE | re.VERBOSE,
)
Matches = Callable[[str], bool]
# A kind of token, and the pattern of an `ActionMatches`.
_Token = tuple[str, str]


def restricts(condition: str | None, matches: Matches) -> bool:
    """Whether the condition may refuse an action; `matches` tells whether a pattern of actions is about that action."""
    if not condition:
        return False
    try:
        return _Reader(condition, matches).whole() is not True
    except (ValueError, RecursionError):
        return True


class _Reader:
    """Reads one condition from left to right; a ValueError is a text that is no condition as Azure documents them."""

    def __init__(self, condition: str, matches: Matches) -> None:
        self._tokens = deque(_tokens(condition))
        self._matches = matches

    def whole(self) -> bool | None:
        value = self._expression()
        if self._tokens:
            raise ValueError(f"{self._tokens[0]} after the end")
        return value

    def _expression(self) -> bool | None:
        """Terms joined by AND or by OR; Azure asks for parentheses where both are used."""
        values = [self._term()]
        joint = self._next_kind()
        while self._tokens and self._next_kind() in ("and", "or"):
            if self._tokens.popleft()[0] != joint:
                raise ValueError("AND and OR without parentheses")
            values.append(self._term())
        decisive = joint == "or"
        if decisive in values:
            return decisive
        return None if None in values else not decisive

    def _term(self) -> bool | None:
        kind, pattern = self._take()
        if kind == "not":
            value = self._term()
            return None if value is None else not value
        if kind == "open":
            value = self._expression()
            if self._take()[0] != "close":
                raise ValueError("a parenthesis is not closed")
            return value
        if kind == "action":
            return self._matches(pattern)
        if kind != "other":
            raise ValueError(f"{kind} where a term should be")
        while self._next_kind() == "other":
            self._take()
        return None

    def _next_kind(self) -> str:
        return self._tokens[0][0] if self._tokens else ""

    def _take(self) -> _Token:
        if not self._tokens:
            raise ValueError("it ends too early")
        return self._tokens.popleft()


def _tokens(condition: str) -> Iterator[_Token]:
    text, at = condition.rstrip(), 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise ValueError(f"not understood: {text[at : at + 20]}")
        (kind,) = [name for name, value in found.groupdict().items() if value is not None and name != "pattern"]
        yield kind, found["pattern"] or ""
        at = found.end()
