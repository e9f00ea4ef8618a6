"""`remote.run` on the stand-in: what a command did on the VM, as it was, and nothing that was not so."""

from __future__ import annotations

import base64
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from local.errors import ConfigError
from remote.command import RemoteCommand
from remote.run import check_run
from tests.azure_cloud import faults
from tests.azure_cloud.faults import Fault
from tests.remote.commands import HANGING, Ordered, alive, python_there, run, run_on, run_script
from tests.remote.site import ACTION, Site
from tests.remote.troubles import ELSEWHERE

ODD = """printf '%s' 'it'"'"'s "quoted" $HOME `x` \\\\ ünïcødé 日本 '; printf "a\\tb\\r\\n"
printf '%s\\n' "second  line ; & | > < * ? [a] {b} ! # ~" >&2"""


@pytest.mark.parametrize(
    ("text", "verdict", "code"),
    [
        ("echo done", "passed", 0),
        ("exit 7", "failed", 7),
        ("no-such-program", "failed", 127),
        ("kill -KILL $$", "failed", 137),
        ("kill -TERM $$", "failed", 143),
        ("false | true", "passed", 0),
        ("set -e; false; echo never", "failed", 1),
    ],
)
def test_the_exit_code_is_the_command_s_own(site: Site, text: str, verdict: str, code: int) -> None:
    found = run(site, text)

    assert (found.verdict, found.exit_code) == (verdict, code)
    assert (found.reason is not None) == text.startswith("kill")
    assert "never" not in found.stdout


def test_streams_are_apart_and_byte_for_byte_what_the_shell_wrote(site: Site) -> None:
    found = run(site, ODD)

    assert found.stdout == """it's "quoted" $HOME `x` \\\\ ünïcødé 日本 a\tb\r\n"""
    assert found.stderr == "second  line ; & | > < * ? [a] {b} ! # ~\n"
    assert (found.verdict, found.exit_code, found.reason) == ("passed", 0, None)


def test_bytes_that_are_no_utf_8_are_exact_in_base64_and_the_command_may_hold_some(site: Site) -> None:
    content = b"printf '\xff\xfe\\n'; printf 'plain' >&2"

    (found,) = run_on(site, Ordered(content), [site.vm.name]).hosts

    assert found.stdout == "��\n"
    assert base64.b64decode(str(found.stdout_base64)) == b"\xff\xfe\n"
    assert not found.stderr_base64


def test_stdin_is_empty_and_the_folder_is_its_own_private_and_gone_afterwards(site: Site) -> None:
    vm_files = site.give_vm_own_temporary_folder()
    look = "import os, sys; print(len(sys.stdin.read()), os.listdir('.'), oct(os.stat('..').st_mode)[-3:], os.getcwd())"

    found = run(site, f'python3 -c "{look}"; umask; echo kept > file')

    count, names, mode, path = found.stdout.splitlines()[0].split(" ", 3)
    assert (count, names, mode) == ("0", "[]", "700")
    assert path.startswith(str(vm_files))
    # The umask is the agent's, as it would be without us between.
    before = os.umask(0o22)
    os.umask(before)
    assert int(found.stdout.splitlines()[1], 8) == before
    assert list(vm_files.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "stdout", "code"),
    [
        (b"#!%(python)s -I\nimport sys\nprint('python', sys.flags.isolated)\nsys.exit(3)\n", "python 1\n", 3),
        (b"#! /bin/sh\necho shell\n", "shell\n", 0),
        (b"echo none\n", "none\n", 0),
        (b"#!/no/such/interpreter\n", "", 127),
        (b"#!/\n", "", 126),
        (b"#!\n", "", 126),
    ],
)
def test_a_script_runs_by_the_interpreter_that_it_names(site: Site, content: bytes, stdout: str, code: int) -> None:
    python = os.path.realpath(sys.executable).encode()

    found = run_script(site, content.replace(b"%(python)s", python))

    assert (found.stdout, found.exit_code) == (stdout, code)
    assert bool(found.stderr) == (code > 100)


def test_what_run_command_would_not_take_is_a_mistake_and_nothing_is_sent(site: Site) -> None:
    with pytest.raises(ConfigError, match=r"--script: is 200,000 bytes long.* takes 196,608"):
        check_run(site.azure, RemoteCommand(os.urandom(200_000), True, 60))
    check_run(site.azure, RemoteCommand(b"echo 0123456789\n" * 20_000, True, 60))

    assert site.deployment.cloud.scripts == []


# What takes long, and what stays


STUBBORN = """
import os, signal, sys, time
for name in ("plain", "own session", "bare environment", "deaf"):
    if os.fork() == 0:
        if name != "plain":
            os.setsid()
        if name == "bare environment":
            os.execve(sys.executable, ["python3", "-c", "import time; time.sleep(600)"], {})
        if name == "deaf":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            if os.fork():
                os._exit(0)
        print(os.getpid(), flush=True)
        time.sleep(600)
time.sleep(600)
"""


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="a VM of Azure's that takes shell scripts is a Linux")
def test_a_command_whose_time_is_up_is_ended_with_all_that_it_started(site: Site) -> None:
    found = run(site, f"trap 'exit 0' TERM; {python_there(STUBBORN)}", timeout=2)

    assert (found.verdict, found.exit_code) == ("failed", None)
    assert found.reason == "it was ended, with what it had started, after 2 s (--timeout)"
    started = [int(line) for line in found.stdout.splitlines()]
    assert len(started) == 3
    assert [pid for pid in started if alive(pid)] == []
    (script,) = site.deployment.cloud.scripts
    assert script.returncode == 0


