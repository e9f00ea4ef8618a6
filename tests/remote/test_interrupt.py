"""Ctrl-C while the VM works: the operator is free at once, and the VM cleans up by itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tests.azure_cloud.provisioning import make_bin
from tests.remote.site import Site
from tests.support.workshop import CHECKOUT

WAITING_PYTHON = """#!/bin/sh
until [ -e {go} ]; do sleep 0.1; done
exec {python} "$@"
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_waiting_at_once_and_the_vm_s_files_go_away(
    site: Site, tmp_path: Path, number: signal.Signals
) -> None:
    site.back_up()
    go = tmp_path / "go"
    wrapper = WAITING_PYTHON.format(go=go, python=os.path.realpath(sys.executable))
    path = make_bin(tmp_path / "slow-bin", ["sleep"], {"python3": wrapper})
    vm_files = site.give_vm_own_temporary_folder()
    site.use_vm(site.deployment.cloud.change_vm(site.vm, path=str(path)))
    config = tmp_path / "config.json"
    settings = {"store": site.store_settings, "databases": site.databases, "azure": site.azure}
    config.write_bytes(msgspec.json.encode(settings, enc_hook=str))

    command = [sys.executable, "-m", "invoke", "-f", str(config), "drill.remote"]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        site.await_script()
        process.send_signal(number)
        output = b"".join(process.communicate())

    assert process.returncode == 128 + number
    assert b"Traceback" not in output
    assert b"sig=" not in output
    assert site.deployment.cloud.agent.running_on(site.vm) is not None
    go.touch()
    assert site.deployment.cloud.settle(site.vm)
    assert list(vm_files.iterdir()) == []
