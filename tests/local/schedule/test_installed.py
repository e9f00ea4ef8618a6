from __future__ import annotations

from typing import get_args

import pytest

from local.errors import ConfigError
from local.schedule.agents import Agent
from local.schedule.installed import judge_agent, precondition
from local.schedule.plan import AgentState


@pytest.mark.parametrize("state", get_args(AgentState))
def test_only_an_agent_that_is_there_as_it_should_be_is_ok(state: AgentState) -> None:
    check = judge_agent("com.alai.azure-db-backup", state)

    assert (check.verdict == "ok") == (state == "ok")
    assert ("invoke schedule" in check.mend) == (state != "ok")


def test_where_nobody_can_look_it_is_told() -> None:
    def survey() -> list[Agent]:
        raise ConfigError("schedule", "no scheduler here", "run it on the machine itself")

    (check,) = precondition(survey).look()

    assert check.verdict == "fail"
    assert "no scheduler here" in check.message
