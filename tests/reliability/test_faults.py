"""What can befall a request between us and the store: each run ends in success or in a clear error, and tells truly.

Exit 0 exactly where the new content is the store's newest with its sidecar; whatever happened, the store's newest is
whole and drills, and the next run mends what is left.
"""

from __future__ import annotations

from itertools import count

import pytest

from tests.reliability import armings
from tests.reliability.armings import READ_SECONDS
from tests.reliability.commands import Arming, Ended
from tests.reliability.conftest import Installations
from tests.reliability.installation import KINDS, RESTORE, Installation
from tests.support.azure_faults import Fault, FaultyAzurite, cut_after, cut_before, refused, slow, stalled
from tests.support.tally import counted

FAULTS = {
    "the answer lost after the service carried it out": cut_after,
    "the connection cut on the way": cut_before,
    "a stall, longer than is waited": stalled(1.5 * READ_SECONDS),
    "500 Internal Server Error": refused(500, "InternalError"),
    "503 Server Busy": refused(503, "ServerBusy"),
    "429 with Retry-After": refused(429, "TooManyRequests", Retry_After="1"),
    "403 in the middle": refused(403, "AuthorizationFailure"),
    "a slow link": slow(2_000_000),
}
# From one request on, for all that follow.
LASTING = {
    "the store is away for good": cut_before,
    "answers that never come": stalled(1.5 * READ_SECONDS),
    "403 for good": refused(403, "AuthorizationFailure"),
    "503 for good": refused(503, "ServerBusy"),
}
SAMPLE = ["Put Block List", "Put Blob", "Put Block", "List Blobs", "Get Blob Properties"]
FOR_GOOD = 10**6


def assert_ended_well(installation: Installation, *arm: Arming) -> Ended:
    """A backup through the faults that wait for it, and all that is asked after it."""
    before = installation.before()
    ended = installation.run("backup", *arm)
    installation.assert_told_truly(before, ended)
    return ended


def assert_mended(installation: Installation, faults: FaultyAzurite) -> None:
    """With the faults gone the newest drills, and the next run leaves nothing of the one before."""
    faults.heal()
    installation.assert_drills()
    installation.assert_next_run_mends()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_backup_of_which_a_request_meets_a_fault_tells_truly(
    installations: Installations, faults: FaultyAzurite, fault: str
) -> None:
    installation = installations.on_azure("incremental")
    second = SAMPLE[1 + list(FAULTS).index(fault) % (len(SAMPLE) - 1)]
    for operation in (SAMPLE[0], second):
        faults.fail(operation, FAULTS[fault], times=1)
        with counted("faults between us and the store", f"backup: {fault}"):
            ended = assert_ended_well(installation)
            assert faults.count(operation)
            faults.heal()
            if ended.code:
                installation.assert_next_run_mends()
        installation.change()


@pytest.mark.parametrize(
    ("kind", "operation", "fault"),
    [
        ("incremental", "Put Block", "403 in the middle"),
        ("next day", "Put Block", "the answer lost after the service carried it out"),
        ("next day", "Put Block", "403 in the middle"),
        ("next day", "Copy Blob", "the connection cut on the way"),
    ],
)
def test_a_backup_of_which_a_block_that_goes_ahead_meets_a_fault_tells_truly(
    installations: Installations, faults: FaultyAzurite, kind: str, operation: str, fault: str
) -> None:
    installation = installations.on_azure(kind)
    faults.fail(operation, FAULTS[fault], times=1)
    with counted("faults between us and the store", f"backup, while blocks go ahead: {fault}"):
        assert_ended_well(installation, armings.ahead)
        assert faults.count(operation)
        assert_mended(installation, faults)


@pytest.mark.long
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_backup_of_which_any_request_meets_a_fault_tells_truly(
    installations: Installations, faults: FaultyAzurite, kind: str, fault: str
) -> None:
    met_by_each(installations, faults, kind, (f"backup: {fault}", FAULTS[fault]), times=1)


@pytest.mark.long
@pytest.mark.parametrize("fault", LASTING)
@pytest.mark.parametrize("kind", KINDS)
def test_a_backup_from_whose_store_nothing_comes_any_more_tells_truly(
    installations: Installations, faults: FaultyAzurite, kind: str, fault: str
) -> None:
    met_by_each(installations, faults, kind, (f"backup: {fault}", LASTING[fault]), times=FOR_GOOD)


