"""Where a volume's tar is best cut: `python -m tests.bench.volume_cut [FOLDER …]` compares ways on trees of real files.

For each change of the tree: the bytes of the chunks that the archive of before does not hold, compressed as an archive
has them. The last column is the size of the whole archive.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from local.archive import chunks
from local.archive.gzip_member import compress, digest_of
from local.drill_program.tar_entries import padded, read_entries
from local.volumes.canonical import END_MARK
from local.volumes.cut import LARGE_BYTES, PlacedEntry, cut
from local.volumes.snapshot import take
from tests.bench import machine, table
from tests.bench.table import Table
from tests.support.folder_reader import FolderReader

FOLDERS = ("/usr/lib/python3", "/usr/share/doc")
SEED = 9
LOG_BYTES = 50_000_000
TEXT_BYTES = 5_000_000
ROWS = 100_000
# What a member takes in an archive beside its compressed bytes: header, trailer and its line in the table.
MEMBER_BYTES = 34 + 28
Lengths = Sequence[int]
Way = Callable[[Path], Lengths]


def make_tree(folder: Path, sources: Sequence[str]) -> None:
    """The sources' files, a log, a large text and a database."""
    folder.mkdir()
    for number, source in enumerate(sources):
        shutil.copytree(source, folder / f"tree-{number}", symlinks=True, ignore_dangling_symlinks=True)
    rng = random.Random(SEED)
    with (folder / "app.log").open("w") as file:
        while file.tell() < LOG_BYTES:
            file.write(log_line(rng))
    with (folder / "text.csv").open("w") as file:
        while file.tell() < TEXT_BYTES:
            file.write(log_line(rng))
    with closing(sqlite3.connect(folder / "app.db", isolation_level=None)) as database:
        database.execute("CREATE TABLE rows(id INTEGER PRIMARY KEY, body TEXT)")
        database.execute("BEGIN")
        database.executemany("INSERT INTO rows(body) VALUES (?)", ((log_line(rng) * 4,) for _ in range(ROWS)))
        database.execute("COMMIT")


def log_line(rng: random.Random) -> str:
    """As a web server writes it."""
    path = f"/{rng.choice(['login', 'api/items', 'static/app.js', 'search'])}?q={rng.randrange(10**6)}"
    return f"10.0.{rng.randrange(256)}.{rng.randrange(256)} - - [29/Nov/2026] GET {path} 200 {rng.randrange(10**5)}\n"


