"""`invoke drill.local`: choose the backups, run the drill program here, judge what it said, keep the record."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from threading import Thread
from typing import IO

import msgspec

from local import clock
from local.drill import targets as drill_targets
from local.drill import verdict
from local.drill.program import program
from local.drill.targets import LINK_SECONDS, Choice, Chosen
from local.events import Event, Watch
from local.report import Drill, DrilledDatabase, DrillReport, worst
from local.settings import Database
from local.store.interface import Store
from local.version import TOOL

# The program ends by itself before its links expire.
DEADLINE_SECONDS = LINK_SECONDS - 5 * 60


def drill_here(
    store: Store,
    prefix: str,
    databases: Sequence[Database],
    choice: Choice,
    host: str,
    watch: Watch,
    fallback: str | None = None,
) -> DrillReport:
    """Drill the chosen backups on this machine and keep the record in the store.

    Raises InconclusiveError where the program gave no whole verdict, and the store's errors.
    """
    started, begin = clock.now(), time.monotonic()
    chosen = drill_targets.choose(store, prefix, databases, choice)
    outcome = _run_program(chosen, watch) if chosen.targets else verdict.ProgramResult((), None, None)
    drilled = in_order(databases, (*outcome.databases, *chosen.missing))
    drill = Drill(
        id=new_id(started),
        where="local",
        host=host,
        started=clock.timestamp(started),
        seconds=round(time.monotonic() - begin, 3),
        verdict=worst(one.verdict for one in drilled),
        fallback=fallback,
        sqlite=outcome.sqlite,
        python=outcome.python,
        tool=TOOL,
    )
    report = DrillReport(drill, drilled)
    keep_record(store, report, started)
    return report


def new_id(started: datetime) -> str:
    """A drill's id: when it started, and a part that no other drill of that moment has."""
    return f"{clock.compact_timestamp(started)}-{secrets.token_hex(4)}"


def in_order(databases: Sequence[Database], drilled: Sequence[DrilledDatabase]) -> tuple[DrilledDatabase, ...]:
    """The results in the configuration's order."""
    found = {one.name: one for one in drilled}
    return tuple(found[database.name] for database in databases)


def keep_record(store: Store, report: DrillReport, started: datetime) -> None:
    """The report becomes the drill record of SPEC section 3."""
    host = "".join(character if character.isalnum() else "-" for character in report.drill.host)
    name = f"drills/{started.date().isoformat()}/{clock.compact_timestamp(started)}-{host}.json"
    store.write(name, msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")


def _run_program(chosen: Chosen, watch: Watch) -> verdict.ProgramResult:
    """The program text in a Python of its own, as the VM runs it: nothing of ours is imported there."""
    nonce = secrets.token_hex(16)
    text = program(chosen.targets, nonce=nonce, deadline=DEADLINE_SECONDS, budget=None, progress=True)
    with subprocess.Popen(
        [sys.executable, "-IS", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=_environment(),
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        # The order holds links that are secrets, so it goes through the pipe and never through an argument.
        listener = Thread(target=_listen, args=(process.stderr, watch), daemon=True)
        listener.start()
        try:
            process.stdin.write(text)
            process.stdin.close()
            output = process.stdout.read()
        except BaseException:
            # It removes its temporary files on this signal; leaving the context waits for that.
            process.terminate()
            raise
        listener.join()
    return verdict.outcome(output, nonce, chosen.targets)


def _listen(stream: IO[str], watch: Watch) -> None:
    for line in stream:
        try:
            said = json.loads(line)
            event = Event(said["name"], said["step"], said.get("done", 0), said.get("total"))
        except (ValueError, KeyError, TypeError):
            event = Event("drill", line.rstrip())
        watch(event)


def _environment() -> dict[str, str]:
    """This process's, without credentials; urllib knows SSL_CERT_FILE where requests knows REQUESTS_CA_BUNDLE."""
    import certifi

    environment = {name: value for name, value in os.environ.items() if not name.startswith("AZURE_")}
    trusted = os.environ.get("SSL_CERT_FILE") or os.environ.get("REQUESTS_CA_BUNDLE") or certifi.where()
    return {**environment, "SSL_CERT_FILE": trusted}
