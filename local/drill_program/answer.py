"""How an answer leaves a machine whose reader has little room: in lines of both streams, the rest kept for later."""

from __future__ import annotations

import base64
import hashlib
import os
import sys
import zlib
from pathlib import Path

from local.drill_program.order import FetchOrder
from local.drill_program.temporary import RESULT_PREFIX, temporary_roots

STREAMS = 2
ENCODE_BYTES = 1 << 20  # a multiple of 4, so that the pieces are those of the whole


def packed(content: bytes) -> str:
    """An answer's content as it travels: compressed, and in characters that no stream changes."""
    small = zlib.compress(content, 9)
    pieces = (small[at : at + ENCODE_BYTES] for at in range(0, len(small), ENCODE_BYTES))
    return "".join(base64.b85encode(piece).decode() for piece in pieces)


def result_lines(nonce: str, payload: str, line_characters: int | None) -> list[str]:
    """The lines, each of one part of `payload` and of at most `line_characters`, the end of the line included."""
    digest = hashlib.sha256(payload.encode()).hexdigest()
    size = len(payload)
    if line_characters is not None:
        size = max(1, line_characters - len(f"PILLAR9 {nonce} 9999/9999 {digest} \n"))
    pieces = [payload[at : at + size] for at in range(0, len(payload), size)]
    return [f"PILLAR9 {nonce} {part}/{len(pieces)} {digest} {piece}" for part, piece in enumerate(pieces, 1)]


def send_answer(nonce: str, payload: str, line_characters: int | None) -> None:
    """Print the first two lines of an answer; where it takes more, it is kept for later orders."""
    lines = result_lines(nonce, payload, line_characters)
    if len(lines) > STREAMS:
        keep_answer(nonce, payload)
    print_lines(lines, 1)


def keep_answer(nonce: str, payload: str) -> None:
    """Keep an answer where only this user reads it."""
    path = Path(temporary_roots()[0], RESULT_PREFIX + nonce)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123
        file.write(payload)


def kept_answer(nonce: str) -> tuple[Path, str] | None:
    """Where an answer was kept, and the answer; None if there is none of this user's."""
    for root in temporary_roots():
        path = Path(root, RESULT_PREFIX + nonce)
        try:
            with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW)) as file:  # noqa: PTH123
                if os.fstat(file.fileno()).st_uid == os.geteuid():
                    return path, file.read()
        except FileNotFoundError:
            continue
    return None


def drop_answer(nonce: str | None) -> None:
    """Remove what is kept of an answer, if anything is."""
    found = kept_answer(nonce) if nonce else None
    if found:
        found[0].unlink()


def print_parts(order: FetchOrder) -> bool:
    """Print two later parts of an answer that was kept, and remove it after the last; False if there is none."""
    found = kept_answer(order.nonce)
    if not found:
        return False
    print_lines(result_lines(order.nonce, found[1], order.line_characters), order.part)
    if order.last:
        drop_answer(order.nonce)
        drop_answer(order.superseded)
    return True


def print_lines(lines: list[str], part: int) -> None:
    """One line on stdout and the next, where there is one, on stderr."""
    for stream, line in zip((sys.stdout, sys.stderr), lines[part - 1 : part + 1]):
        print(line, file=stream, flush=True)
