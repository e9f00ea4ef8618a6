from __future__ import annotations

import pytest
from invoke.config import Config

from local import environment
from local.settings import Settings


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("INVOKE_STORE_URL", True),
        ("INVOKE_STORE_URLL", True),
        ("INVOKE_STOR_URL", True),
        ("INVOKE_DATABASE", True),
        ("INVOKE_DATABASES", True),
        ("INVOKE_RUNTIME_CONFG", True),
        ("INVOKE_RUNTIMECONFIG", True),
        ("INVOKE_RUNTIME_CONFIG", False),
        ("INVOKE_RUN_ECHO", False),
        ("INVOKE_TASKS_SEARCH_ROOT", False),
        ("INVOKE_DEBUG", False),
        ("INVOKE_OF_ANOTHER_PROJECT", False),
        ("STORE_URL", False),
    ],
)
def test_a_variable_that_is_ours_or_is_meant_to_be_is_taken(name: str, ours: bool) -> None:
    variables = {name: "x"}

    taken = environment.take(variables, Settings, Config.global_defaults())

    assert (name in taken, name in variables) == (ours, not ours)
