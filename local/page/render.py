"""The page as HTML: the template, and how times, sizes and foreign text read in it."""

from __future__ import annotations

from datetime import datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from local.cloud.redact import scrub
from local.output.screen import age, printable, size
from local.page import charts, palette
from local.page.facts import Period
from local.page.model import Page, verdict_word
from local.page.page_file import MARK
from local.report import STEPS

_TEXT_MAX_CHARACTERS = 600
# Most texts of a page stand in it often, and looking for secrets takes time.
_TEXTS_KEPT = 4096


def html(page: Page) -> str:
    """The whole file. Every text in it is escaped, printable, without secrets, and of a bounded length."""
    period = Period(page.first, page.last)
    drawn = {card.state.name: charts.draw(card, period) for card in page.cards}
    text = (
        _environment()
        .get_template("template.html.j2")
        .render(
            page=page,
            charts={name: [(chart, Markup(chart.svg or "")) for chart in found] for name, found in drawn.items()},  # noqa: S704 - pygal's, whose texts it escapes
            light=palette.LIGHT,
            dark=palette.DARK,
            step_names=STEPS,
        )
    )
    return MARK + text


def shown(value: object) -> object:
    """A value as the page may show it, wherever it comes from; HTML of ours passes."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return _plain(value)


@lru_cache(_TEXTS_KEPT)
def _plain(value: str) -> str:
    text = printable(scrub(value))
    if len(text) <= _TEXT_MAX_CHARACTERS:
        return text
    return f"{text[:_TEXT_MAX_CHARACTERS]}… (cut here)"


def moment(text: str | None) -> str:
    """2026-05-05 12:00:03 UTC; what a record says and no time is, as it stands there."""
    if text is None:
        return "unknown"
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if text.endswith("Z") else text


def month(text: str) -> str:
    """May 2026 for 2026-05."""
    return f"{datetime.fromisoformat(f'{text}-01'):%B %Y}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=shown,
    )
    filters: dict[str, Any] = {
        "moment": moment,
        "month": month,
        "size": lambda count: size(count) or "unknown",
        "number": lambda count: "unknown" if count is None else f"{count:,}",
        "seconds": lambda count: "unknown" if count is None else f"{count:.2f} s",
        "ago": lambda text, now: age((datetime.fromisoformat(now) - datetime.fromisoformat(text)).total_seconds()),
        "percent": lambda share: f"{share:.0%}",
        "verdict": verdict_word,
    }
    environment.filters.update(filters)
    return environment
