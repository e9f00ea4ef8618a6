"""Which entries a volume's tar has, in which order, whatever the engine's was: a walk's, a folder's names by bytes.

Of the names of one file the first has the content; an engine may have told of another one first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from local.drill_program.file_list import path_text
from local.drill_program.tar_entries import TarEntry
from local.volumes.seen import ROOT, SeenEntry
from local.volumes.tar_stream import NotWholeError


def arranged(entries: Sequence[SeenEntry]) -> list[SeenEntry]:
    """The same entries in the tar's order; NotWholeError for a hard link to nothing, or a path through a file.

    A hard link to anything but a file (Linux links symlinks and FIFOs too) becomes another of its kind: unpacked, the
    content is the same, and no reader of tar has to follow a link to a link.
    """
    by_path = {seen.entry.path: seen for seen in entries}
    linked: dict[bytes, list[bytes]] = {}
    found: dict[bytes, SeenEntry] = {}
    for path, seen in by_path.items():
        target = by_path.get(seen.entry.link) if seen.entry.kind == "hard link" else None
        if seen.entry.kind != "hard link":
            found[path] = seen
        elif target is None or target.entry.kind in ("hard link", "folder"):
            link = path_text(seen.entry.link)
            raise NotWholeError(f"{path_text(path)} is linked to {link}, which is not in it as a file")
        elif target.entry.kind == "file":
            linked.setdefault(seen.entry.link, []).append(path)
        else:
            found[path] = SeenEntry(replace(target.entry, path=path))
    for path, others in linked.items():
        found.update(_one_file(by_path[path], [path, *others]))
    for path, seen in found.items():
        parent = found.get(path.rpartition(b"/")[0] or ROOT)
        if path != ROOT and (parent is None or parent.entry.kind != "folder"):
            raise NotWholeError(f"{path_text(seen.entry.path)} is in no folder that is in it")
    return [found[path] for path in sorted(found, key=walk_order)]


def walk_order(path: bytes) -> bytes:
    """A key by which a folder comes before all in it, and that before whatever comes behind the folder."""
    return b"" if path == ROOT else path.replace(b"/", b"\0")


def _one_file(seen: SeenEntry, paths: Iterable[bytes]) -> dict[bytes, SeenEntry]:
    first, *others = sorted(paths, key=walk_order)
    content = seen if first == seen.entry.path else replace(seen, entry=replace(seen.entry, path=first))
    return {first: content} | {path: SeenEntry(_link(seen.entry, path, first)) for path in others}


def _link(entry: TarEntry, path: bytes, target: bytes) -> TarEntry:
    """What is so of the file is told once, with its content."""
    return replace(entry, kind="hard link", path=path, link=target, size=0, xattrs=())
