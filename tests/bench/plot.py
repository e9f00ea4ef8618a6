"""The plot of the benchmark: how many times faster, and how the bytes sent grow with scattered changes."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import ceil, floor, log10

from tests.bench.table import Speedup, Spread, share, times

_WIDTH = 760
_LEFT, _RIGHT = 280, 690
_ROW = 26
_INK, _FAINT, _BAR, _MARK = "#24292f", "#8c959f", "#2f6f9f", "#c2571a"


def svg(speedups: Sequence[Speedup], spreads: Sequence[Spread], subtitle: str) -> str:
    """An SVG of both panels on logarithmic axes; a panel without data is left out."""
    panels, top = [_text(20, 30, "invoke backup: benchmark", size=17, weight=600), _text(20, 50, subtitle, _FAINT)], 80
    for drawn, height in (_speed_panel(speedups, top), _spread_panel(spreads, top + _speed_height(speedups))):
        panels += drawn
        top += height
    body = "\n".join(panels)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" width="{_WIDTH}" height="{top}" '
        f'font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="Benchmark of invoke backup">\n'
        f'<rect width="{_WIDTH}" height="{top}" fill="white"/>\n{body}\n</svg>\n'
    )


def decades(values: Sequence[float]) -> list[int]:
    """The powers of ten that enclose the values, at least one apart."""
    low, high = floor(log10(min(values))), ceil(log10(max(values)))
    return list(range(low, max(high, low + 1) + 1))


def position(value: float, exponents: Sequence[int], start: float, end: float) -> float:
    """Where a value lies on a logarithmic axis from `start` to `end`."""
    reach = exponents[-1] - exponents[0]
    return start + (log10(value) - exponents[0]) / reach * (end - start)


def _speed_height(speedups: Sequence[Speedup]) -> int:
    return 70 + _ROW * len(speedups) if speedups else 0


def _speed_panel(speedups: Sequence[Speedup], top: int) -> tuple[list[str], int]:
    if not speedups:
        return [], 0
    exponents = decades([1.0, *(one.ratio for one in speedups), *(one.bar for one in speedups if one.bar)])
    bottom = top + 20 + _ROW * len(speedups)
    drawn = [_text(20, top, "Times faster than the former way (orange: the bar)", weight=600)]
    for exponent in exponents:
        x = position(10.0**exponent, exponents, _LEFT, _RIGHT)
        drawn += [
            _line(x, top + 12, x, bottom, "#d0d7de"),
            _text(x, bottom + 16, f"{10.0**exponent:g} x", _FAINT, "middle"),
        ]
    origin = position(1.0, exponents, _LEFT, _RIGHT)
    for index, one in enumerate(speedups):
        y = top + 20 + _ROW * index
        end = position(one.ratio, exponents, _LEFT, _RIGHT)
        width = abs(end - origin)
        drawn.append(_text(_LEFT - 8, y + 13, one.label, anchor="end"))
        drawn.append(f'<rect x="{min(origin, end):.1f}" y="{y}" width="{width:.1f}" height="18" fill="{_BAR}"/>')
        drawn.append(_text(max(origin, end) + 6, y + 13, times(one.ratio)))
        if one.bar:
            x = position(one.bar, exponents, _LEFT, _RIGHT)
            drawn.append(_line(x, y - 2, x, y + 20, _MARK, 3))
    return drawn, _speed_height(speedups)


def _spread_panel(spreads: Sequence[Spread], top: int) -> tuple[list[str], int]:
    if not spreads:
        return [], 0
    across, up = decades([one.changed for one in spreads]), decades([*(one.sent for one in spreads), 1.0])
    low, high = top + 230, top + 20
    drawn = [_text(20, top, "Share of the archive sent, by share of rows changed at random (steady state)", weight=600)]
    for exponent in across:
        x = position(10.0**exponent, across, _LEFT, _RIGHT)
        drawn += [
            _line(x, high, x, low, "#d0d7de"),
            _text(x, low + 16, f"{10.0**exponent:.4%}"[:-1].rstrip("0").rstrip(".") + " %", _FAINT, "middle"),
        ]
    for exponent in up:
        y = position(10.0**exponent, up, low, high)
        label = f"{10.0 ** (exponent + 2):g} %"
        drawn += [_line(_LEFT, y, _RIGHT, y, "#d0d7de"), _text(_LEFT - 8, y + 4, label, _FAINT, "end")]
    points = [
        (position(one.changed, across, _LEFT, _RIGHT), position(one.sent, up, low, high), share(one.sent))
        for one in spreads
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in points)
    drawn.append(f'<polyline points="{line}" fill="none" stroke="{_BAR}" stroke-width="2"/>')
    for x, y, label in points:
        drawn += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{_BAR}"/>', _text(x + 8, y + 16, label)]
    return drawn, 290


def _text(
    x: float, y: float, text: str, fill: str = _INK, anchor: str = "start", size: int = 12, weight: int = 400
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}" text-anchor="{anchor}" font-size="{size}" '
        f'font-weight="{weight}">{escape(text)}</text>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, stroke: str, width: int = 1) -> str:
    return f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{stroke}" stroke-width="{width}"/>'
