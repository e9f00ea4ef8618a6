"""What is recorded of a volume's files, and how a path is written. The backup records it with these functions, so both
ends count alike. `tar_entries` reads the entries.
"""

from __future__ import annotations

import hashlib
import re

from local.drill_program.tar_entries import TarEntry

# Written as they are: ASCII but for the control characters, and all beyond but those that are not seen or that turn the
# direction of what follows. Listed here, since what `str.isprintable` says differs between versions of Python.
NOT_SHOWN = re.compile(
    "[\x00-\x1f\x7f-\xa0\xad\u061c\u070f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202f\u205f-\u206f"
    "\u3164\ud800-\uf8ff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\U000e0000-\U0010ffff]"
)
ESCAPED = re.compile(r"\\(?:\\|x([0-9a-f]{2}))")


class FileList:
    """Counts and digests a tar's entries as they are added, in the tar's order.

    `entries` counts them all, `files` every one but the volume's own root (`.`): files, folders, symlinks, hard links
    and FIFOs alike. `bytes` sums the sizes of the regular files; a hard link has none of its own. `outward` has the
    paths of the symlinks that lead out of the volume, as `path_text` writes them.

    The digest is the SHA-256 over the entries, the root included, each as netstrings (https://cr.yp.to/proto/netstrings.txt)
    of: kind, path, link target, then mode (in octal), uid, gid, mtime in nanoseconds and size (in decimal), and the
    number of extended attributes with each one's name and value, in the order of their names.
    """

    def __init__(self) -> None:
        self.entries, self.files, self.bytes = 0, 0, 0
        self.outward: list[str] = []
        self.digest = hashlib.sha256()

    def add(self, entry: TarEntry) -> None:
        """The next entry of the tar."""
        self.entries += 1
        self.files += entry.path != b"."
        self.bytes += entry.size
        if leads_out(entry):
            self.outward.append(path_text(entry.path))
        numbers = b"%o %d %d %d %d %d" % (
            entry.mode,
            entry.uid,
            entry.gid,
            entry.mtime_ns,
            entry.size,
            len(entry.xattrs),
        )
        texts = [
            entry.kind.encode(),
            entry.path,
            entry.link,
            numbers,
            *(text for pair in entry.xattrs for text in pair),
        ]
        self.digest.update(b"".join(b"%d:%s," % (len(text), text) for text in texts))

    @property
    def sha256(self) -> str:
        """The digest of what was added so far."""
        return self.digest.hexdigest()


def leads_out(entry: TarEntry) -> bool:
    """Whether this is a symlink that leads out of the volume, or may: `..` follows a name, which may be a link too."""
    if entry.kind != "symlink":
        return False
    parts = [part for part in entry.link.split(b"/") if part not in (b"", b".")]
    climbs = next((number for number, part in enumerate(parts) if part != b".."), len(parts))
    return entry.link.startswith(b"/") or climbs > entry.path.count(b"/") or b".." in parts[climbs:]


def path_text(raw: bytes) -> str:
    """A path for a person, a record and a message, from which `path_bytes` makes the same path again.

    UTF-8 as it is, a backslash doubled; whatever is no UTF-8, or is not seen, byte by byte as `\\xNN`.
    """
    text = raw.decode("utf-8", "surrogateescape").replace("\\", "\\\\")
    return NOT_SHOWN.sub(escaped_bytes, text)


def escaped_bytes(found: re.Match[str]) -> str:
    """One character, byte by byte."""
    return "".join(f"\\x{byte:02x}" for byte in found[0].encode("utf-8", "surrogateescape"))


def path_bytes(text: str) -> bytes:
    """The path that `path_text` wrote so; ValueError for a text that it never writes."""
    pieces: list[bytes] = []
    at = 0
    for escape in ESCAPED.finditer(text):
        pieces += [text[at : escape.start()].encode(), bytes.fromhex(escape[1]) if escape[1] else b"\\"]
        at = escape.end()
    raw = b"".join([*pieces, text[at:].encode()])
    if path_text(raw) != text:
        raise ValueError("no path is written so")
    return raw
