"""docs/report.png: what `invoke report` makes of three months of real backups and drills, on a moved clock.

    .venv/bin/python -m tests.support.report_picture [FOLDER]

Nothing else is pretended: each database is written to, backed up and drilled as always. FOLDER keeps what it made.
"""

from __future__ import annotations

import random
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from local import clock
from local.backup.run import back_up
from local.drill.run import drill_here
from local.drill.targets import Selection
from local.events import unwatched
from local.page import model, page_file, reading, render
from local.settings import AzureSettings, BackupSettings, Database, DrillSettings, Settings, StoreSettings
from local.store.open import open_repository
from local.version import TOOL
from tests.support import chromium

PICTURE = Path("docs/report.png")
WIDTH, HEIGHT = 1180, 1240
DAYS = 92
DRILL_EVERY_DAYS = 7
DAMAGED_DAY = 43
NAMES = ("mission-control", "costs")


@contextmanager
def moved_clock(moment: datetime) -> Iterator[None]:
    """All of this process takes `moment` for now."""
    own = clock.now
    clock.now = lambda: moment
    try:
        yield
    finally:
        clock.now = own


def live(root: Path) -> Settings:
    """The backups and drills of DAYS days, one of which meets a damaged copy; the settings of all that."""
    (root / "store").mkdir(parents=True)
    databases = tuple(
        Database(name=name, path=root / f"{name}.db", rows={"runs": 1000 * (2 - number)})
        for number, name in enumerate(NAMES)
    )
    configured = Settings(
        store=StoreSettings(url=(root / "store").as_uri()),
        databases=databases,
        drill=DrillSettings(host="ANVIL"),
        backup=BackupSettings(max_age_hours=24),
    )
    chance = random.Random(9)
    for database in databases:
        _grow(database, chance, 24_000)
    for back in range(DAYS, -1, -1):
        with moved_clock(clock.now() - timedelta(days=back, hours=2.4)):
            _live_a_day(root, configured, chance, DAYS - back)
    return configured


def _live_a_day(root: Path, configured: Settings, chance: random.Random, day: int) -> None:
    for number, database in enumerate(configured.databases):
        _grow(database, chance, chance.randint(20, 400) // (1 + number))
    opening = partial(open_repository, configured.store, AzureSettings())
    # The last two days somebody forgot the second one, so that there is something to tell.
    databases = configured.databases[: 1 if day > DAYS - 2 else None]
    report = back_up(opening, databases, root / "cache", unwatched)
    if day % DRILL_EVERY_DAYS == DRILL_EVERY_DAYS - 2 or day == DAMAGED_DAY:
        blob = report.databases[-1].blob
        assert blob
        archive = root / "store" / blob
        whole = archive.read_bytes()
        if day == DAMAGED_DAY:
            archive.write_bytes(whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:])
        drill_here(Selection(opening(), configured.databases), configured.drill.host, unwatched)
        archive.write_bytes(whole)


def _grow(database: Database, chance: random.Random, rows: int) -> None:
    with closing(sqlite3.connect(database.path)) as connection, connection:
        connection.execute("PRAGMA journal_mode=wal")
        connection.execute("CREATE TABLE IF NOT EXISTS runs (id INTEGER PRIMARY KEY, note TEXT)")
        connection.executemany(
            "INSERT INTO runs (note) VALUES (?)", ((chance.randbytes(60).hex(),) for _ in range(rows))
        )


def write_page(configured: Settings, path: Path) -> None:
    """What `invoke report --days 100 --to PATH` does with these settings."""
    repository = open_repository(configured.store, AzureSettings())
    page = model.make(reading.read(repository, configured, (), clock.now(), 100), TOOL)
    page_file.write(path, render.html(page))


def main(arguments: list[str]) -> None:
    """Make the picture, in a folder of its own unless one is named."""
    root = Path(arguments[0]) if arguments else Path(tempfile.mkdtemp(prefix="pillar9-picture-"))
    configured = live(root)
    path = root / "report.html"
    write_page(configured, path)
    chromium.screenshot(path, PICTURE, WIDTH, HEIGHT)
    print(f"{PICTURE} of {path}")


if __name__ == "__main__":
    main(sys.argv[1:])
