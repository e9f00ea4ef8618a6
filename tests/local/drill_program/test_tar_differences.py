"""Damaged tars, read by the drill and by Python's tarfile: what the drill takes, the other takes for the same."""

from __future__ import annotations

import io
import os
import tarfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.drill_program.errors import BackupWrongError, NotCarriedOutError
from local.drill_program.tar_entries import TarEntry, plain_path, read_entries
from tests.support.volume_archives import entry, tar_with

LONG_SECONDS = 3600
SOME = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
MANY = settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))
LETTERS = b"01234567LKxgSVZ\0"
FIELDS = (
    range(100),
    range(100, 108),
    range(108, 124),
    range(124, 136),
    range(136, 148),
    range(157, 257),
    range(257, 512),
)
MEMBERS = (
    entry("a", b"1" * 700, mtime=1.25),
    entry("d/" + "n" * 150, b"2", uid=3_000_000_000),
    entry("d", kind=tarfile.DIRTYPE),
    entry("s", kind=tarfile.SYMTYPE, linkname="t" * 120),
    entry("h", kind=tarfile.LNKTYPE, linkname="a"),
)
SOUND = {form: tar_with(*MEMBERS, tar_format=form) for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)}


def _summed(tar: bytes, at: int) -> bytes:
    """The tar with the check sum of the header at this offset mended."""
    block = tar[at : at + 512]
    blank = block[:148] + b" " * 8 + block[156:]
    return tar[:at] + blank[:148] + b"%06o\0 " % sum(blank) + blank[156:] + tar[at + 512 :]


def _changed(data: st.DataObject, tar: bytes) -> bytes:
    """Some fields of some headers, and bytes of extended headers, made other ones."""
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(tar.rstrip(b"\0")) // 512)) * 512
        if data.draw(st.booleans()):
            place, value = at + 156, LETTERS[data.draw(st.integers(0, len(LETTERS) - 1))]
        else:
            place = at + data.draw(st.sampled_from(FIELDS).flatmap(st.sampled_from))
            value = data.draw(st.one_of(st.sampled_from(b"0179 ./-=\n\0\x80\xff"), st.integers(0, 255)))
        tar = tar[:place] + bytes([value]) + tar[place + 1 :]
        if data.draw(st.integers(0, 4)):
            tar = _summed(tar, at)
    return tar


def _told(found: TarEntry) -> tuple[object, ...]:
    return found.path, found.link, found.mode, found.uid, found.gid, found.mtime_ns // 1000, found.size


def _told_by_tarfile(tar: bytes) -> list[tuple[object, ...]]:
    told: list[tuple[object, ...]] = []
    with tarfile.open(fileobj=io.BytesIO(tar), mode="r:", encoding="utf-8", errors="surrogateescape") as other:
        for found in other:
            link = os.fsencode(found.linkname)
            told.append(
                (
                    plain_path(os.fsencode(found.name)),
                    plain_path(link) if found.islnk() else link if found.issym() else b"",
                    found.mode & 0o7777,
                    found.uid,
                    found.gid,
                    int(found.mtime * 1_000_000 // 1),
                    found.size if found.isreg() else 0,
                )
            )
    return told


def _are_alike(tar: bytes) -> None:
    try:
        ours = [_told(found) for found in read_entries(io.BytesIO(tar))]
    except (BackupWrongError, NotCarriedOutError):
        return
    assert ours == _told_by_tarfile(tar)


@pytest.mark.parametrize("form", SOUND)
def test_a_sound_tar_reads_alike(form: int) -> None:
    assert [_told(found) for found in read_entries(io.BytesIO(SOUND[form]))] == _told_by_tarfile(SOUND[form])


@pytest.mark.parametrize("form", SOUND)
@SOME
@given(data=st.data())
def test_a_damaged_tar_is_refused_or_reads_alike(form: int, data: st.DataObject) -> None:
    _are_alike(_changed(data, SOUND[form]))


@pytest.mark.long
@pytest.mark.timeout(LONG_SECONDS)
@pytest.mark.parametrize("form", SOUND)
@MANY
@given(data=st.data())
def test_many_damaged_tars_are_refused_or_read_alike(form: int, data: st.DataObject) -> None:
    _are_alike(_changed(data, SOUND[form]))
