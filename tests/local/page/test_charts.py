"""The charts are drawings alone: what they show stands in words too, and nothing in them runs or asks for anything."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from local.page import charts, model
from local.page.charts import Chart
from local.page.facts import PageFacts, Period
from tests.local.page.values import daily, facts, full
from tests.local.watch.values import NOW, ago, point

SVG = "{http://www.w3.org/2000/svg}"


def drawn(known: PageFacts) -> tuple[Chart, ...]:
    return charts.draw(model.make(known, "pillar9").cards[0], Period.ending(NOW, 90))


def test_each_chart_says_in_words_what_it_shows() -> None:
    size, rows, seconds, upload = drawn(full())

    assert size.description.startswith("database: from 12.0 kB on 2026-03-07 to 12.0 kB on 2026-05-05")
    assert rows.description == "rows: from 941 on 2026-03-07 to 1,000 on 2026-05-05, at most 1,000"
    assert seconds.description == "seconds: from 2.5 s on 2026-03-16 to 2.5 s on 2026-05-05, at most 2.5 s"
    assert upload.description == "In 3 months whole archives would have been 298.2 kB; 30.0 kB were sent."
    for chart in (size, rows, seconds, upload):
        assert chart.svg
        root = ElementTree.fromstring(chart.svg)
        assert root.get("role") == "img"
        assert root.get("aria-label") == f"{chart.title}. {chart.description}"
        assert (root.findtext(f"{SVG}title"), root.findtext(f"{SVG}desc")) == (chart.title, chart.description)


def test_two_series_differ_in_more_than_colour() -> None:
    size, _, _, upload = drawn(full())

    assert size.keys == (("database", "solid"), ("archive", "dashed"))
    assert upload.keys == (("whole archives", "filled"), ("sent", "outlined"))


def test_a_chart_holds_no_script_no_style_and_no_address() -> None:
    for chart in drawn(full()):
        assert chart.svg
        elements = {element.tag.removeprefix(SVG) for element in ElementTree.fromstring(chart.svg).iter()}
        assert elements <= {"svg", "g", "path", "rect", "text", "title", "desc", "circle"}
        assert "<!--" not in chart.svg
        assert re.findall(r"https?://[^\"]+", chart.svg) == ["http://www.w3.org/2000/svg"]


def test_every_day_is_a_corner_of_the_line() -> None:
    svg = drawn(full())[1].svg
    assert svg
    (line,) = re.findall(r'<path d="M([^"]+)" class="line reactive', svg)

    assert len(line.replace(" L", " ").split()) == 2 * 60


def test_one_figure_is_a_dot() -> None:
    svg = drawn(facts(daily(1)))[1].svg

    assert svg
    assert svg.count("<circle") == 1


def test_without_figures_there_is_no_chart_but_words() -> None:
    assert {chart.svg for chart in drawn(facts())} == {None}
    former = drawn(facts([point(ago(hours=1), sha256=None, row_total=None)]))
    assert [chart.svg is None for chart in former] == [False, True, True, True]
    assert former[0].keys == (("archive", "solid"),)
