"""`invoke remote.run` as an operator types it: words, options, what is shown, and the exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from local.errors import ConfigError
from local.output.screen import Screen
from remote import command_program, run_text
from remote.command import Ran, StreamBytes, ran
from remote.run_report import HostRun, RefusedHost, Run, RunReport, host_run
from remote.tasks import _wanted
from tests.remote.site import ACTION, Site
from tests.support.workshop import Workshop

ODD = """printf '%s\\n' "it's \\"quoted\\" \\$HOME \\\\ ünï" '-x' ; exit 7"""


@pytest.fixture
def workshop_of_site(site: Site) -> Workshop:
    """An installation that knows the site's VM, and has one database that no command here needs."""
    workshop = Workshop(site.folder, site.store_settings)
    workshop.more = {"azure": msgspec.to_builtins(site.azure)}
    workshop.add("costs")
    return workshop


def test_the_command_reaches_the_vm_as_it_was_typed_and_its_exit_code_is_told(
    site: Site, workshop_of_site: Workshop
) -> None:
    shown = workshop_of_site.invoke("remote.run", ODD)
    document = workshop_of_site.invoke("remote.run", ODD, "--json")

    assert (shown.returncode, document.returncode) == (1, 1), shown.stderr
    lines = [line.split(" ", 1)[1] for line in shown.stdout.splitlines()]
    assert f"""{site.vm.name} | it's "quoted" $HOME \\ ünï""" in lines
    assert f"{site.vm.name} | -x" in lines
    assert lines[-1] == f"remote.run FAILED: {site.vm.name} ended with an error, 0 of 1 passed"
    told = json.loads(document.stdout)
    (host,) = told["hosts"]
    assert list(told) == ["schema", "run", "hosts"]
    assert (told["run"]["verdict"], host["verdict"], host["exit_code"]) == ("failed", "failed", 7)
    assert host["stdout"] == """it's "quoted" $HOME \\ ünï\n-x\n"""
    assert "stdout_base64" not in host


def test_check_runs_nothing_and_tells_by_what_right_it_would(site: Site, workshop_of_site: Workshop) -> None:
    allowed = workshop_of_site.invoke("remote.run", "echo hello", "--check")
    site.deployment.cloud.unassign(site.right)
    refused = workshop_of_site.invoke("remote.run", "echo hello", "--check", "--json")

    assert site.deployment.cloud.scripts == []
    assert allowed.returncode == 0, allowed.stdout + allowed.stderr
    lines = [line.split(" ", 1)[1] for line in allowed.stdout.splitlines()]
    assert lines[0].endswith("a check, which changes nothing")
    assert lines[1] == "check: nothing is run"
    assert lines[-1] == "check of remote.run: it would run on 1 of 1; nothing was run"
    assert f"{ACTION}: through Virtual Machine Contributor on resource group" in allowed.stdout
    told = json.loads(refused.stdout)
    # Without the role it may not even read who may what.
    assert refused.returncode in (3, 4)
    assert told["run"]["check"] is True
    assert told["hosts"][0]["verdict"] == "inconclusive"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((None, None, 600), "COMMAND: is missing"),
        (("", None, 600), "COMMAND: is empty"),
        (("true", "script.sh", 600), "are both given"),
        (("true", None, 0), "--timeout: is 0"),
        (("true", None, 4801), "--timeout: is 4801"),
    ],
)
def test_what_cannot_be_meant_is_a_mistake(options: tuple[str | None, str | None, int], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        _wanted(*options)


def test_a_script_s_file_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "script"
    path.write_bytes(b"#!/bin/sh\r\n\xff\x00")

    assert _wanted(None, str(path), 60).content == b"#!/bin/sh\r\n\xff\x00"
    assert _wanted("\udcff", None, 60).content == b"\xff"


def test_what_a_vm_writes_steers_no_terminal_and_the_verdict_is_last(capsys: pytest.CaptureFixture[str]) -> None:
    evil = HostRun(name="vm-a", verdict="passed", exit_code=0, stdout="\x1b[2Ja\tb\r\n\nc", stderr="\x07e\n", seconds=1)
    refused = RefusedHost(name="vm-b", verdict="inconclusive", reason="no right")
    run = Run(id="r", started="2026-05-05T12:00:00.000Z", seconds=1, verdict="inconclusive")

    run_text.show(Screen(), RunReport(run, (evil, refused)))

    lines = [line.split(" ", 1)[1] for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "vm-a | \\x1b[2Ja   b",
        "vm-a | ",
        "vm-a | c",
        "vm-a stderr | \\x07e",
        "ok: [vm-a] exit code 0 (1.0 s)",
        "refused: [vm-b] no right (0.0 s)",
        "remote.run INCONCLUSIVE: vm-b could not be used, 1 of 2 passed",
    ]


NOTHING = StreamBytes(b"", 0, b"")


@pytest.mark.parametrize(
    ("code", "signal", "verdict", "told"),
    [
        (0, None, "passed", 0),
        (1, None, "failed", 1),
        (255, None, "failed", 255),
        (None, 9, "failed", 137),
        (None, None, "failed", None),
    ],
)
def test_only_an_exit_code_of_0_passes(code: int | None, signal: int | None, verdict: str, told: int | None) -> None:
    found = host_run("vm-a", Ran(code, signal, 1.0, 0, None, NOTHING, NOTHING), 60)

    assert (found.verdict, found.exit_code) == (verdict, told)


GOOD = {
    "exit_code": 0,
    "signal": None,
    "seconds": 0.1,
    "left_running": 0,
    "kept_folder": None,
    "python": "3.8.10",
    "stdout": [2, 0, 0],
    "stderr": [0, 5, 1],
}


def test_an_answer_is_read_piece_by_piece() -> None:
    found = ran(json.dumps(GOOD).encode() + b"\nab\n")

    assert (found.stdout, found.stderr) == (StreamBytes(b"ab", 0, b""), StreamBytes(b"", 5, b"\n"))


@pytest.mark.parametrize(
    ("changes", "output"),
    [
        ({}, b"\nab"),
        ({}, b"\nabcd"),
        ({}, b""),
        ({"exit_code": "0"}, b"\nab\n"),
        ({"exit_code": -1}, b"\nab\n"),
        ({"exit_code": 256}, b"\nab\n"),
        ({"signal": 9}, b"\nab\n"),
        ({"extra": 1}, b"\nab\n"),
        ({"stdout": [2, 0]}, b"\nab\n"),
        ({"stdout": [4, 0, -2]}, b"\nab\n"),
    ],
)
def test_an_answer_that_says_what_cannot_be_is_none(changes: dict[str, object], output: bytes) -> None:
    from local.errors import InconclusiveError

    with pytest.raises(InconclusiveError):
        ran(json.dumps({**GOOD, **changes}).encode() + output)


def test_what_is_shipped_needs_no_python_later_than_3_8() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import vermin; vermin.main()", "-t=3.8-", "--no-tips", *command_program.__path__],
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout
