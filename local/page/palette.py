"""The page's colours in both modes. A test holds that each text and each line can be told from what it stands on
(WCAG 2.2 AA: 4.5 to 1 for text, 3 to 1 for graphics, https://www.w3.org/TR/WCAG22/#contrast-minimum).
"""

from __future__ import annotations

from collections.abc import Mapping

LIGHT: Mapping[str, str] = {
    "page": "#f4f6f8",
    "card": "#ffffff",
    "ink": "#18212b",
    "muted": "#53606f",
    "line": "#dbe1e8",
    "control": "#75828f",
    "accent": "#1f5fa8",
    "second": "#a2570a",
    "ok": "#176b3f",
    "ok-tint": "#e3f3ea",
    "late": "#8a4b00",
    "late-tint": "#fdf0d9",
    "failed": "#a8201a",
    "failed-tint": "#fce6e4",
}
DARK: Mapping[str, str] = {
    "page": "#11161c",
    "card": "#1a212a",
    "ink": "#e7ecf2",
    "muted": "#a3b0be",
    "line": "#313c48",
    "control": "#76869a",
    "accent": "#86b6f5",
    "second": "#eab062",
    "ok": "#70d39c",
    "ok-tint": "#173226",
    "late": "#f0bd62",
    "late-tint": "#38290f",
    "failed": "#ff9a90",
    "failed-tint": "#421d1b",
}
TEXTS = ("ink", "muted", "accent", "ok", "late", "failed")
TINTS = ("ok", "late", "failed")
GRAPHICS = ("accent", "second", "control")
GROUNDS = ("page", "card")