def one_percent_of_files(folder: Path) -> None:
    """A line is added to each of them."""
    files = sorted(path for path in folder.glob("tree-*/**/*") if path.is_file() and not path.is_symlink())
    for path in random.Random(SEED).sample(files, len(files) // 100):
        with path.open("a") as file:
            file.write("one more line\n")


def a_file_first(folder: Path) -> None:
    """Before all others."""
    (folder / "000-new").write_text("new\n" * 800)


def a_log_appended(folder: Path) -> None:
    """100 kB of lines."""
    rng = random.Random(SEED + 1)
    with (folder / "app.log").open("a") as file:
        file.write("".join(log_line(rng) for _ in range(1400)))


def a_line_in_front_of_a_text(folder: Path) -> None:
    """Of 5 MB."""
    path = folder / "text.csv"
    path.write_text(f"one more line\n{path.read_text()}")


def a_text_renamed(folder: Path) -> None:
    """Of 5 MB."""
    (folder / "text.csv").rename(folder / "text-old.csv")


def rows_of_a_database(folder: Path) -> None:
    """0.1 % of them, scattered."""
    with closing(sqlite3.connect(folder / "app.db", isolation_level=None)) as database:
        database.execute("UPDATE rows SET body = upper(body) WHERE id % 1000 = 7")


CHANGES = (
    one_percent_of_files,
    a_file_first,
    a_log_appended,
    a_line_in_front_of_a_text,
    a_text_renamed,
    rows_of_a_database,
)


# The ways


def placed(tar: Path) -> Iterator[PlacedEntry]:
    """The entries of a tar as the cut knows them."""
    at = 0
    with tar.open("rb") as file:
        for entry in read_entries(file):
            yield PlacedEntry(entry.path, entry.offset - at, padded(entry.size))
            at = entry.offset + padded(entry.size)


def by_entry(tar: Path) -> Lengths:
    """As the product cuts."""
    return cut(placed(tar))


def with_headers(tar: Path) -> Lengths:
    """As the product cuts, but a larger file's header begins its first chunk."""
    lengths: list[int] = []
    group: list[PlacedEntry] = []
    for entry in placed(tar):
        if entry.content_bytes < LARGE_BYTES:
            group.append(entry)
            continue
        lengths += gathered(group)
        group = []
        whole = entry.header_bytes + entry.content_bytes
        lengths += [length for _, length in chunks.pieces((0, whole), chunks.SMALL_BYTES)]
    return [*lengths, *gathered(group), len(END_MARK)]


def gathered(group: Sequence[PlacedEntry]) -> Lengths:
    """The groups of small entries."""
    *before, last = cut(group)
    return [*before, last - len(END_MARK)] if last > len(END_MARK) else before


def each_alone(tar: Path) -> Lengths:
    """Each entry is a chunk of its own, larger ones several."""
    lengths = [
        length
        for entry in placed(tar)
        for _, length in chunks.pieces((0, entry.header_bytes + entry.content_bytes), chunks.SMALL_BYTES)
    ]
    return [*lengths, len(END_MARK)]


def fixed(tar: Path) -> Lengths:
    """As a database is cut."""
    return [length for _, length in chunks.cut((), tar.stat().st_size)]


def by_content(tar: Path) -> Lengths:
    """Where a rolling hash (gear) of the last bytes says so: 24 to 192 KiB, 72 KiB on average."""
    rng = random.Random(SEED)
    gear = [rng.getrandbits(64) for _ in range(256)]
    least, most, mask = 24 * 1024, 192 * 1024, 0xFFFF << 40
    raw = tar.read_bytes()
    lengths, start = [], 0
    while start < len(raw):
        hashed, end = 0, min(start + most, len(raw))
        for at in range(min(start + least, end), end):
            hashed = ((hashed << 1) + gear[raw[at]]) & 0xFFFFFFFFFFFFFFFF
            if not hashed & mask:
                end = at + 1
                break
        lengths.append(end - start)
        start = end
    return lengths


WAYS: dict[str, Way] = {
    "by entry": by_entry,
    "the same, header with content": with_headers,
    "each entry alone": each_alone,
    "fixed 96 KiB": fixed,
    "by content": by_content,
}


def members(tar: Path, lengths: Lengths) -> list[tuple[bytes, int]]:
    """Each chunk's digest, and its bytes in an archive."""
    found = []
    with tar.open("rb") as file:
        for length in lengths:
            raw = file.read(length)
            found.append((digest_of(raw), len(compress(raw)) + MEMBER_BYTES))
        if file.read(1):
            raise ValueError("the cut ends before the tar does")
    return found


def main(sources: Sequence[str]) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory(prefix="pillar9-cut-") as folder:
        tree = Path(folder) / "tree"
        make_tree(tree, sources)
        before = snapshot_of(tree, Path(folder) / "before")
        first = {name: members(before, way(before)) for name, way in WAYS.items()}
        sent: dict[str, list[str]] = {name: [] for name in WAYS}
        for change in CHANGES:
            changed = Path(folder) / "changed"
            subprocess.run(["cp", "-a", tree, changed], check=True)
            change(changed)
            after = snapshot_of(changed, Path(folder) / "after")
            for name, way in WAYS.items():
                held = {digest for digest, _ in first[name]}
                new = [packed for digest, packed in members(after, way(after)) if digest not in held]
                sent[name].append(f"{table.size(sum(new))} ({len(new)})")
            shutil.rmtree(changed)
            shutil.rmtree(after.parent)
        rows = tuple((name, *sent[name], *whole(first[name])) for name in WAYS)
        words = [change.__name__.replace("_", " ") for change in CHANGES]
        head = ("cut", *words, "chunks", "archive")
        note = f"New bytes, compressed, and in how many chunks. {', '.join(sources)}, a log, a text and a database."
        print(table.markdown(Table("A volume's cut", note, head, rows), machine.cores()))


def snapshot_of(tree: Path, folder: Path) -> Path:
    """The tree's tar."""
    folder.mkdir()
    return take(FolderReader(tree), folder, look_twice=False).tar


def whole(found: Sequence[tuple[bytes, int]]) -> tuple[str, str]:
    """How many chunks an archive has, and its size."""
    return str(len(found)), table.size(sum(packed for _, packed in found))


if __name__ == "__main__":
    main(sys.argv[1:] or FOLDERS)
