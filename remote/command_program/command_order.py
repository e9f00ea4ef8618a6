"""What the program is told to do: the one form that the order has, here where it is read and where it is written."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CommandOrder:
    """A command to run within `timeout_seconds`: `content` is its text, or a script, in Base64.

    The answer goes under `nonce`, in lines of at most `line_characters`. Of both streams together it holds
    `most_bytes`. Where it has more than `most_characters` as it travels, a shorter one is kept beside it under the
    nonce `shorter`; where that is None, the shorter one is the answer.
    """

    nonce: str
    shorter: str | None
    content: str
    is_script: bool
    timeout_seconds: float
    line_characters: int
    most_bytes: int
    most_characters: int
