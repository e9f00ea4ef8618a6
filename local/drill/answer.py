"""The distrustful reading of an answer: only the whole one of this very run, with its nonce and its digest, counts."""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from local.errors import InconclusiveError

LONGEST_ANSWER_BYTES = 64 * 1024 * 1024
_LINE = re.compile(r"PILLAR9 ([0-9a-f]+) ([0-9]{1,4})/([0-9]{1,4}) ([0-9a-f]{64}) ([!-~]+)", re.ASCII)
_DOING = "reading the result"
_AGAIN = "run it again"


@dataclass(frozen=True)
class ResultLine:
    """One part of an answer: how many there are, the digest of all of them joined, and this part's piece."""

    parts: int
    digest: str
    piece: str


def no_answer(came_back: str) -> InconclusiveError:
    """What came back is no whole answer of this run."""
    return InconclusiveError(_DOING, came_back, _AGAIN)


def result_line(output: str, nonce: str, part: int = 1) -> ResultLine:
    """The line that an output ends with; InconclusiveError if it is not this part of this run's answer."""
    lines = output.rstrip().splitlines()
    match = _LINE.fullmatch(lines[-1]) if lines else None
    if not match:
        raise no_answer("the output does not end with a whole result line")
    if match[1] != nonce:
        raise no_answer("the result line is of another run")
    if int(match[2]) != part or int(match[3]) < part:
        raise no_answer(f"this is part {match[2]} of {match[3]} and not part {part}")
    return ResultLine(int(match[3]), match[4], match[5])


def content(outputs: Sequence[str], nonce: str) -> bytes:
    """The content of an answer whose parts these outputs end with, one each; InconclusiveError if it is not whole."""
    lines = [result_line(output, nonce, part) for part, output in enumerate(outputs, 1)]
    if not lines or {line.parts for line in lines} != {len(lines)} or len({line.digest for line in lines}) != 1:
        told = lines[0].parts if lines else 0
        raise no_answer(f"the result has {told} parts, of which {len(lines)} are there or do not belong together")
    return unpacked("".join(line.piece for line in lines).encode(), lines[0].digest)


def unpacked(payload: bytes, digest: str) -> bytes:
    """What travelled as `payload`; InconclusiveError unless it has this SHA-256 and unpacks to its end."""
    if hashlib.sha256(payload).hexdigest() != digest:
        raise no_answer("the result was altered or cut on its way")
    inflater = zlib.decompressobj()
    try:
        found = inflater.decompress(base64.b85decode(payload), LONGEST_ANSWER_BYTES)
    except (ValueError, zlib.error) as error:
        raise no_answer("the result does not unpack") from error
    if not inflater.eof or inflater.unused_data:
        raise no_answer("the result does not unpack to its end")
    return found
