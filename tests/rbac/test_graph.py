"""A principal is found by whatever a person has at hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from local.cloud.errors import AccessDeniedError
from local.errors import ConfigError
from rbac import graph
from rbac.facts import Principal
from tests.azure_cloud.faults import throttled
from tests.rbac.desk import Desk


def resolve(desk: Desk, wanted: str) -> Principal:
    with desk.surfaces() as (_, directory):
        return graph.resolve(directory, wanted)


@pytest.mark.parametrize(
    "form", ["app_id", "object_id", "application_object_id", "display_name", "prefix", "long prefix", "upper case"]
)
def test_every_form_of_the_id_finds_the_same_principal(desk: Desk, form: str) -> None:
    backup = desk.estate.backup
    forms = {"prefix": "1a0b3018", "long prefix": "1a0b3018-0000-40", "upper case": backup.app_id.upper()}

    found = resolve(desk, forms.get(form) or getattr(backup, form))

    ids = (backup.object_id, backup.app_id, backup.display_name, backup.application_object_id)
    assert found == Principal(*ids)


def test_several_matches_are_listed_with_all_their_ids_over_all_pages(desk: Desk) -> None:
    twin = desk.estate.cloud.add_service_principal("twin", app_id="1a0b3018-ffff-4000-8000-000000000002")
    desk.estate.cloud.world.page_size = 1

    with pytest.raises(ConfigError, match="2 match") as refused:
        resolve(desk, "1a0b3018")

    for one in (desk.estate.backup, twin):
        for known in (one.display_name, one.app_id, one.object_id, one.application_object_id):
            assert known in str(refused.value)
    assert refused.value.exit_code == 2


def test_a_name_that_two_principals_share_is_not_guessed(desk: Desk) -> None:
    desk.estate.cloud.add_service_principal("alai-backup")

    with pytest.raises(ConfigError, match="2 match"):
        resolve(desk, "alai-backup")


def test_a_prefix_and_a_name_are_both_looked_for(desk: Desk) -> None:
    named = desk.estate.cloud.add_service_principal("deadbeef")

    assert resolve(desk, "deadbeef").object_id == named.object_id


def test_a_name_with_a_quote_is_taken_literally(desk: Desk) -> None:
    quoted = desk.estate.cloud.add_service_principal("Bob's & Eve's backup + 100%")

    assert resolve(desk, quoted.display_name).object_id == quoted.object_id


@pytest.mark.parametrize("wanted", ["1a0b301", "ffffffff", "nobody", "9b1d7c7e-1111-4222-8333-444455556666"])
def test_nobody_is_an_error_that_says_what_is_accepted(desk: Desk, wanted: str) -> None:
    with pytest.raises(ConfigError, match="there is none in this tenant") as refused:
        resolve(desk, wanted)

    assert "application id" in refused.value.mend


def test_without_directory_rights_an_object_id_still_works_and_nothing_else_does(desk: Desk) -> None:
    desk.log_in(desk.estate.backup)
    backup = desk.estate.backup

    taken = resolve(desk, backup.object_id)
    with pytest.raises(AccessDeniedError) as refused:
        resolve(desk, "1a0b3018")

    assert taken == Principal(backup.object_id)
    assert not taken.verified
    assert refused.value.exit_code == 3
    assert "object id" in refused.value.mend
    assert backup.app_id in str(refused.value)


def test_groups_are_told_where_the_directory_may_be_read(desk: Desk) -> None:
    team = desk.estate.cloud.add_group("backup operators")
    world = desk.estate.cloud.world
    world.principals[desk.estate.backup.object_id] = replace(desk.estate.backup, groups=(team.object_id,))
    who = Principal(desk.estate.backup.object_id)

    with desk.surfaces() as (_, directory):
        assert graph.groups(directory, who) == frozenset({team.object_id})
    desk.log_in(desk.estate.backup)
    with desk.surfaces() as (_, directory):
        assert graph.groups(directory, who) is None


def test_a_throttled_directory_is_waited_for(desk: Desk) -> None:
    desk.estate.cloud.inject(throttled(0.01).on(surface="graph", times=2))

    assert resolve(desk, "1a0b3018").object_id == desk.estate.backup.object_id
    assert [one.status for one in desk.estate.cloud.requests if one.surface == "graph"][:3] == [429, 429, 200]
