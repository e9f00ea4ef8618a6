"""The page in a real browser: a quiet console, no wider than a phone, all of it in reach of a keyboard."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import pytest

from local.page import model, page_file, render
from tests.local.page.values import with_volume
from tests.support import chromium

pytestmark = pytest.mark.skipif(
    chromium.PROGRAM is None, reason="there is no Chromium here: what a browser makes of the report is not tested"
)
# A copy of the page with this in it tells what a script of its own never could: the page's policy forbids them.
PROBE = """<script>
addEventListener("load", () => {
  const page = document.documentElement, wide = [...document.querySelectorAll("body *")].filter(
    node => node.getBoundingClientRect().right > page.clientWidth + 1 && !node.closest(".scroll, .skip, .unseen"));
  const reached = [...document.querySelectorAll("a[href], summary, [tabindex]")].filter(node => node.tabIndex >= 0);
  const seen = reached.filter(node => { node.focus(); return document.activeElement === node; }).length;
  const over = page.scrollWidth - page.clientWidth;
  parent.postMessage(`wide=${wide.length} over=${over} reach=${reached.length} seen=${seen}`, "*");
});
</script></head>"""
FRAME = """<!DOCTYPE html><title>-</title><body>
<script>addEventListener("message", told => { document.title = told.data; });</script>
<iframe src="PAGE" style="width:WIDTHpx;height:900px;border:0"></iframe>"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    page_file.write(path, render.html(model.make(with_volume(), "pillar9 0.1.0")))
    return path


def test_the_browser_has_nothing_to_complain_of(page: Path) -> None:
    assert chromium.console(page) == []


@pytest.mark.long
def test_what_a_browser_complains_of_is_heard(page: Path) -> None:
    loud = page.with_name("loud.html")
    loud.write_text("<script>console.error('heard')</script><img src='http://127.0.0.1:9/x'>")
    assert "heard" in "".join(chromium.console(loud))


@pytest.mark.long
def test_what_the_page_asks_of_anybody_else_is_refused(page: Path) -> None:
    asking = page.with_name("asking.html")
    asking.write_text(page.read_text().replace("</body>", "<script>1</script><img src='http://127.0.0.1:9/x'></body>"))

    assert len([line for line in chromium.console(asking) if "Content Security Policy" in line]) == 2


@pytest.mark.parametrize("width", [390, pytest.param(1280, marks=pytest.mark.long)])
def test_it_fits_its_window_and_a_keyboard_reaches_all_of_it(page: Path, width: int) -> None:
    probed, frame = page.with_name(f"probed-{width}.html"), page.with_name(f"frame-{width}.html")
    text = re.sub(r"<meta http-equiv[^>]+>", "", page.read_text())
    probed.write_text(text.replace("</head>", PROBE).replace("<details>", "<details open>"))
    frame.write_text(FRAME.replace("PAGE", probed.as_uri()).replace("WIDTH", str(width)))

    told = re.findall(r"<title>(.*)</title>", chromium.dump_dom(frame))[0]

    found = dict(part.split("=") for part in told.split())
    assert (found["wide"], found["over"]) == ("0", "0")
    assert int(found["reach"]) > 10
    assert found["seen"] == found["reach"]


@pytest.mark.long
def test_it_is_dark_where_dark_is_preferred(page: Path) -> None:
    light, dark = page.with_name("light.png"), page.with_name("dark.png")

    chromium.screenshot(page, light, 500, 300)
    chromium.screenshot(page, dark, 500, 300, "--blink-settings=preferredColorScheme=0")

    assert brightness(light) > 200
    assert brightness(dark) < 60


def brightness(picture: Path) -> float:
    """The mean of the bytes of the last line of a PNG that has no interlace: it lies on the page's ground."""
    content = picture.read_bytes()
    width, height = (int.from_bytes(content[at : at + 4], "big") for at in (16, 20))
    channels = {2: 3, 6: 4}[content[25]]
    packed, at = b"", 8
    while at < len(content):
        size = int.from_bytes(content[at : at + 4], "big")
        if content[at + 4 : at + 8] == b"IDAT":
            packed += content[at + 8 : at + 8 + size]
        at += size + 12
    raw = zlib.decompress(packed)
    first = _unfiltered(raw, width * channels, channels, height)
    return sum(first) / len(first)


def _unfiltered(raw: bytes, length: int, step: int, height: int) -> list[int]:
    """The bytes of the first line, of which only what is to the left is a filter's neighbour."""
    assert height > 1
    kind, line = raw[0], list(raw[1 : 1 + length])
    if kind in (1, 4):  # Sub; Paeth, which is the same where there is no line above
        for at in range(step, length):
            line[at] = (line[at] + line[at - step]) & 255
    elif kind == 3:  # Average
        for at in range(step, length):
            line[at] = (line[at] + line[at - step] // 2) & 255
    return line
