"""The charts of a database or volume as SVG inside the page: drawn by pygal, coloured by the page's CSS, no script."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any
from xml.etree.ElementTree import Element, SubElement

import pygal  # type: ignore[import-untyped]
from pygal.style import Style  # type: ignore[import-untyped]

from local.output.screen import size
from local.page.facts import Period
from local.page.model import Card, MonthUpload

_WIDTH, _HEIGHT = 480, 230
_DOTS_MAX = 40  # more of them are a smear
_MONTHS_MAX = 12
_LABELS = 4
_SVG = "{http://www.w3.org/2000/svg}"
# Only the sizes by which pygal makes room; what is seen is the page's CSS.
_STYLE = Style(font_family="sans-serif", label_font_size=13, major_label_font_size=13)
# pygal leaves a finder of a kind that Python 3.12 no longer knows, and 3.11 warns of it at each later import; all that
# it would find are maps of the world.
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__name__ != "PluginImportFixer"]
Values = Sequence[tuple[datetime, float | None]]


@dataclass(frozen=True)
class Series:
    """One line or row of bars: what it is of, its values, and how a value reads."""

    label: str
    values: Values


@dataclass(frozen=True)
class Chart:
    """One chart: its caption, what it shows in words, what looks how, and the SVG; without values there is none."""

    title: str
    description: str
    keys: tuple[tuple[str, str], ...]
    svg: str | None


def draw(card: Card, period: Period) -> tuple[Chart, ...]:
    """The charts of one database or volume over a period."""
    days = [(datetime.combine(day.day, time(), UTC), day) for day in reversed(card.days)]
    passed = [line for line in reversed(card.drills) if line.verdict == "passed"]
    sizes = [
        Series("tar" if card.kind == "volume" else "database", [(at, day.database_bytes) for at, day in days]),
        Series("archive", [(at, day.archive_bytes) for at, day in days]),
    ]
    counted = "files" if card.kind == "volume" else "rows"
    counts = [Series(counted, [(at, day.counted) for at, day in days])]
    seconds = [Series("seconds", [(datetime.fromisoformat(x.drill_time), x.restore_seconds) for x in passed])]
    name = card.state.name
    count_title = f"Files in {name}" if card.kind == "volume" else f"Rows of {name}, all tables"
    return (
        _over_time(f"Size of {name}", sizes, period, _bytes),
        _over_time(count_title, counts, period, lambda value: f"{value:,.0f}"),
        _over_time(f"Time to restore {name} in a drill that passed", seconds, period, lambda value: f"{value:g} s"),
        _by_month(f"Upload of {name} by month", card.months[:_MONTHS_MAX][::-1]),
    )


def _over_time(title: str, series: Sequence[Series], period: Period, told: Callable[[float], str]) -> Chart:
    known = [
        Series(each.label, kept)
        for each in series
        if (kept := [(at, value) for at, value in each.values if value is not None])
    ]
    if not known:
        return Chart(title, "There are no figures of this yet.", (), None)
    first, last = (
        datetime.combine(day, moment, UTC) for day, moment in ((period.first, time()), (period.last, time.max))
    )
    first = max(first, min(at for each in known for at, _ in each.values))
    step = (last - first) / _LABELS
    chart = pygal.DateTimeLine(
        **_configuration(told),
        x_labels=[first + step * (number + 0.5) for number in range(_LABELS)],
        x_value_formatter=lambda at: at.strftime("%d %b" if (last - first).days < 300 else "%b %Y"),
        xrange=(first, last),
        show_dots=max(len(each.values) for each in known) <= _DOTS_MAX,
    )
    for each in known:
        chart.add(each.label, each.values)
    text = "; ".join(_words(each, told) for each in known)
    keys = tuple(zip((each.label for each in known), ("solid", "dashed"), strict=False))
    return Chart(title, text, keys, _render(chart, title, text))


def _by_month(title: str, months: Sequence[MonthUpload]) -> Chart:
    told = [month for month in months if month.points]
    if not told:
        return Chart(title, "There are no figures of this yet.", (), None)
    keys = (("whole archives", "filled"), ("sent", "outlined"))
    chart = pygal.Bar(**_configuration(_bytes), x_labels=[_month_label(month.month) for month in told])
    chart.add(keys[0][0], [month.whole_bytes for month in told])
    chart.add(keys[1][0], [month.sent_bytes for month in told])
    whole, sent = (sum(values) for values in zip(*((x.whole_bytes, x.sent_bytes) for x in told), strict=True))
    text = f"In {len(told)} months whole archives would have been {size(whole)}; {size(sent)} were sent."
    return Chart(title, text, keys, _render(chart, title, text))


def _words(series: Series, told: Callable[[float], str]) -> str:
    (first_at, first), (last_at, last) = series.values[0], series.values[-1]
    highest = max(value for _, value in series.values if value is not None)
    assert first is not None
    assert last is not None
    if len(series.values) == 1:
        return f"{series.label}: {told(first)} on {first_at.date()}"
    return (
        f"{series.label}: from {told(first)} on {first_at.date()} to {told(last)} on {last_at.date()}, "
        f"at most {told(highest)}"
    )


def _configuration(told: Callable[[float], str]) -> dict[str, Any]:
    return {
        "width": _WIDTH,
        "height": _HEIGHT,
        "style": _STYLE,
        "js": [],
        "css": [],
        "disable_xml_declaration": True,
        "show_legend": False,
        "margin": 6,
        "spacing": 8,
        "dots_size": 3,
        "include_x_axis": True,
        "max_scale": 5,
        "min_scale": 2,
        "truncate_label": -1,
        "value_formatter": told,
        "no_data_text": "",
    }


def _render(chart: Any, title: str, description: str) -> str:
    chart.add_xml_filter(lambda root: _plain(root, title, description))
    svg: str = chart.render(is_unicode=True)
    return svg


def _plain(root: Element, title: str, description: str) -> Element:
    """The drawing without what pygal's script would need, and with what a screen reader does."""
    for parent in list(root.iter()):
        for child in list(parent):
            if _is_for_the_script(child):
                parent.remove(child)
    root.attrib.pop("id", None)
    root.set("role", "img")
    root.set("aria-label", f"{title}. {description}")
    found = root.find("title")
    (SubElement(root, "title") if found is None else found).text = title
    told = Element("desc")
    told.text = description
    root.insert(1, told)
    return root


def _is_for_the_script(element: Element) -> bool:
    """Comments and `defs` hold addresses, `desc` and the overlays what a tooltip would show."""
    if not isinstance(element.tag, str):
        return True
    tag, kind = element.tag.removeprefix(_SVG), element.get("class", "")
    return tag in ("defs", "script", "desc") or "tooltip-overlay" in kind or "text-overlay" in kind


def _month_label(month: str) -> str:
    return datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC).strftime("%b")


def _bytes(value: float) -> str:
    return size(round(value))
