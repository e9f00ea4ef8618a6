"""The parameters of a test that has several axes: all combinations are many, and few of them prove something new."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest


def crossed(*axes: Sequence[object]) -> list[object]:
    """Every combination of the axes' values, marked `long` but for as many as the longest axis has values.

    Each value of each axis is in one that is not; in these a short axis does not keep step with the one before it.
    """
    short = {
        tuple((number + place * (number // len(axis))) % len(axis) for place, axis in enumerate(axes))
        for number in range(max(map(len, axes)))
    }
    return [
        pytest.param(
            *(axis[index] for axis, index in zip(axes, indices, strict=True)),
            marks=() if indices in short else pytest.mark.long,
        )
        for indices in itertools.product(*(range(len(axis)) for axis in axes))
    ]
