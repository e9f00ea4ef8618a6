"""The colours of a terminal's text, chosen so that each can be read on a light and on a dark background.

A terminal's own sixteen are whatever its theme makes of them: its yellow on white is all but invisible. These are of
the fixed part of the 256 (https://en.wikipedia.org/wiki/ANSI_escape_code#8-bit), of a middle brightness. A test
computes their contrast with the usual backgrounds. Nothing is told by colour alone.
"""

from __future__ import annotations

from collections.abc import Mapping

# As the callers call them, in rich's words.
SHADES: Mapping[str, str] = {
    "green": "color(28)",
    "red": "color(196)",
    "bold red": "bold color(196)",
    "yellow": "color(166)",
    "magenta": "color(163)",
    "cyan": "color(31)",
    "bold": "bold",
    "": "",
}
_VERDICTS = {
    "passed": "green",
    "pass": "green",
    "FAIL": "bold red",
    "ok": "green",
    "✓": "green",
    "failed": "bold red",
    "late": "bold red",
    "✗": "bold red",
    "inconclusive": "yellow",
    "changed": "yellow",
    "?": "yellow",
}


def shade(name: str, color_system: str | None) -> str:
    """The style in rich's words, on a terminal of rich's `color_system`; one of sixteen colours has no orange."""
    if color_system == "standard":
        return name.replace("yellow", "magenta")
    return SHADES[name]


def of_verdict(text: str) -> str:
    """The colour's name for a text that begins with a verdict, what one would be, or its mark; none for any other."""
    word = text.removeprefix("would ").partition(" ")[0]
    return _VERDICTS.get(word, "")
