"""A simulated year without anybody: what was told, what was drilled and when, and what became of what was proven.

Each run is a whole process of `invoke` on a real store, with real receivers of its alerts; what is moved is the
product's clock (`moved_clock`), and the starts come from a story in the place of launchd or systemd.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from local.settings import StoreSettings
from local.store.repository import Repository
from local.watch.history import gather
from tests.local.watch.stored import ListingStore
from tests.support import azure_faults, receivers
from tests.support.azurite import Azurite
from tests.support.receivers import HttpReceiver
from tests.support.shelf import SHELF
from tests.support.workshop import Workshop
from tests.unattended.expected import RIGHT, WRONG, Expected
from tests.unattended.life import Life
from tests.unattended.machine import NAMES, Machine
from tests.unattended.page import tell
from tests.unattended.reach import AzureReach, FolderReach
from tests.unattended.story import WEEKS, YEAR, Story

# The newest day of backups and that of drills; of each database that of the point that is proven, and the days after it
# that still had its content: `hivemind` is written to before each fifth backup alone.
MOST_DAYS_LISTED = 8
# The days that there are, twice; those; and the two records of a day on which a failed drill was repeated.
MOST_REQUESTS = 2 + MOST_DAYS_LISTED + 2
START = "/backup/start"


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    """An HTTP server that keeps what it is sent."""
    with receivers.http_receiver() as running:
        yield running


@pytest.mark.parametrize("story", [WEEKS, pytest.param(YEAR, marks=pytest.mark.long)], ids=["weeks", "year"])
def test_every_alert_comes_once_no_drill_is_missed_and_nothing_proven_is_pruned(
    folder_workshop: Workshop, receiver: HttpReceiver, story: Story
) -> None:
    root = folder_workshop.root / "store"
    life = lived(Machine(folder_workshop, receiver, story, FolderReach(root)))

    assert_as_expected(life)
    if story is YEAR:
        store = ListingStore(root)
        gather(Repository(store, SHELF), NAMES, evening(life), story.max_age_days)
        assert len(store.listed) <= MOST_DAYS_LISTED < len(store.folders("sqlite"))
        tell(life)


@pytest.mark.long
def test_the_same_in_azure(azurite: Azurite, azure_workshop: Workshop, receiver: HttpReceiver) -> None:
    """The weeks alone: each run while the network is away waits for its retries."""
    with azure_faults.running(azurite) as proxy:
        url = azure_workshop.store_settings.url
        azure_workshop.store_settings = StoreSettings(url=f"{proxy.url}/{url.rpartition('/')[2]}")
        life = lived(Machine(azure_workshop, receiver, WEEKS, AzureReach(proxy, url)))

        assert_as_expected(life)
        proxy.requests.clear()
        assert_status_is_ok(life.machine, evening(life))
        assert len(proxy.requests) <= MOST_REQUESTS


def lived(machine: Machine) -> Life:
    """The machine's life, from its installation to the end of its story."""
    machine.workshop.configuration()
    life = Life(machine, Expected(machine.story, NAMES))
    life.live()
    return life


def evening(life: Life) -> datetime:
    """After the last run."""
    return max(moment for moment, _ in life.machine.story.scheduled()) + timedelta(minutes=30)


def assert_as_expected(life: Life) -> None:
    """All that is promised of a machine that nobody looks after."""
    story = life.machine.story
    assert life.messages == life.expected.messages
    lines = [line for _, told in life.messages for line in told]
    # The story has one of each in it, or the equality above says little.
    for kind in (*WRONG.values(), *RIGHT.values()):
        assert any(line == kind.format(name) for line in lines for name in NAMES), kind
    assert_pings(life)
    assert life.drill_days == list(story.drill_days)
    assert life.counts["points in time pruned"] > 0
    assert_status_is_ok(life.machine, evening(life))


def assert_pings(life: Life) -> None:
    """Each check heard each end, in order, and each start, but for those of killed runs, which may be lost."""
    heard = [path for path in life.machine.receiver.paths if path != "/messages"]
    assert [path for path in heard if path != START] == [path for path in life.expected.pings if path != START]
    killed = sum(lid.killed for lid in life.machine.story.lids)
    assert 0 <= life.expected.pings.count(START) - heard.count(START) <= killed


def assert_status_is_ok(machine: Machine, moment: datetime) -> None:
    """`invoke status` at that moment."""
    begin = time.monotonic()
    done = machine.run(moment, "status", "--json")
    print(f"invoke status: {time.monotonic() - begin:.2f} s")
    assert done.returncode == 0, done
    assert {database["verdict"] for database in json.loads(done.stdout)["databases"]} == {"ok"}
