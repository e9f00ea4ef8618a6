"""A principal is found by whatever a person has at hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from local.cloud.errors import AccessDeniedError
from local.errors import ConfigError
from rbac import graph
from rbac.facts import Principal
from tests.azure_cloud.faults import throttled
from tests.rbac.admin import Admin


def resolve(admin: Admin, wanted: str) -> Principal:
    with admin.clients() as clients:
        return graph.resolve(clients.graph, wanted)


@pytest.mark.parametrize(
    "form", ["app_id", "object_id", "application_object_id", "display_name", "prefix", "long prefix", "upper case"]
)
def test_every_form_of_the_id_finds_the_same_principal(admin: Admin, form: str) -> None:
    backup = admin.deployment.backup
    forms = {"prefix": "1a0b3018", "long prefix": "1a0b3018-0000-40", "upper case": backup.app_id.upper()}

    found = resolve(admin, forms.get(form) or getattr(backup, form))

    ids = (backup.object_id, backup.app_id, backup.display_name, backup.application_object_id)
    assert found == Principal(*ids)


def test_several_matches_are_listed_with_all_their_ids_over_all_pages(admin: Admin) -> None:
    twin = admin.deployment.cloud.add_service_principal("twin", app_id="1a0b3018-ffff-4000-8000-000000000002")
    admin.deployment.cloud.state.page_size = 1

    with pytest.raises(ConfigError, match="2 match") as refused:
        resolve(admin, "1a0b3018")

    for principal in (admin.deployment.backup, twin):
        for known in (principal.display_name, principal.app_id, principal.object_id, principal.application_object_id):
            assert known in str(refused.value)
    assert refused.value.exit_code == 2


def test_a_name_that_two_principals_share_is_not_guessed(admin: Admin) -> None:
    admin.deployment.cloud.add_service_principal("alai-backup")

    with pytest.raises(ConfigError, match="2 match"):
        resolve(admin, "alai-backup")


def test_a_prefix_and_a_name_are_both_looked_for(admin: Admin) -> None:
    named = admin.deployment.cloud.add_service_principal("deadbeef")

    assert resolve(admin, "deadbeef").object_id == named.object_id


def test_a_name_with_a_quote_is_taken_literally(admin: Admin) -> None:
    quoted = admin.deployment.cloud.add_service_principal("Bob's & Eve's backup + 100%")

    assert resolve(admin, quoted.display_name).object_id == quoted.object_id


@pytest.mark.parametrize("wanted", ["1a0b301", "ffffffff", "nobody", "9b1d7c7e-1111-4222-8333-444455556666"])
def test_nobody_is_an_error_that_says_what_is_accepted(admin: Admin, wanted: str) -> None:
    with pytest.raises(ConfigError, match="there is none in this tenant") as refused:
        resolve(admin, wanted)

    assert "application id" in refused.value.mend


def test_without_directory_rights_an_object_id_still_works_and_nothing_else_does(admin: Admin) -> None:
    admin.log_in_as(admin.deployment.backup)
    backup = admin.deployment.backup

    taken = resolve(admin, backup.object_id)
    with pytest.raises(AccessDeniedError) as refused:
        resolve(admin, "1a0b3018")

    assert taken == Principal(backup.object_id)
    assert not taken.verified
    assert refused.value.exit_code == 3
    assert "object id" in refused.value.mend
    assert backup.app_id in str(refused.value)


def test_groups_are_told_where_the_directory_may_be_read(admin: Admin) -> None:
    team = admin.deployment.cloud.add_group("backup operators")
    state = admin.deployment.cloud.state
    state.principals[admin.deployment.backup.object_id] = replace(admin.deployment.backup, groups=(team.object_id,))
    who = Principal(admin.deployment.backup.object_id)

    with admin.clients() as clients:
        assert graph.groups(clients.graph, who) == frozenset({team.object_id})
    admin.log_in_as(admin.deployment.backup)
    with admin.clients() as clients:
        assert graph.groups(clients.graph, who) is None


def test_a_throttled_directory_is_waited_for(admin: Admin) -> None:
    admin.deployment.cloud.inject(throttled(0.01).on(surface="graph", times=2))

    assert resolve(admin, "1a0b3018").object_id == admin.deployment.backup.object_id
    assert [request.status for request in admin.deployment.cloud.requests if request.surface == "graph"][:3] == [
        429,
        429,
        200,
    ]