def met_by_each(
    installations: Installations, faults: FaultyAzurite, kind: str, fault: tuple[str, Fault], times: int
) -> None:
    """A run in which the first request meets the fault, one in which the second does, to one that has none left."""
    for number in count():
        installation = installations.on_azure(kind)
        asked = len(faults.requests)
        faults.fail_at(number, fault[1], times)
        with counted("faults between us and the store", fault[0]):
            assert_ended_well(installation)
            is_met = len(faults.requests) - asked > number
            assert_mended(installation, faults)
        if not is_met:
            return


@pytest.mark.parametrize("fault", ["the answer lost after the service carried it out", "429 with Retry-After"])
def test_a_drill_of_which_a_request_meets_a_fault_passes(
    installations: Installations, faults: FaultyAzurite, fault: str
) -> None:
    installation = installations.on_azure("unchanged")
    faults.fail("Get Blob", FAULTS[fault], times=1, ending=".db.gz")
    with counted("faults between us and the store", f"drill.local: {fault}"):
        assert installation.run("drill.local").code == 0
        assert faults.count("Get Blob", ".db.gz") > 1


@pytest.mark.long
@pytest.mark.parametrize("fault", [*FAULTS, *LASTING])
def test_a_drill_of_which_any_request_meets_a_fault_is_never_wrong(
    installations: Installations, faults: FaultyAzurite, fault: str
) -> None:
    """It passes, or nothing was proven: a sound backup has never failed."""
    installation = installations.on_azure("unchanged")
    for number in count():
        asked = len(faults.requests)
        faults.fail_at(number, {**FAULTS, **LASTING}[fault], 1 if fault in FAULTS else FOR_GOOD)
        with counted("faults between us and the store", f"drill.local: {fault}"):
            ended = installation.run("drill.local")
            assert ended.code in (0, 3, 4), ended
            assert "Traceback" not in ended.told
            assert installation.leftovers() == []
        faults.heal()
        if len(faults.requests) - asked <= number:
            break
    assert number > 2


def assert_restored_truly(installation: Installation) -> None:
    """Exit 0 exactly where the backup stands at the live path; a sound backup has never failed, and never is half."""
    before = installation.before()
    ended = installation.run(RESTORE)
    assert "Traceback" not in ended.told
    assert ended.code in (0, 3, 4), ended
    installation.assert_nothing_lost(before)
    assert (ended.code == 0) == (installation.live_number() == before.stored), ended
    if ended.code:
        assert list(installation.workshop.root.glob("*.pre-restore-*")) == [], "it was touched"


def test_a_restore_of_which_a_request_meets_a_fault_tells_truly(
    installations: Installations, faults: FaultyAzurite
) -> None:
    installation = installations.on_azure("incremental")
    for fault, operation in (("403 in the middle", "Get Blob"), ("503 Server Busy", "List Blobs")):
        faults.fail(operation, FAULTS[fault], times=1)
        with counted("faults between us and the store", f"restore --live: {fault}"):
            assert_restored_truly(installation)
            assert installation.leftovers() == []
        faults.heal()


@pytest.mark.long
@pytest.mark.parametrize("fault", [*FAULTS, *LASTING])
def test_a_restore_of_which_any_request_meets_a_fault_tells_truly(
    installations: Installations, faults: FaultyAzurite, fault: str
) -> None:
    for number in count():
        installation = installations.on_azure("incremental")
        asked = len(faults.requests)
        faults.fail_at(number, {**FAULTS, **LASTING}[fault], 1 if fault in FAULTS else FOR_GOOD)
        with counted("faults between us and the store", f"restore --live: {fault}"):
            assert_restored_truly(installation)
            assert installation.leftovers() == []
            is_met = len(faults.requests) - asked > number
            faults.heal()
            installation.assert_drills()
        if not is_met:
            break
    assert number > 2


@pytest.mark.parametrize("command", ["backup", "drill.local"])
def test_a_container_that_does_not_exist_is_told(installations: Installations, command: str) -> None:
    installation = installations.on_azure("unchanged")
    client = installation.workshop.store.connection.client  # type: ignore[attr-defined]
    client.delete_container()
    with counted("faults between us and the store", f"{command}: the container does not exist"):
        ended = installation.run(command)
        assert ended.code == 3, ended
        assert "container" in ended.told


def test_a_sidecar_that_is_refused_for_good_is_told_and_the_next_run_mends_it(
    installations: Installations, faults: FaultyAzurite
) -> None:
    installation = installations.on_azure("incremental")
    faults.fail("Put Blob", refused(403, "AuthorizationFailure"), ending=".sha256")
    with counted("faults between us and the store", "backup: the sidecar refused for good"):
        ended = assert_ended_well(installation)
        assert ended.code == 1
        assert "stored and whole" in ended.told
        assert not installation.sidecar_fits()
        faults.heal()
        installation.assert_next_run_mends()
