"""How far a tar stream has come, without keeping it: whether its end was reached, and which entry is the last."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_BLOCK = 512
_END = bytes(_BLOCK)
# POSIX.1-2001 (https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html), and what GNU tar has for it.
_PAX, _GNU_LONG = b"x", b"L"
_WITHOUT_CONTENT = (b"1", b"2", b"3", b"4", b"5", b"6")
# Nobody's names are longer, and what is kept of a stream stays bounded.
_LONGEST_EXTRA = 1 << 20


@dataclass(frozen=True)
class StreamedEntry:
    """An entry's type as in its header, its size in bytes, and its name as the stream has it."""

    kind: bytes
    size: int
    name: bytes

    @property
    def is_file(self) -> bool:
        return self.kind in (b"0", b"\0")


class TarWalk:
    """Fed with a tar stream piece by piece; ValueError where a header is none."""

    def __init__(self) -> None:
        self.last: StreamedEntry | None = None
        self._zeros = 0
        self._kept = bytearray()
        self._skip = 0
        self._extra: StreamedEntry | None = None
        self._extras: dict[bytes, bytes] = {}

    @property
    def whole(self) -> bool:
        """Whether the two blocks of zeros that end a tar have come, and nothing but zeros since."""
        return self._zeros >= 2 and not self._kept

    def feed(self, piece: bytes) -> None:
        """Go on with the next bytes of the stream."""
        at = 0
        while at < len(piece):
            if self._skip:
                step = min(self._skip, len(piece) - at)
                self._skip -= step
                at += step
                continue
            wanted = _padded(self._extra.size) if self._extra else _BLOCK
            step = min(wanted - len(self._kept), len(piece) - at)
            self._kept += piece[at : at + step]
            at += step
            if len(self._kept) == wanted:
                block = bytes(self._kept)
                self._kept.clear()
                if self._extra:
                    self._extension(block)
                else:
                    self._header(block)

    def _extension(self, content: bytes) -> None:
        assert self._extra
        self._extras[self._extra.kind] = content[: self._extra.size]
        self._extra = None

    def _header(self, block: bytes) -> None:
        if block == _END:
            self._zeros += 1
            return
        if self._zeros:
            raise ValueError("something stands behind the end of the tar")
        entry = StreamedEntry(block[156:157], _number(block[124:136]), _name(block))
        if entry.kind in (_PAX, _GNU_LONG) and entry.size:
            if entry.size > _LONGEST_EXTRA:
                raise ValueError("an extension header is too long")
            self._extra = entry
            return
        self._entry(entry)

    def _entry(self, entry: StreamedEntry) -> None:
        extras, self._extras = self._extras, {}
        pax = dict(_records(extras.get(_PAX, b"")))
        size = int(pax.get(b"size", entry.size))
        name = pax.get(b"path", extras.get(_GNU_LONG, entry.name).rstrip(b"\0"))
        self.last = StreamedEntry(entry.kind, size, name)
        # Of those that POSIX names, only files have content: what stands as a link's or a folder's size counts nothing.
        self._skip = 0 if entry.kind in _WITHOUT_CONTENT else _padded(size)


def _records(pax: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The keys and values of an extension header: "LENGTH KEY=VALUE\\n" each, LENGTH that of all of it."""
    while pax:
        length = int(pax.partition(b" ")[0])
        key, equals, value = pax[:length].partition(b" ")[2].removesuffix(b"\n").partition(b"=")
        if not equals:
            raise ValueError("an extension header has a record that is none")
        yield key, value
        pax = pax[length:]


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _name(block: bytes) -> bytes:
    name, prefix = block[:100].rstrip(b"\0"), block[345:500].rstrip(b"\0")
    return prefix + b"/" + name if prefix and block[257:263] == b"ustar\0" else name


def _number(field: bytes) -> int:
    """An octal number, or one in base 256 as GNU tar writes what is too large for that."""
    if field[0] & 0x80:
        return int.from_bytes(field, "big") & ((1 << 95) - 1)
    return int(field.rstrip(b"\0 ").lstrip(b" ") or b"0", 8)
