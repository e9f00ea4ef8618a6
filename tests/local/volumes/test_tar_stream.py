from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator

import pytest

from local.volumes.seen import in_volume
from local.volumes.tar_stream import PIECE_BYTES, NotWholeError, TarStream

CONTENT = bytes(range(256)) * 300


def entry(name: str, kind: bytes = tarfile.REGTYPE, content: bytes = b"", **fields: object) -> bytes:
    found = tarfile.TarInfo(name)
    found.type, found.size = kind, len(content)
    for field, value in fields.items():
        setattr(found, field, value)
    return found.tobuf(tarfile.PAX_FORMAT) + content + bytes(-len(content) % 512)


ROOT = entry("volume", tarfile.DIRTYPE)
END = bytes(1024)
WHOLE = ROOT + entry("volume/a", content=CONTENT) + entry("volume/b", content=b"b") + END


def pieces(raw: bytes, length: int) -> Iterator[bytes]:
    return (raw[at : at + length] for at in range(0, len(raw), length))


def contents(raw: bytes, length: int = 1000) -> dict[bytes, bytes]:
    stream = TarStream(pieces(raw, length))
    return {found.path: b"".join(stream.content()) for found in in_volume(stream)}


@pytest.mark.parametrize("length", [1, 7, 511, 512, 513, 4096, PIECE_BYTES, 10**7])
def test_the_pieces_may_be_of_any_length(length: int) -> None:
    assert contents(WHOLE, length) == {b".": b"", b"a": CONTENT, b"b": b"b"}


def test_what_is_not_read_of_a_content_is_passed_over() -> None:
    stream = TarStream(pieces(WHOLE, 1000))
    found = []
    for one in in_volume(stream):
        found.append(one.path)
        assert stream.begins_with(CONTENT[:16]) == (one.path == b"a")
        assert not stream.begins_with(b"x" * (one.size + 1))
        next(stream.content(), None)
    assert found == [b".", b"a", b"b"]


def test_zeros_behind_the_end_and_empty_pieces_are_nothing() -> None:
    assert contents(WHOLE + bytes(9000)) == contents(WHOLE)
    stream = TarStream([b"", WHOLE[:700], b"", b"", WHOLE[700:], b""])
    assert [found.path for found in in_volume(stream)] == [b".", b"a", b"b"]


@pytest.mark.parametrize("end", [0, 1, 511, 512, 700, 1023, 1024, 1025, 5000, len(WHOLE) - 1, len(WHOLE) - 513])
def test_a_stream_that_breaks_off_is_not_whole(end: int) -> None:
    with pytest.raises(NotWholeError, match="broke off"):
        contents(WHOLE[:end])


def flipped(raw: bytes, at: int) -> bytes:
    return raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "no tar": (lambda: b"<html>" * 1000, "does not read"),
    "a damaged header": (lambda: flipped(WHOLE, 600), "check sum"),
    "nothing": (lambda: END, "nothing in it"),
    "more behind the end": (lambda: WHOLE + bytes(512) + ROOT, "end mark|more follows"),
    "more far behind the end": (lambda: WHOLE + bytes(9000) + ROOT, "more follows"),
    "one block of zeros in the middle": (lambda: ROOT + bytes(512) + WHOLE[512:], "end mark"),
    "a file first": (lambda: entry("volume/a") + END, "not with the folder"),
    "another folder": (lambda: ROOT + entry("else/a") + END, "not in volume"),
    "a name that only begins so": (lambda: ROOT + entry("volume-2/a") + END, "not in volume"),
    "an absolute name": (lambda: ROOT + entry("/etc/passwd") + END, "not in volume"),
    "a way out": (lambda: ROOT + entry("volume/../../etc/passwd") + END, "not in volume"),
    "a name twice": (lambda: ROOT + entry("volume/a") + entry("volume/./a") + END, "in it twice"),
    "the root twice": (lambda: ROOT + ROOT + END, "in it twice"),
    "an unknown kind": (lambda: ROOT + entry("volume/a", b"Z") + END, "type"),
    "a sparse file": (
        lambda: ROOT + entry("volume/a", pax_headers={"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}) + END,
        "sparse",
    ),
    "a size without an end": (lambda: ROOT + entry("volume/a", pax_headers={"size": "9" * 19}) + END, "broke off"),
    "a size below nothing": (lambda: ROOT + entry("volume/a", pax_headers={"size": "-5"}) + END, "number|claims"),
    "an endless extended header": (lambda: ROOT + huge_extended_header() + END, "claims"),
    "an extended header without an entry": (
        lambda: ROOT + entry("volume/a", pax_headers={"comment": "x" * 20})[:1024] + END,
        "extended header has no entry",
    ),
    "a NUL in a name": (lambda: ROOT + entry("volume/a", pax_headers={"path": "volume/a\0b"}) + END, "NUL"),
}


def huge_extended_header() -> bytes:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 1 << 40
    return header.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize("what", HOSTILE)
def test_whatever_is_no_whole_tar_of_a_volume_is_refused(what: str) -> None:
    make, told = HOSTILE[what]
    with pytest.raises(NotWholeError, match=told):
        contents(make())


def test_no_byte_of_a_stream_can_be_flipped_in_a_header_unseen() -> None:
    plain = entry("volume/a", content=b"x", mtime=1.5)
    extended = range(512, 1024)  # has no check sum of its own
    for at in set(range(len(plain) - 512)) - set(extended):
        with pytest.raises(NotWholeError):
            contents(ROOT + flipped(plain, at) + END)


@pytest.mark.parametrize("root", ["/", "volume", "./", "/mnt/volume", "volume/"])
def test_the_first_entry_says_what_is_in_front_of_all_names(root: str) -> None:
    inside = root.rstrip("/") + "/"
    raw = entry(root, tarfile.DIRTYPE) + entry(f"{inside}a/", tarfile.DIRTYPE) + entry(f"{inside}a/b", content=b"b")
    raw += entry(f"{inside}link", tarfile.LNKTYPE, linkname=f"{inside}a/b") + END
    stream = TarStream([raw])
    assert [(found.path, found.link) for found in in_volume(stream)] == [
        (b".", b""),
        (b"a", b""),
        (b"a/b", b""),
        (b"link", b"a/b"),
    ]


def test_a_tar_in_a_tar_is_a_content() -> None:
    inner = io.BytesIO(WHOLE)
    raw = ROOT + entry("volume/inner.tar", content=inner.getvalue()) + END
    assert contents(raw) == {b".": b"", b"inner.tar": WHOLE}
