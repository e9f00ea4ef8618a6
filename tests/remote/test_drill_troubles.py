"""Whatever keeps the drill from a genuine verdict: never a pass, always told, and drilled here where that is wanted."""

from __future__ import annotations

import pytest

from local import report
from local.errors import AzureError
from tests.remote.site import Site, reason_of
from tests.remote.troubles import TROUBLES, Trouble


@pytest.fixture(params=TROUBLES, ids=lambda trouble: trouble.name)
def trouble(request: pytest.FixtureRequest, site: Site) -> Trouble:
    """A site in trouble, which holds one good backup."""
    site.back_up()
    made: Trouble = request.param
    made.make(site)
    return made


def test_without_fallback_nothing_is_proven_and_the_reason_is_told(site: Site, trouble: Trouble) -> None:
    if trouble.refused:
        refused = site.refused()
        assert isinstance(refused, AzureError)
        assert refused.exit_code == 3
        assert trouble.told in str(refused)
        assert site.records() == []
        return

    drilled = site.drill()

    assert trouble.told in reason_of(drilled)
    assert (drilled.drill.where, report.exit_code(drilled.drill.verdict)) == ("remote", 4)
    assert site.records() == [drilled]


def test_with_fallback_the_drill_runs_here_and_says_why(site: Site, trouble: Trouble) -> None:
    drilled = site.drill(fallback=True)

    assert (drilled.drill.where, drilled.drill.host) == ("local", "ANVIL")
    assert trouble.told in str(drilled.drill.fallback)
    assert trouble.told in site.told()
    # A link that has expired is of no use here either.
    assert drilled.drill.verdict == ("inconclusive" if trouble.everywhere else "passed")
    assert site.records()[-1] == drilled
