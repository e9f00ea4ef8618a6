"""A stand-in for systemctl(1) --user and loginctl(1): programs on PATH that know the units of one folder.

A timer is enabled and started only from a file that was there at the last daemon-reload, as in systemd.
"""

from __future__ import annotations

import sys
from pathlib import Path

SYSTEMCTL = r"""#!{python} -IS
import json, pathlib, sys
STATE, UNITS = pathlib.Path({state!r}), pathlib.Path({units!r})

def main(user, verb, *rest):
    assert user == "--user"
    with (STATE / "calls").open("a") as calls:
        calls.write(" ".join((verb, *rest)) + "\n")
    if (STATE / "no manager").exists():
        print("Failed to connect to bus: No medium found", file=sys.stderr)
        return 1
    known = json.loads((STATE / "known").read_text()) if (STATE / "known").exists() else dict(units=[], active=[])
    code = 0
    if verb == "daemon-reload":
        known["units"] = sorted(path.name for path in UNITS.iterdir())
    elif verb == "show":
        unit = rest[0]
        print("ActiveState=" + ("active" if unit in known["active"] else "inactive"))
        print("FragmentPath=" + (str(UNITS / unit) if unit in known["units"] else ""))
    elif verb in ("enable", "restart"):
        if rest[0] not in known["units"]:
            print(f"Failed: Unit file {{rest[0]}} does not exist.", file=sys.stderr)
            code = 1
        elif verb == "restart" and rest[0] not in known["active"]:
            known["active"].append(rest[0])
    elif verb == "disable":
        known["active"] = [unit for unit in known["active"] if unit != rest[1]]
    elif verb not in ("stop", "show-environment"):
        raise SystemExit(f"unknown: {{verb}}")
    (STATE / "known").write_text(json.dumps(known))
    return code

sys.exit(main(*sys.argv[1:]))
"""


def put(folder: Path, state: Path, units: Path, linger: str = "yes") -> None:
    """Make both programs in `folder`; what they remember stands in `state`, `units` is the folder that they know."""
    state.mkdir()
    program = folder / "systemctl"
    program.write_text(SYSTEMCTL.format(python=sys.executable, state=str(state), units=str(units)))
    login = folder / "loginctl"
    login.write_text(f"#!/bin/sh\necho {linger}\n")
    for each in (program, login):
        each.chmod(0o755)
