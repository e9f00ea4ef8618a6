"""What an admin reads."""

from __future__ import annotations

import pytest

from local.output.screen import Screen
from rbac.render import show
from rbac.result import CheckReport, Line, Outcome, PrincipalIds
from tests.rbac.admin import Admin


def shown(outcome: Outcome, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines of a log, without their timestamps."""
    show(outcome, Screen())
    return [line.partition("Z ")[2] for line in capsys.readouterr().out.splitlines()]


def test_each_thing_is_one_line_and_the_recap_counts_them(admin: Admin, capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(admin.fix(), capsys)

    assert lines[0].startswith("ok: [principal] alai-backup (application id 1a0b3018-")
    assert any(line.startswith("changed: [assignment] assigned: Virtual Machine Contributor") for line in lines)
    assert lines[-1] == "recap: ok=3 changed=1 failed=0 warning=6 skipped=1"
    assert shown(admin.preview_fix(), capsys)[-1].endswith("(check: nothing was changed)")


def test_a_hostile_display_name_cannot_write_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    line = Line("ok", "principal", "evil\x1b[2J\r[bold]name[/bold]\nfailed: [x]")
    report = CheckReport("passed", False, PrincipalIds("evil", None, "id"), ())

    lines = shown(Outcome(report, (line,)), capsys)

    assert lines[0] == "ok: [principal] evil\\x1b[2J\\r[bold]name[/bold]\\nfailed: [x]"
