"""The whole story of the VM's right, told by the commands: refused, mended, proven, undone, refused again."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import msgspec
import pytest

from tests.azure_cloud.state import ServicePrincipal
from tests.remote.site import ACTION, Site
from tests.support.workshop import Workshop


class Console:
    """A shell in which one principal is logged in."""

    def __init__(self, site: Site, workshop: Workshop, who: ServicePrincipal, **more: str) -> None:
        self.workshop = workshop
        self.environment = {**site.deployment.cloud.credential_environment(who), **more}

    def invoke(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        done = self.workshop.invoke(*arguments, environment=self.environment)
        assert "Traceback" not in done.stderr
        return done

    def document(self, *arguments: str) -> Any:
        return json.loads(self.invoke(*arguments, "--json").stdout)


@pytest.fixture
def consoles(site: Site) -> tuple[Console, Console]:
    """The operator's (the backup principal), and the admin's, who holds the principal's secret to prove with."""
    site.deployment.cloud.unassign(site.right)
    workshop = Workshop(site.folder, site.store_settings)
    workshop.more = {"azure": msgspec.to_builtins(site.azure), "drill": {"host": "ANVIL", "fallback": False}}
    for name in ("costs", "hivemind"):
        workshop.add(name)
    operator = Console(site, workshop, site.deployment.backup)
    admin = Console(
        site, workshop, site.deployment.admin, PILLAR9_PRINCIPAL_CLIENT_SECRET=site.deployment.backup.secret
    )
    assert operator.invoke("backup").returncode == 0
    return operator, admin


def test_from_nothing_to_a_proven_drill_and_back(site: Site, consoles: tuple[Console, Console]) -> None:
    operator, admin = consoles
    site.deployment.cloud.set_timing(propagation=1.0)

    refused = operator.invoke("drill.remote")
    assert refused.returncode == 3
    assert ACTION in refused.stderr
    assert " rbac.fix (a right granted minutes ago" in refused.stderr

    checked = {one["action"]: one["allowed"] for one in admin.document("rbac.check")["rbac"]["checks"]}
    assert checked[ACTION] is False

    writes = len(site.deployment.cloud.writes())
    assert admin.invoke("rbac.fix", "--check").returncode == 0
    assert len(site.deployment.cloud.writes()) == writes

    fixed = admin.document("rbac.fix")["rbac"]
    assert (fixed["verdict"], fixed["changed"], fixed["effective"]) == ("passed", True, True)

    drilled = operator.document("drill.remote")
    assert drilled["drill"]["verdict"] == "passed"
    assert (drilled["drill"]["where"], drilled["drill"]["host"]) == ("remote", site.vm.name)
    assert {one["name"]: one["rows"]["tasks"]["restored"] for one in drilled["databases"]} == {
        "costs": 1000,
        "hivemind": 1000,
    }

    writes = len(site.deployment.cloud.writes())
    again = admin.document("rbac.fix")["rbac"]
    assert (again["verdict"], again["changed"]) == ("passed", False)
    assert len(site.deployment.cloud.writes()) == writes

    assert admin.invoke("rbac.revoke").returncode == 0
    site.deployment.cloud.skip(5)
    assert operator.invoke("drill.remote").returncode == 3


def test_a_remote_drill_says_what_a_local_one_says(consoles: tuple[Console, Console]) -> None:
    operator, admin = consoles
    assert admin.invoke("rbac.fix").returncode == 0

    remote, local = operator.document("drill.remote"), operator.document("drill.local")

    def told(report: Any) -> list[Any]:
        return [
            (one["name"], one["verdict"], one["sha256"], one["rows"], [step["name"] for step in one["steps"]])
            for one in report["databases"]
        ]

    assert told(remote) == told(local)


def test_with_fallback_a_drill_that_is_refused_runs_here_and_says_so(
    consoles: tuple[Console, Console],
) -> None:
    operator, _ = consoles
    operator.workshop.more["drill"]["fallback"] = True

    done = operator.invoke("drill.remote", "--json")

    assert done.returncode == 0
    report = json.loads(done.stdout)
    assert (report["drill"]["where"], report["drill"]["host"]) == ("local", "ANVIL")
    assert ACTION in report["drill"]["fallback"]
