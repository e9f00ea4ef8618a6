"""`invoke drill.local`: choose the backups, run the drill program here, judge what it said, keep the record."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from threading import Thread
from typing import IO, Any

from local.drill import verdict
from local.drill.order import Target
from local.drill.program import program
from local.drill.record import DrillStart, in_order, keep_record, local_report
from local.drill.removed import judged_again
from local.drill.targets import LINK_SECONDS, Selection, find_targets
from local.drill.verdict import ProgramResult
from local.events import Event, Watch
from local.interrupt import if_abandoned
from local.report import DrillReport

# The program ends by itself before its links expire.
DEADLINE_SECONDS = LINK_SECONDS - 5 * 60
# The locale, where temporary files go, whom TLS trusts, the proxies (in either case, as urllib reads them), and where
# the interpreter finds its libraries. Credentials have too many names to be told one by one.
_PASSED_ON = re.compile(
    r"LANG|LC_[A-Z]+|TMPDIR|SQLITE_TMPDIR|SSL_CERT_DIR|(?:DY)?LD_LIBRARY_PATH|(?i:(?:https?|all|no)_proxy)"
)


def drill_here(selection: Selection, host: str, watch: Watch, fallback: str | None = None) -> DrillReport:
    """Drill the selected backups on this machine, called `host`, and keep the record in the store.

    `fallback` is why they are not drilled elsewhere. Raises InconclusiveError where the program gave no whole verdict,
    and the store's errors.
    """
    start = DrillStart.now(host)
    targets = find_targets(selection, here=True)
    outcome = run_program(targets.found, watch) if targets.found else ProgramResult()
    found = (*judged_again(selection, outcome).drilled, *targets.missing)
    databases, volumes = in_order(selection.databases, found), in_order(selection.volumes, found)
    report = local_report(start, replace(outcome, databases=databases, volumes=volumes), fallback)
    told = {(each.name, each.verdict) for each in outcome.drilled}
    for each in report.sources:
        if (each.name, each.verdict) not in told:  # the program had no part in it, or not the last word
            watch(Event(each.name, each.verdict, verdict=each.verdict))
    keep_record(selection.repository.store, report, start.time, watch)
    return report


def run_program(targets: Sequence[Target], watch: Watch) -> ProgramResult:
    """The program text in a Python of its own, as the VM runs it: nothing of ours is imported there.

    Without site-packages it finds zlib-ng by the file that this tool's own environment has.
    """
    nonce = secrets.token_hex(16)
    text = program(targets, nonce=nonce, deadline=DEADLINE_SECONDS, budget=None, progress=True, zlib_ng=zlib_ng_file())
    with subprocess.Popen(
        [sys.executable, "-IS", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=_environment(),
        # A terminal sends Ctrl-C to its whole foreground group, and a Python that only starts up answers at length.
        process_group=0,
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        # The order holds links that are secrets, so it goes through the pipe and never through an argument.
        listener = Thread(target=_listen, args=(process.stderr, watch), daemon=True)
        listener.start()
        try:
            with if_abandoned(process.terminate):
                process.stdin.write(text)
                process.stdin.close()
                output = process.stdout.read()
        except BaseException:
            # It removes its temporary files on this signal, and is heard out meanwhile.
            process.terminate()
            process.wait()
            listener.join()
            raise
        listener.join()
    return verdict.outcome(output, nonce, targets)


def zlib_ng_file() -> str | None:
    """The file of the extension module in this tool's environment; None where it is not installed."""
    try:
        found = importlib.util.find_spec("zlib_ng.zlib_ng")
    except ImportError:
        return None
    return found.origin if found else None


def _listen(stream: IO[str], watch: Watch) -> None:
    for line in stream:
        try:
            said = json.loads(line)
            event = _event(said)
        except (ValueError, KeyError, TypeError):
            event = Event("drill", line.rstrip())
        watch(event)


def _event(said: dict[str, Any]) -> Event:
    if "verdict" in said:
        return Event(said["name"], said["verdict"], verdict=said["verdict"])
    return Event(said["name"], said["step"], said.get("done", 0), said.get("total"))


def _environment() -> dict[str, str]:
    """What the program needs of this process's environment and nothing else, so that no credential gets there.

    urllib knows SSL_CERT_FILE where requests knows REQUESTS_CA_BUNDLE.
    """
    import certifi

    environment = {name: value for name, value in os.environ.items() if _PASSED_ON.fullmatch(name)}
    trusted = os.environ.get("SSL_CERT_FILE") or os.environ.get("REQUESTS_CA_BUNDLE") or certifi.where()
    return {**environment, "SSL_CERT_FILE": trusted}
