"""The text that is shipped: the whole drill program, and the order that it carries out."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict

from local.drill.bundle import program_source
from local.drill.order import Target, database_orders, volume_orders
from local.drill_program.order import DrillOrder, FetchOrder, HandInOrder


def program(
    targets: Sequence[Target],
    *,
    nonce: str,
    deadline: float,
    budget: int | None = None,
    progress: bool = False,
    zlib_ng: str | None = None,
) -> str:
    """The text that drills `targets` when piped into `python3 -IS -`; it holds their links, so it is a secret.

    It ends after `deadline` seconds at the latest. With a `budget` its line on either stream has at most so many
    characters, the newline included; a longer result waits there for a later order. With `progress` it writes lines of
    JSON on stderr: `name`, `step`, and `done` of `total` bytes. `zlib_ng` is the file of that extension module on
    the machine that drills, None for the standard library alone.
    """
    databases, volumes = database_orders(targets), volume_orders(targets)
    return order_program(DrillOrder(nonce, deadline, budget, progress, databases, volumes, zlib_ng))


def order_program(order: DrillOrder | FetchOrder | HandInOrder) -> str:
    """The text that carries out any order of the program; it may hold links, so it is a secret."""
    packed = base64.b85encode(zlib.compress(json.dumps(asdict(order)).encode(), 9)).decode()
    return f'{program_source()}\n\nmain("{packed}")\n'
