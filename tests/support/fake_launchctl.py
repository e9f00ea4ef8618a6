"""A stand-in for launchctl(1): a program on PATH that remembers agents in a folder and answers as launchd does.

`bootout` returns before the agent is gone (it is found by a few more `print`s), and a `bootstrap` meanwhile ends with
5, as one of an agent that is there or disabled does. It takes a property list that plistlib can read.
"""

from __future__ import annotations

import sys
from pathlib import Path

PROGRAM = r"""#!{python} -IS
import json, pathlib, plistlib, sys
STATE = pathlib.Path({state!r})
LINGERING = 3

def main(verb, *rest):
    with (STATE / "calls").open("a") as calls:
        calls.write(" ".join((verb, *rest)) + "\n")
    known = json.loads((STATE / "known").read_text()) if (STATE / "known").exists() else dict()
    code = VERBS[verb](known, *rest)
    (STATE / "known").write_text(json.dumps(known))
    return code

def shown(known, target):
    if target.count("/") == 1:
        print(f"{{target}} = {{{{")
        return (STATE / "no session").exists() and say("Could not find domain for port", 125) or 0
    agent = known.get(target)
    if agent is None:
        return say(f"Could not find service \"{{target.rpartition('/')[2]}}\" in domain for user gui", 113)
    print(f"{{target}} = {{{{\n\tactive count = 0\n\tpath = {{agent['path']}}\n\tstate = not running\n}}}}")
    if agent["leaving"] is not None:
        agent["leaving"] -= 1
        if agent["leaving"] <= 0:
            del known[target]
    return 0

def bootout(known, target):
    if target not in known:
        return say("Boot-out failed: 3: No such process", 3)
    if not (STATE / "stuck").exists():
        known[target]["leaving"] = LINGERING
    return 0

def bootstrap(known, domain, path):
    label = plistlib.loads(pathlib.Path(path).read_bytes())["Label"]
    disabled = (STATE / "disabled").read_text().split() if (STATE / "disabled").exists() else []
    target = f"{{domain}}/{{label}}"
    if target in known or target in disabled or pathlib.Path(path).name != f"{{label}}.plist":
        return say("Bootstrap failed: 5: Input/output error", 5)
    known[target] = dict(path=path, leaving=None)
    return 0

def enable(known, target):
    if (STATE / "disabled").exists():
        (STATE / "disabled").write_text((STATE / "disabled").read_text().replace(target, ""))
    return 0

def say(text, code):
    print(text, file=sys.stderr)
    return code

VERBS = dict(print=shown, bootout=bootout, bootstrap=bootstrap, enable=enable)
sys.exit(main(*sys.argv[1:]))
"""


def put(folder: Path, state: Path) -> None:
    """Make the program in `folder`; what it remembers, and its calls, stand in `state`."""
    state.mkdir()
    program = folder / "launchctl"
    program.write_text(PROGRAM.format(python=sys.executable, state=str(state)))
    program.chmod(0o755)