def test_a_child_that_goes_on_is_told_and_not_waited_for(site: Site) -> None:
    begin = time.monotonic()
    found = run(site, "sleep 60 & echo $!")

    try:
        assert (found.verdict, found.exit_code) == ("passed", 0)
        assert found.reason == "1 process that it started still run there"
        assert time.monotonic() - begin < 50
    finally:
        os.kill(int(found.stdout), signal.SIGKILL)


# Truthfulness


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (faults.cut_short(0.1), "cut short"),
        (faults.replaced_output("all is well, exit code 0"), "result line"),
        (faults.replaced_output(""), "result line"),
        (faults.replaced_output(ELSEWHERE), "result line"),
        (faults.replaced_output(f"PILLAR9 {'0' * 32} 1/1 {'0' * 64} c-k{{"), "of another run"),
        (faults.truncated_output(100), "result line"),
        (faults.altered_output(), "altered or cut"),
        (faults.agent_failed(), "has not reported status"),
        (faults.vm_gone(), "was not found"),
        (faults.throttled(1).on(surface="arm", method="POST", times=50), "TooManyRequests"),
        (faults.server_error(500).on(surface="arm", method="POST", times=50), "HTTP 500"),
    ],
)
def test_what_is_no_whole_answer_of_this_run_is_inconclusive(site: Site, fault: Fault, told: str) -> None:
    site.deployment.cloud.inject(fault)

    found = run(site, "sleep 1")

    assert (found.verdict, found.exit_code, found.stdout) == ("inconclusive", None, "")
    assert told in str(found.reason)


@pytest.mark.parametrize("fault", [faults.agent_stuck(), faults.endless_poll()], ids=lambda fault: fault.kind)
def test_a_stuck_agent_is_given_up_and_the_way_out_is_told(site: Site, fault: Fault) -> None:
    site.deployment.cloud.inject(fault)

    found = run(site, "true", timeout=1, pace=HANGING)

    assert (found.verdict, found.exit_code) == ("inconclusive", None)
    assert "told no end of it" in str(found.reason)
    assert "RemoveRunCommandLinuxExtension" in str(found.reason)


def test_an_answer_of_yesterday_is_none_of_today(site: Site) -> None:
    assert run(site, "echo yesterday").verdict == "passed"
    (script,) = site.deployment.cloud.scripts
    site.deployment.cloud.inject(faults.replaced_output(script.stdout.decode()))

    found = run(site, "echo today")

    assert (found.verdict, found.stdout) == ("inconclusive", "")
    assert "of another run" in str(found.reason)


def test_a_vm_without_python3_says_so(site: Site) -> None:
    site.use_vm(site.add_vm("vm-bare", programs=()))

    found = run(site, "true")

    assert (found.verdict, found.exit_code) == ("inconclusive", None)
    assert "the VM has no python3; install python3 3.8 or later" in str(found.reason)


# Several VMs


def test_three_vms_of_which_one_is_down_and_one_is_busy(site: Site) -> None:
    down, busy = site.add_vm("vm-down"), site.add_vm("vm-busy")
    site.deployment.cloud.set_power(down, "deallocated")
    site.deployment.cloud.occupy(busy, 600)

    report = run_on(site, Ordered(b"echo hello", pace=HANGING), [site.vm.name, "vm-down", "vm-busy"])

    assert [host.verdict for host in report.hosts] == ["passed", "inconclusive", "inconclusive"]
    assert report.hosts[0].stdout == "hello\n"
    assert "az vm start" in str(report.hosts[1].reason)
    assert "another command kept it busy" in str(report.hosts[2].reason)
    assert (report.run.verdict, report.exit_code) == ("inconclusive", 4)
    assert report.ending == "remote.run INCONCLUSIVE: vm-down and vm-busy told no whole answer, 1 of 3 passed"


def test_one_failure_stands_before_all_else(site: Site) -> None:
    site.add_vm("vm-bare", programs=())
    site.add_vm("vm-b")

    text = "test -e /nonexistent/$PATH || case $PATH in *vm-b/*) exit 3;; esac"
    report = run_on(site, Ordered(text.encode()), [site.vm.name, "vm-bare", "vm-b"])

    assert [host.verdict for host in report.hosts] == ["passed", "inconclusive", "failed"]
    assert (report.run.verdict, report.exit_code) == ("failed", 1)


def test_where_azure_refuses_every_vm_the_exit_code_is_3(site: Site) -> None:
    site.deployment.cloud.unassign(site.right)

    report = run_on(site, Ordered(b"true"), [site.vm.name])

    assert (report.exit_code, report.ending) == (
        3,
        f"remote.run INCONCLUSIVE: {site.vm.name} could not be used, 0 of 1 passed",
    )
    assert ACTION in str(report.hosts[0].reason)
    assert "invoke rbac.fix" in str(report.hosts[0].reason)
