"""How `remote.run` reads for a person: what each VM wrote, line by line under its name, and the verdict last."""

from __future__ import annotations

from local.output.screen import Screen
from remote.run_report import HostRun, RunReport, word_of

_COLOURS = {"ok": "green", "failed": "red", "inconclusive": "yellow", "refused": "magenta"}


def show(screen: Screen, report: RunReport) -> None:
    """The output of each VM, its stderr after its stdout, how each ended, and the verdict last."""
    checked = report.run.check
    if checked:
        screen.say("check: nothing is run")
    for host in report.hosts:
        for stream, text in (("", host.stdout), (" stderr", host.stderr)):
            for line in _lines(text):
                screen.quote(f"{host.name}{stream} | {line}")
    for host in report.hosts:
        screen.say(f"{word_of(host)}: [{host.name}] {_ending(host, checked=checked)}", _COLOURS[word_of(host)])
    screen.say(report.ending)


def _lines(text: str) -> list[str]:
    """The lines as a terminal would place them; what else could steer it is made printable by the screen."""
    lines = text.removesuffix("\n").split("\n") if text else []
    return [line.removesuffix("\r").expandtabs(8) for line in lines]


def _ending(host: HostRun, *, checked: bool) -> str:
    told = [] if host.exit_code is None or checked else [f"exit code {host.exit_code}"]
    if host.reason:
        told.append(host.reason)
    return "; ".join(told) + ("" if checked else f" ({host.seconds:.1f} s)")
