"""The shipped script, in a real shell with an environment that holds next to nothing."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from local.errors import InconclusiveError
from remote import script
from tests.azure_cloud.provisioning import make_bin

NONCE = "0" * 32


def ran(tmp_path: Path, text: str, *, programs: tuple[str, ...] = ("python3",), wrapper: str = "") -> str:
    """Its stdout, run as the VM's agent runs it."""
    path = make_bin(tmp_path / "bin", programs, {"python3": wrapper} if wrapper else {})
    script = tmp_path / "script.sh"
    script.write_text(text)
    script.chmod(0o500)
    command = ["/bin/sh", "-c", str(script)]
    return subprocess.run(
        command, env={"PATH": str(path)}, cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout


def test_the_program_runs_with_nothing_but_python3_on_the_path(tmp_path: Path) -> None:
    program = "import sys, os\nprint(sys.argv, sys.flags.isolated, oct(os.umask(0)), 'ünïcode $HOME `x` \\'')"

    assert ran(tmp_path, script.python_script(program, NONCE)) == "['-'] 1 0o77 ünïcode $HOME `x` '\n"


def test_a_vm_without_python3_is_told_by_the_script_itself(tmp_path: Path) -> None:
    stdout = ran(tmp_path, script.python_script("print('never')", NONCE), programs=())

    with pytest.raises(InconclusiveError, match="vm-a: the VM has no python3"):
        script.check_python("vm-a", stdout, NONCE)
    script.check_python("vm-a", stdout, "1" * 32)


def test_a_python3_that_is_too_old_is_told_with_its_version(tmp_path: Path) -> None:
    python = f"PATH=/usr/bin:/bin exec {os.path.realpath(sys.executable)} -IS -"
    old = f"#!/bin/sh\n{{ echo 'import sys; sys.version_info = (3, 6, 9)'; /bin/cat; }} | ({python})\n"
    stdout = ran(tmp_path, script.python_script("print('never')", NONCE), programs=(), wrapper=old)

    with pytest.raises(InconclusiveError, match=r"has only python3 3\.6") as refused:
        script.check_python("vm-a", stdout, NONCE)
    assert "3.8" in refused.value.mend


def test_what_run_command_would_not_take_is_told_and_what_it_takes_is_not() -> None:
    long = script.python_script(secrets.token_hex(script.LONGEST_SCRIPT_BYTES * 3 // 4), NONCE)

    assert "takes 196,608" in str(script.too_long(long))
    assert script.too_long(long[: script.LONGEST_SCRIPT_BYTES]) is None


def test_the_agent_s_umask_is_kept_for_whom_it_is_meant(tmp_path: Path) -> None:
    program = "import os\nprint(os.environ['PILLAR9_UMASK'])"

    before = os.umask(0o027)
    try:
        assert ran(tmp_path, script.python_script(program, NONCE)) == "0027\n"
    finally:
        os.umask(before)
