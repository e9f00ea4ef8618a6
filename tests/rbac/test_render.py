"""What an admin reads."""

from __future__ import annotations

import io

from rbac.render import show
from rbac.result import Checked, Line, Outcome, PrincipalIds
from tests.rbac.desk import Desk


def shown(outcome: Outcome) -> list[str]:
    from rich.console import Console

    out = io.StringIO()
    show(outcome, Console(file=out, width=80))
    return out.getvalue().splitlines()


def test_each_thing_is_one_line_and_the_recap_counts_them(desk: Desk) -> None:
    lines = shown(desk.fix())

    assert lines[0].startswith("ok: [principal] alai-backup (application id 1a0b3018-")
    assert any(line.startswith("changed: [assignment] assigned: Virtual Machine Contributor") for line in lines)
    assert lines[-1] == "recap: ok=3 changed=1 failed=0 warning=5 skipped=1"
    assert shown(desk.fix(check=True))[-1].endswith("(check: nothing was changed)")


def test_a_hostile_display_name_cannot_write_to_the_terminal() -> None:
    line = Line("ok", "principal", "evil\x1b[2J\r[bold]name[/bold]\nfailed: [x]")
    report = Checked("passed", False, PrincipalIds("evil", None, "id"), ())

    lines = shown(Outcome(report, (line,)))

    assert lines[0] == "ok: [principal] evil [2J [bold]name[/bold] failed: [x]"
