"""A VM's root writes what it likes into the answer, a configuration says anything: neither ends in a traceback."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local import settings as configuration
from local.drill import verdict
from local.errors import ConfigError, InconclusiveError
from tests.local.drill.test_verdict import DIGEST, TARGET, found, printed
from tests.support import tally
from tests.support.drill_archives import NONCE

SOME = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(st.characters(codec=None), max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


def line(payload: str) -> str:
    """A result line that is whole."""
    digest = hashlib.sha256(payload.encode(errors="replace")).hexdigest()
    return f"PILLAR9 {NONCE} 1/1 {digest} {payload}"


@SOME
@given(st.sampled_from([*found()]), values)
def test_no_result_with_another_field_passes_unless_it_says_the_same(field: str, value: Any) -> None:
    try:
        (database,) = verdict.outcome(printed(found(**{field: value})), NONCE, [TARGET]).databases
    except InconclusiveError:
        pass
    else:
        assert database.verdict != "passed" or (database.sha256, database.gzip_bytes) == (DIGEST, TARGET.gzip_bytes)
    tally.count("hostile answers", "a field of the result line")


@SOME
@given(st.text(st.characters(codec=None), max_size=60))
def test_no_text_of_any_characters_is_a_result(text: str) -> None:
    for output in (text, line(text), f"{line(text)}\ud800"):
        with pytest.raises(InconclusiveError):
            verdict.outcome(output, NONCE, [TARGET])


def test_a_result_of_millions_of_values_is_not_read() -> None:
    packed = base64.b85encode(zlib.compress(b"[" + b"0," * 2_500_000 + b"0]")).decode()

    with pytest.raises(InconclusiveError, match="more values than any"):
        verdict.outcome(line(packed), NONCE, [TARGET])


@SOME
@given(st.dictionaries(st.sampled_from(["store", "databases", "azure", "drill", "backup", "x"]), values, max_size=4))
def test_no_configuration_ends_in_anything_but_settings_or_a_mistake(config: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        configuration.load(config)
    tally.count("hostile configurations", "a value")


def test_a_floor_that_no_table_can_reach_is_a_mistake() -> None:
    config = {"store": {"url": "file:///x"}, "databases": [{"name": "a", "path": "/a.db", "rows": {"t": 10**30}}]}

    with pytest.raises(ConfigError, match=r"databases\[0\]\.rows\.t"):
        configuration.load(config)


def test_a_list_that_aliases_make_endless_is_not_written_out() -> None:
    bomb: Any = ["x"] * 10
    for _ in range(12):
        bomb = [bomb] * 10

    with pytest.raises(ConfigError) as caught:
        configuration.load({"store": {"url": "file:///x"}, "databases": [bomb]})
    assert len(json.dumps(str(caught.value))) < 2000
