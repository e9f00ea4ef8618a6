"""How far a tar stream has come, without keeping it: whether its end was reached, and which entry is the last."""

from __future__ import annotations

from dataclasses import dataclass

from local.drill_program.tar_entries import padded
from local.drill_program.tar_header import BLOCK_BYTES, POSIX_MAGIC, parse_records, pax_number, tar_number, until_nul

_END = bytes(BLOCK_BYTES)
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
    """Fed with a tar stream piece by piece; ValueError or BackupWrongError where a header is none."""

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
            wanted = padded(self._extra.size) if self._extra else BLOCK_BYTES
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
        entry = StreamedEntry(block[156:157], tar_number(block[124:136]), _name(block))
        if entry.kind in (_PAX, _GNU_LONG) and entry.size:
            if entry.size > _LONGEST_EXTRA:
                raise ValueError("an extension header is too long")
            self._extra = entry
            return
        self._entry(entry)

    def _entry(self, entry: StreamedEntry) -> None:
        extras, self._extras = self._extras, {}
        pax = parse_records(extras.get(_PAX, b""))
        size = pax_number(pax[b"size"]) if b"size" in pax else entry.size
        name = pax.get(b"path", extras.get(_GNU_LONG, entry.name).rstrip(b"\0"))
        self.last = StreamedEntry(entry.kind, size, name)
        # Of those that POSIX names, only files have content: what stands as a link's or a folder's size counts nothing.
        self._skip = 0 if entry.kind in _WITHOUT_CONTENT else padded(size)


def _name(block: bytes) -> bytes:
    name, prefix = until_nul(block[:100]), until_nul(block[345:500])
    return prefix + b"/" + name if prefix and block[257:265] == POSIX_MAGIC else name
