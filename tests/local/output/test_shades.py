from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.output.shades import SHADES, shade

if TYPE_CHECKING:
    from rich.color import Color

# White, black, and what usual themes have for them: two dark greys, Solarized light and dark.
GROUNDS = ("#ffffff", "#000000", "#1e1e1e", "#0d1117", "#fdf6e3", "#002b36")
# WCAG 2.2's least for graphics: no colour has the 4.5 of text on all of these, and nothing is told by colour alone.
LEAST = 3.0
NAMES = [name for name in SHADES if name not in ("", "bold")]


def parsed(text: str) -> Color:
    from rich.color import Color

    return Color.parse(text)


def ink(style: str) -> Color:
    from rich.style import Style

    color = Style.parse(style).color
    assert color
    return color


def luminance(color: Color) -> float:
    """As https://www.w3.org/TR/WCAG22/#dfn-relative-luminance defines it."""
    parts = [part / 255 for part in color.get_truecolor()]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Color, other: Color) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast(parsed("#ffffff"), parsed("#000000")) == pytest.approx(21)
    assert contrast(parsed("#ffff00"), parsed("#ffffff")) < 1.1


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("name", NAMES)
def test_each_colour_can_be_read_on_light_and_on_dark(name: str, ground: str) -> None:
    color = ink(shade(name, "256"))

    assert contrast(color, parsed(ground)) >= LEAST


@pytest.mark.parametrize("name", NAMES)
def test_a_terminal_of_sixteen_colours_gets_neither_yellow_nor_white_nor_black(name: str) -> None:
    color = ink(shade(name, "standard"))

    assert color.number not in (None, 0, 3, 7, 11, 15)
