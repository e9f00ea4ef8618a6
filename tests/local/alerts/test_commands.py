"""The commands as a person and as a schedule run them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.fork_server import CHECKOUT
from tests.support.receivers import HttpReceiver, Mailbox
from tests.support.workshop import Workshop


def keep(workshop: Workshop, key: str, *urls: str) -> Path:
    """A file of these URLs that is configured as `alerts.KEY_file`."""
    path = workshop.root / f"{key}.urls"
    path.write_text("\n".join(urls))
    path.chmod(0o600)
    workshop.more.setdefault("alerts", {})[f"{key}_file"] = str(path)
    return path


def test_alert_test_tries_every_channel_and_every_check(
    folder_workshop: Workshop, receiver: HttpReceiver, mailbox: Mailbox
) -> None:
    folder_workshop.add("costs")
    mail = f"mailto://127.0.0.1:{mailbox.port}?from=a@example.com&to=b@example.com&mode=insecure"
    keep(folder_workshop, "urls", f"json://{receiver.address}/tokenA", mail)
    keep(folder_workshop, "ping", f"http://{receiver.address}/tokenB")
    keep(folder_workshop, "drill_ping", f"http://{receiver.address}/tokenC")

    done = folder_workshop.invoke("alert.test", "--json")

    document = json.loads(done.stdout)
    assert done.returncode == 0
    assert document["schema"] == 1
    assert document["alerts"]["verdict"] == "passed"
    assert [each["kind"] for each in document["channels"]] == ["json", "mailto", "ping", "drill ping"]
    assert {each["verdict"] for each in document["channels"]} == {"passed"}
    assert "token" not in done.stdout + done.stderr
    assert sorted(receiver.paths) == ["/tokenA", "/tokenB/log", "/tokenC/log"]
    assert str(mailbox.messages[0]["Subject"]).endswith("test of the alerts")


def test_alert_test_fails_with_any_channel_and_is_a_mistake_without_one(
    folder_workshop: Workshop, receiver: HttpReceiver
) -> None:
    folder_workshop.add("costs")
    none = folder_workshop.invoke("alert.test")
    keep(folder_workshop, "urls", f"json://{receiver.address}/tokenA", "json://127.0.0.1:9/tokenB")
    keep(folder_workshop, "ping", "https://unused.invalid/tokenC").chmod(0o644)
    failed = folder_workshop.invoke("alert.test")

    assert none.returncode == 2
    assert "docs/unattended.md" in none.stderr
    assert failed.returncode == 1
    assert "alerts failed: 1 of 3 took the test" in failed.stdout
    assert "chmod 600" in failed.stdout
    assert "token" not in failed.stdout + failed.stderr


def test_a_scheduled_backup_tells_from_its_files_with_a_bare_environment(
    folder_workshop: Workshop, receiver: HttpReceiver
) -> None:
    folder_workshop.add("costs").unlink()
    keep(folder_workshop, "urls", f"json://{receiver.address}/tokenA")
    keep(folder_workshop, "ping", f"http://{receiver.address}/tokenB")
    # As launchd starts it: no home of a shell's, a short PATH, no terminal, no locale.
    bare = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(folder_workshop.root)}

    done = subprocess.run(
        folder_workshop.command("backup"),
        cwd=CHECKOUT,
        env=bare,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 1
    assert receiver.paths == ["/tokenB/start", "/tokenB/fail", "/tokenA"]
    title = json.loads(receiver.received[2].body)["title"]
    assert title.startswith("localhost: backup of costs FAILED")
    assert "token" not in done.stdout + done.stderr
    # The last line is of the alert, below the table.
    assert "told json" in done.stdout.splitlines()[-1]


def test_under_json_what_becomes_of_an_alert_is_told_beside_the_document(
    folder_workshop: Workshop, receiver: HttpReceiver
) -> None:
    folder_workshop.add("costs")
    keep(folder_workshop, "ping", "https://unused.invalid/tokenA").chmod(0o644)
    keep(folder_workshop, "drill_ping", f"http://{receiver.address}/tokenB")

    checked = folder_workshop.invoke("drill.local", "--check")
    assert receiver.paths == []
    backup = folder_workshop.invoke("backup", "--json")
    old = folder_workshop.invoke("drill.local", "--date", json.loads(backup.stdout)["databases"][0]["backup_time"][:10])
    assert receiver.paths == []  # neither a check nor an old point says how things stand
    drill = folder_workshop.invoke("drill.local", "--json")

    assert (checked.returncode, backup.returncode, old.returncode, drill.returncode) == (1, 0, 0, 0)
    assert json.loads(backup.stdout)["backup"]["verdict"] == "passed"
    assert "chmod 600" in backup.stderr
    assert json.loads(drill.stdout)["drill"]["verdict"] == "passed"
    assert receiver.paths == ["/tokenB/start", "/tokenB"]


def test_a_remote_drill_that_cannot_begin_is_told_as_inconclusive(
    folder_workshop: Workshop, receiver: HttpReceiver
) -> None:
    folder_workshop.add("costs")
    keep(folder_workshop, "urls", f"json://{receiver.address}/tokenA")
    keep(folder_workshop, "drill_ping", f"http://{receiver.address}/tokenB")

    done = folder_workshop.invoke("drill.remote")

    assert done.returncode == 2
    assert receiver.paths == ["/tokenB/start", "/tokenB/log", "/tokenA"]
    assert json.loads(receiver.received[2].body)["title"].endswith(": drill of costs INCONCLUSIVE")


@pytest.mark.parametrize(("alerts", "loaded"), [("None", "False"), ("AlertSettings()", "True")])
def test_where_no_alerts_are_configured_nothing_of_them_is_imported(alerts: str, loaded: str) -> None:
    program = f"""
import sys, tasks
from local.command_line.telling import WatchedWork
from local.output.screen import Screen
from local.settings import AlertSettings, Settings, StoreSettings
configured = Settings(store=StoreSettings(url="file:///s"), databases=(), alerts={alerts})
with tasks.alerts_around(configured, Screen(), WatchedWork("backup", ("costs",))):
    pass
print(any(name in sys.modules for name in ("local.alerts.around", "local.alerts.secrets", "local.alerts.send")))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=dict(os.environ)
    )

    assert done.stdout.strip() == loaded


def test_the_months_drill_pings_and_tells_what_is_late(folder_workshop: Workshop, receiver: HttpReceiver) -> None:
    path = folder_workshop.add("costs")
    assert folder_workshop.invoke("backup").returncode == 0
    folder_workshop.more["backup"] = {"max_age_hours": 0.000001}
    keep(folder_workshop, "urls", f"json://{receiver.address}/tokenA")
    keep(folder_workshop, "drill_ping", f"http://{receiver.address}/tokenC")

    done = folder_workshop.invoke("drill.due", "--json")

    assert path.exists()
    assert done.returncode == 0, done.stderr
    due = json.loads(done.stdout)["due"]["due"]
    pings = ["/tokenC/start", "/tokenC"] if due else []
    assert sorted(each for each in receiver.paths if each != "/tokenA") == sorted(pings)
    assert "/tokenA" in receiver.paths
