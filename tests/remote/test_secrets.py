"""No secret anywhere: every output, log, record, traceback and argument list, in success and in every trouble."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psutil
import pytest

from tests.remote.drill_process import Order
from tests.remote.site import Site
from tests.remote.troubles import TROUBLES, ExpiredLinks, Trouble
from tests.support.azurite import KEY

PROGRAM = Path(__file__).with_name("drill_process.py")
SUCCESSES = (
    Trouble("none", lambda _: None, "passed"),
    Trouble("none, with the account key", Site.hold_account_key, "passed"),
)


@contextmanager
def argument_lists() -> Iterator[set[str]]:
    """The arguments of every process that this one starts meanwhile, and that those start: also of the "VM"."""
    seen: set[str] = set()
    enough = threading.Event()

    def look() -> None:
        mine = psutil.Process()
        while not enough.wait(0.05):
            for child in mine.children(recursive=True):
                try:
                    seen.add(" ".join(child.cmdline()))
                except psutil.Error:
                    continue

    looker = threading.Thread(target=look)
    looker.start()
    try:
        yield seen
    finally:
        enough.set()
        looker.join()


def cases() -> list[object]:
    """Each trouble with the fallback, which has more to tell, every fourth one short; without it of each kind one."""
    troubles = (*SUCCESSES, *TROUBLES)
    with_it = [_with_fallback(trouble, is_short=number % 4 == 0) for number, trouble in enumerate(troubles)]
    return [*with_it, *map(_without_fallback, troubles)]


def _with_fallback(trouble: Trouble, *, is_short: bool) -> object:
    marks = () if is_short else pytest.mark.long
    return pytest.param(trouble, True, id=f"{trouble.name}-fallback", marks=marks)


def _without_fallback(trouble: Trouble) -> object:
    short = trouble.refused or trouble.everywhere or trouble.name == "azure-fails"
    return pytest.param(trouble, False, id=f"{trouble.name}-no fallback", marks=() if short else pytest.mark.long)


@pytest.mark.parametrize(("trouble", "fallback"), cases())
def test_no_secret_is_told_written_or_passed_as_an_argument(site: Site, trouble: Trouble, fallback: bool) -> None:
    site.back_up()
    trouble.make(site)
    order = Order(
        site.store_settings,
        list(site.databases),
        site.azure,
        [site.vm.name],
        fallback,
        site.limits,
        site.store_kind is ExpiredLinks,
    )
    environment = {**os.environ, "PYTHONFAULTHANDLER": "1", "AZURE_LOG_LEVEL": "debug"}
    with argument_lists() as arguments:
        done = subprocess.run(
            [sys.executable, str(PROGRAM)],
            input=msgspec.json.encode(order, enc_hook=str),
            capture_output=True,
            check=False,
            env=environment,
        )

    output = (done.stdout + done.stderr).decode()
    records = "\n".join(msgspec.json.encode(record).decode() for record in site.records())
    scripts = "\n".join((script.stdout + script.stderr).decode() for script in site.deployment.cloud.scripts)
    assert trouble.told in output
    assert any("drill_process.py" in one for one in arguments)
    everything = "\n".join([output, records, scripts, *arguments])
    secrets = [*site.deployment.cloud.secrets(), KEY, os.environ["AZURE_CLIENT_SECRET"], "sig=", "sig%3D"]
    assert [secret for secret in secrets if secret in everything] == []


def test_the_drill_s_processes_are_seen_and_their_arguments_tell_nothing(site: Site) -> None:
    """The search above is worth something only if it sees the interpreter that has the links."""
    site.back_up([f"database-{number}" for number in range(8)], rows=20_000)
    with argument_lists() as arguments:
        assert site.drill().drill.verdict == "passed"

    assert any(one.endswith("-IS -") for one in arguments)
    assert not [one for one in arguments if "sig=" in one]
