"""What stands in the page's colours can be read in both modes."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from local.page import palette


def luminance(colour: str) -> float:
    """Relative luminance, https://www.w3.org/TR/WCAG22/#dfn-relative-luminance."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(text: str, ground: str) -> float:
    """From 1 to 21, https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""
    light, dark = sorted((luminance(text), luminance(ground)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_black_on_white_has_the_contrast_that_the_standard_says() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("mode", [palette.LIGHT, palette.DARK], ids=["light", "dark"])
def test_texts_have_aa_contrast_on_all_they_stand_on(mode: Mapping[str, str]) -> None:
    pairs = [(text, ground) for text in palette.TEXTS for ground in palette.GROUNDS]
    pairs += [(name, f"{name}-tint") for name in palette.TINTS]

    assert {
        pair: contrast(mode[pair[0]], mode[pair[1]]) for pair in pairs if contrast(mode[pair[0]], mode[pair[1]]) < 4.5
    } == {}


@pytest.mark.parametrize("mode", [palette.LIGHT, palette.DARK], ids=["light", "dark"])
def test_lines_and_borders_that_tell_something_can_be_seen(mode: Mapping[str, str]) -> None:
    assert {name for name in palette.GRAPHICS if contrast(mode[name], mode["card"]) < 3} == set()


def test_both_modes_have_the_same_colours() -> None:
    assert palette.LIGHT.keys() == palette.DARK.keys()
