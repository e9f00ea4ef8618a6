"""Both halves of an admin's work, told by the commands themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.rbac.admin import Admin
from tests.rbac.blob_gate import BlobGate
from tests.support.workshop import Workshop


@pytest.fixture
def workshop(store_admin: Admin, tmp_path: Path) -> Workshop:
    """An installation whose VM and store are the deployment's."""
    root = tmp_path / "workshop"
    root.mkdir()
    workshop = Workshop(root, store_admin.store)
    workshop.more = {"azure": msgspec.to_builtins(store_admin.azure)}
    workshop.add("costs")
    return workshop


def test_one_command_for_both_halves_and_one_to_undo_it(store_admin: Admin, gate: BlobGate, workshop: Workshop) -> None:
    cloud = store_admin.deployment.cloud
    admin = cloud.credential_environment(store_admin.deployment.admin)
    admin["PILLAR9_PRINCIPAL_CLIENT_SECRET"] = store_admin.deployment.backup.secret
    backup = cloud.credential_environment(store_admin.deployment.backup)

    def ran(*arguments: str) -> tuple[int, Any]:
        done = workshop.invoke(*arguments, "--json", environment=admin)
        return done.returncode, json.loads(done.stdout)["rbac"]

    assert workshop.invoke("backup", environment=backup).returncode != 0
    assert ran("rbac.check")[0] == 1
    assert ran("rbac.fix", "--store", "--check")[1]["changed"] is True
    code, fixed = ran("rbac.fix", "--store", "--wait", "60")
    assert (code, fixed["effective"], fixed["verdict"]) == (0, True, "passed")
    assert ran("rbac.check")[0] == 0
    assert workshop.invoke("backup", environment=backup).returncode == 0
    assert not [blob for method, blob in gate.seen if method == "PUT" and "probe" in blob and blob not in deleted(gate)]
    taken = ran("rbac.revoke", "--store", "--wait", "60")[1]["taken_back"]
    assert len(taken) == 3
    assert ran("rbac.check")[0] == 1
    assert workshop.invoke("backup", environment=backup).returncode != 0


def deleted(gate: BlobGate) -> set[str]:
    return {blob for method, blob in gate.seen if method == "DELETE"}
