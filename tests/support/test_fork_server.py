"""A forked process of `invoke` and a fresh one cannot be told apart by what they say and how they end."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.support.fork_server import CHECKOUT, run_invoke


@pytest.mark.parametrize(
    ("command", "code"),
    [("--list", 0), ("backup.list", 2), ("nothing.of-this-name", 1)],
)
def test_it_says_and_ends_as_a_fresh_one(command: str, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The product reads the variable when it is imported: it is the order's own."""
    variable = {"INVOKE_STORE_URL": "nowhere"}
    monkeypatch.setenv("INVOKE_STORE_URL", "file:///tmp/another")

    forked = run_invoke(command, environment=variable)
    fresh = subprocess.run(
        [sys.executable, "-m", "invoke", command],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        env={**os.environ, **variable},
    )

    told, as_fresh = (re.sub(r"^[\d:.T-]+Z ", "", text) for text in (forked.stderr, fresh.stderr))
    assert (forked.returncode, forked.stdout, told) == (fresh.returncode, fresh.stdout, as_fresh)
    assert forked.returncode == code


def test_what_the_interpreter_reads_at_its_start_holds_too() -> None:
    listed = run_invoke("--list", environment={"PYTHONVERBOSE": "1"})

    assert "import 'site'" in listed.stderr
