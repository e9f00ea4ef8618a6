"""`invoke alert.test`."""

from __future__ import annotations

from local.command_line.command import Invocation, command
from local.command_line.options import JSON


@command("alert.test", JSON)
def test(invocation: Invocation) -> int:
    """Send a test message through every configured channel and check; exit code 1 if any did not take it."""
    from local.alerts import trial

    configured = invocation.settings
    alerts = trial.require(configured.alerts)
    invocation.screen.say(f"alerts from {configured.drill.host}: what is configured, and what each of it answers")
    found = trial.run(alerts, configured.drill.host)
    invocation.screen.show(found, trial.show)
    return trial.exit_code(found)
