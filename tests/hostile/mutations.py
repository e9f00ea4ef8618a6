"""A fuzzer for archives: damage at random places, and lies that are put together with care. Same seed, same archive."""

from __future__ import annotations

import hashlib
import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.support.drill_archives import empty_member, legacy, member, packed, record_members, record_of

PIECE_BYTES = 120
MEMBER_BYTES = 4096
Mutate = Callable[[random.Random, bytes], bytes]


@dataclass(frozen=True)
class Mutant:
    """An archive that somebody made out of a sound one, and how."""

    how: str
    content: bytes


def sound_parts(raw: bytes) -> list[bytes]:
    """The members of a sound archive of ours: content, the record's pieces, the end mark."""
    content = [member(raw[at : at + MEMBER_BYTES]) for at in range(0, len(raw), MEMBER_BYTES)]
    return [*content, *record_members(packed(record_of(raw)), sum(map(len, content)), PIECE_BYTES)]


def mutant(raw: bytes, seed: int) -> Mutant:
    """The mutant of this number: bytes damaged, members moved, or content and record forged apart."""
    rng = random.Random(seed)
    how = rng.choice([*MUTATIONS])
    return Mutant(how, MUTATIONS[how](rng, raw))


def _flipped(rng: random.Random, raw: bytes) -> bytes:
    content = bytearray(b"".join(sound_parts(raw)))
    for _ in range(rng.randint(1, 4)):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return bytes(content)


def _spliced(rng: random.Random, raw: bytes) -> bytes:
    content = b"".join(sound_parts(raw))
    begin, end = sorted(rng.sample(range(len(content)), 2))
    return rng.choice([content[:begin], content[:begin] + content[end:], content[:end] + content[begin:]])


def _padded(rng: random.Random, raw: bytes) -> bytes:
    parts = sound_parts(raw)
    junk = rng.choice([bytes(rng.randint(1, 9)), rng.randbytes(rng.randint(1, 40)), legacy(b""), member(b"")])
    parts.insert(rng.randint(0, len(parts)), junk)
    return b"".join(parts)


def _shuffled(rng: random.Random, raw: bytes) -> bytes:
    parts = sound_parts(raw)
    for _ in range(rng.randint(1, 3)):
        at, to = rng.randrange(len(parts)), rng.randrange(len(parts))
        parts.insert(to, parts.pop(at) if rng.random() < 0.5 else parts[at])
    return b"".join(parts)


def _lying_sizes(rng: random.Random, raw: bytes) -> bytes:
    """A member that says other sizes than it has: nothing, one off, 4 GiB, those of all the rest."""
    parts = sound_parts(raw)
    at = rng.randrange(len(raw) // MEMBER_BYTES)
    place = rng.choice([16, 20])
    size = rng.choice([0, 1, 24, 25, len(parts[at]) + 1, 64 << 20, (64 << 20) + 1, 2**32 - 1, rng.getrandbits(32)])
    parts[at] = parts[at][:place] + struct.pack("<I", size) + parts[at][place + 4 :]
    return b"".join(parts)


def _huge_isize(rng: random.Random, raw: bytes) -> bytes:
    """The length at a member's end, which gunzip shows to people and nobody may believe."""
    parts = sound_parts(raw)
    at = rng.randrange(len(raw) // MEMBER_BYTES)
    parts[at] = parts[at][:-4] + struct.pack("<I", rng.choice([0, 2**32 - 1, 2**31, rng.getrandbits(32)]))
    return b"".join(parts)


def _odd_extra(rng: random.Random, raw: bytes) -> bytes:
    """Members of nothing with extra fields that are almost ours, or as long as a field can be."""
    parts = sound_parts(raw)
    field = rng.choice([b"P9", b"PR", b"PE", b"XX", b"pr", b"\0\0"])
    size = rng.choice([0, 7, 8, 47, 48, 49, 15_996, 15_997, 30_000, 65_531])
    parts.insert(rng.randint(0, len(parts)), empty_member(field, rng.randbytes(size)))
    return b"".join(parts)


def _other_content(rng: random.Random, raw: bytes) -> bytes:
    """Whole members of another content before the record of the sound one: gzip has nothing to say against it."""
    other = bytearray(raw)
    for _ in range(rng.randint(1, 3)):
        other[rng.randrange(len(other))] ^= 1 << rng.randrange(8)
    content = [member(bytes(other[at : at + MEMBER_BYTES])) for at in range(0, len(other), MEMBER_BYTES)]
    return b"".join([*content, *record_members(packed(record_of(raw)), sum(map(len, content)), PIECE_BYTES)])


def _other_record(rng: random.Random, raw: bytes) -> bytes:
    """A whole, well-formed record that says something else of the content in one field."""
    values: list[Any] = [None, True, 0, -1, 1.0, len(raw) + 1, 2**63, "", "tasks", "f" * 64, [], {}, {"tasks": True}]
    value = rng.choice([*values, {"\ud800": 1}])
    record = record_of(raw)
    field = rng.choice(["database", "raw_sha256", "raw_bytes", "schema_sha256", "rows"])
    if value == record[field]:
        value = None
    content = sound_parts(raw)[: -(-len(raw) // MEMBER_BYTES)]
    said = packed({**record, field: value})
    return b"".join([*content, *record_members(said, sum(map(len, content)), PIECE_BYTES)])


def _raw_payload(rng: random.Random, raw: bytes) -> bytes:
    """A record whose digest is right and whose JSON is damaged."""
    text = bytearray(zlib.decompress(packed(record_of(raw))))
    text[rng.randrange(len(text))] = rng.choice(b'{}[]",:\\\x00\xff0')
    if bytes(text) == zlib.decompress(packed(record_of(raw))):
        text[0] = 0
    content = sound_parts(raw)[: -(-len(raw) // MEMBER_BYTES)]
    payload = zlib.compress(bytes(text))
    assert hashlib.sha256(payload).digest()
    return b"".join([*content, *record_members(payload, sum(map(len, content)), PIECE_BYTES)])


MUTATIONS: dict[str, Mutate] = {
    "flipped bits": _flipped,
    "cut, removed or repeated bytes": _spliced,
    "something in between or behind": _padded,
    "members moved": _shuffled,
    "sizes that lie": _lying_sizes,
    "an ISIZE that lies": _huge_isize,
    "odd extra fields": _odd_extra,
    "another content under this record": _other_content,
    "another record over this content": _other_record,
    "a record of damaged JSON": _raw_payload,
}
