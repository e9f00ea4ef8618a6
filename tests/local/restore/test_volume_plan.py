"""Whether a volume's content may be replaced: decided from facts alone, and said in words that mend it."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.restore.volume_kept import KeptVolumes
from local.restore.volume_plan import VolumeState, decide, no_room
from local.volumes.facts import VolumeFacts, VolumeUser

KEPT = KeptVolumes(Path("/data"), "data")
LOCAL = VolumeFacts("data", "local", {}, {}, "/v", "")


def user(state: str) -> VolumeUser:
    return VolumeUser("1", "grafana", state, True)


@pytest.mark.parametrize(
    ("facts", "users", "told"),
    [
        (LOCAL, (), None),
        (None, (), None),
        (LOCAL, (user("running"),), "used by grafana (running)"),
        (LOCAL, (user("paused"),), "used by grafana (paused)"),
        (LOCAL, (user("exited"),), "mounted by grafana (exited)"),
        (VolumeFacts("data", "nfs", {}, {}, "", ""), (), "the driver nfs"),
        (VolumeFacts("data", "local", {}, {"device": ":/x", "type": "nfs"}, "", ""), (), "a device of its own"),
    ],
)
def test_a_volume_is_replaced_only_where_nothing_refers_to_it_and_its_data_goes_with_it(
    facts: VolumeFacts | None, users: tuple[VolumeUser, ...], told: str | None
) -> None:
    refusal = decide(VolumeState(KEPT, None, False, (), facts, users))
    assert (told is None) == (refusal is None)
    if told:
        assert refusal
        assert told in refusal.reason
        assert refusal.mend


@pytest.mark.parametrize(("tar_bytes", "is_refused"), [(None, False), (100, False), (101, True)])
def test_no_room_for_the_tar_is_known_before_it_is_fetched(tar_bytes: int | None, is_refused: bool) -> None:
    refusal = no_room(VolumeState(KEPT, None, False, (), LOCAL, ()), tar_bytes, 100)
    assert (refusal is not None) == is_refused
    if refusal:
        assert "XDG_DATA_HOME" in refusal.mend
