"""Random damage to whole archives: whatever a drill passes is the very content that was backed up."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.drill.order import DatabaseTarget
from tests.support.drill_archives import (
    ending_here,
    legacy,
    make_database,
    member,
    packed,
    record_members,
    record_of,
    target_of,
    unrecorded,
)

LONG_SECONDS = 3600
SOME = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
MANY = settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))
PIECE_BYTES = 120


@dataclass(frozen=True)
class Sound:
    """An archive before its damage: the database in it, what is known of it, and where its members begin."""

    raw: bytes
    content: bytes
    target: DatabaseTarget
    starts: tuple[int, ...]


def _ours(raw: bytes) -> list[bytes]:
    content = [member(raw[at : at + 4096]) for at in range(0, len(raw), 4096)]
    return [*content, *record_members(packed(record_of(raw)), sum(map(len, content)), PIECE_BYTES)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where archives are damaged and restored."""
    return tmp_path_factory.mktemp("mutations")


@pytest.fixture(scope="module")
def ours(folder: Path) -> Sound:
    """An archive of ours that somebody copied: nothing is known of it but what it says itself."""
    raw = make_database(folder / "ours.db", tasks=40).read_bytes()
    parts = _ours(raw)
    content = b"".join(parts)
    starts = tuple(sum(map(len, parts[:count])) for count in range(len(parts) + 1))
    return Sound(raw, content, unrecorded(target_of(folder / "ours.gz", content, raw), sha256=()), starts)


@pytest.fixture(scope="module")
def former(folder: Path) -> Sound:
    """One of the former script, of which the sidecar's digest is known."""
    raw = make_database(folder / "former.db", tasks=40).read_bytes()
    content = legacy(raw)
    return Sound(raw, content, unrecorded(target_of(folder / "former.gz", content, raw)), (0, len(content)))


def _places(data: st.DataObject, sound: Sound, content: bytes) -> int:
    """Anywhere, and often near a member's beginning."""
    near = st.sampled_from(sound.starts).flatmap(lambda start: st.integers(start - 12, start + 26))
    place = data.draw(st.one_of(near, st.integers(0, len(content))))
    return min(max(0, place), len(content))


def _flip(content: bytes, at: int, _: int, value: int) -> bytes:
    return content[:at] + bytes(byte ^ (1 << value % 8) for byte in content[at : at + 1]) + content[at + 1 :]


def _overwrite(content: bytes, at: int, to: int, value: int) -> bytes:
    return content[:at] + bytes([value]) * (to - at) + content[to:]


def _remove(content: bytes, at: int, to: int, _: int) -> bytes:
    return content[:at] + content[to:]


def _insert(content: bytes, at: int, to: int, value: int) -> bytes:
    return content[:at] + bytes([value]) * (to - at) + content[at:]


def _repeat(content: bytes, at: int, to: int, _: int) -> bytes:
    return content[:to] + content[at:to] + content[to:]


def _swap(content: bytes, at: int, to: int, value: int) -> bytes:
    end = min(len(content), to + value)
    return content[:at] + content[to:end] + content[at:to] + content[end:]


def _truncate(content: bytes, at: int, _: int, __: int) -> bytes:
    return content[:at]


DAMAGES: tuple[Callable[[bytes, int, int, int], bytes], ...] = (
    _flip,
    _overwrite,
    _remove,
    _insert,
    _repeat,
    _swap,
    _truncate,
)


def _damaged(data: st.DataObject, sound: Sound) -> bytes:
    content = sound.content
    for damage in data.draw(st.lists(st.sampled_from(DAMAGES), min_size=1, max_size=3)):
        at, to = sorted((_places(data, sound, content), _places(data, sound, content)))
        content = damage(content, at, to, data.draw(st.integers(0, 255)))
    return content


def _is_sound_or_refused(folder: Path, sound: Sound, content: bytes) -> None:
    path = folder / "damaged.gz"
    path.write_bytes(content)
    target = replace(sound.target, url=path.as_uri(), gzip_bytes=len(content))
    _, verdict, detail = ending_here(folder, target)
    assert verdict in ("passed", "failed"), detail
    if verdict == "passed":
        assert gzip.decompress(content) == sound.raw


@SOME
@given(data=st.data())
def test_a_damaged_archive_of_ours_passes_only_with_the_content_that_was_backed_up(
    folder: Path, ours: Sound, data: st.DataObject
) -> None:
    _is_sound_or_refused(folder, ours, _damaged(data, ours))


@pytest.mark.long
@pytest.mark.timeout(LONG_SECONDS)
@MANY
@given(data=st.data())
def test_ten_thousand_damaged_archives_of_ours_are_not_accepted(folder: Path, ours: Sound, data: st.DataObject) -> None:
    _is_sound_or_refused(folder, ours, _damaged(data, ours))


@SOME
@given(data=st.data())
def test_a_damaged_archive_of_the_former_script_passes_only_with_the_content_that_was_backed_up(
    folder: Path, former: Sound, data: st.DataObject
) -> None:
    _is_sound_or_refused(folder, former, _damaged(data, former))


def test_every_flipped_bit_of_the_record_is_seen_or_harmless(folder: Path, ours: Sound) -> None:
    begin = next(start for start in ours.starts if ours.content[start + 12 : start + 14] == b"PR")
    passed = 0
    for at in range(begin, len(ours.content)):
        content = _flip(ours.content, at, at, at)
        _is_sound_or_refused(folder, ours, content)
        path = folder / "damaged.gz"
        passed += ending_here(folder, replace(ours.target, url=path.as_uri(), gzip_bytes=len(content)))[1] == "passed"
    # Four bytes of each member's header are its time, which nobody reads.
    assert passed <= 4 * sum(start >= begin for start in ours.starts)
