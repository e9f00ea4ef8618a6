"""The text that is shipped: the whole drill program, and the order that it carries out."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict

from local.drill.bundle import program_source
from local.drill.order import Target, database_orders
from local.drill_program.order import DrillOrder, FetchOrder


def program(
    targets: Sequence[Target], *, nonce: str, deadline: float, budget: int | None = None, progress: bool = False
) -> str:
    """The text that drills `targets` when piped into `python3 -IS -`; it holds their links, so it is a secret.

    It ends after `deadline` seconds at the latest. With a `budget` its line on stdout has at most so many characters,
    the newline included; a longer result waits there for `fetch_program`. With `progress` it writes lines of JSON on
    stderr: `name`, `step`, and `done` of `total` bytes.
    """
    return _text(DrillOrder(nonce, deadline, budget, progress, database_orders(targets)))


def fetch_program(nonce: str, part: int, *, budget: int, last: bool) -> str:
    """The text that prints one later part of a result, and removes the result after the last."""
    return _text(FetchOrder(nonce, part, budget, last))


def _text(order: DrillOrder | FetchOrder) -> str:
    packed = base64.b85encode(zlib.compress(json.dumps(asdict(order)).encode(), 9)).decode()
    return f'{program_source()}\n\nmain("{packed}")\n'
