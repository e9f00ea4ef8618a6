"""A stand-in for launchctl(1): a program on PATH that remembers agents in a folder and answers as launchd does.

`bootout` returns before the agent is gone: a few more `print`s and `bootstrap`s still find it, and such a `bootstrap`
ends with 5, as one of an agent that is there or disabled does. It is a shell's, since many are started.
"""

from __future__ import annotations

from pathlib import Path
from shlex import quote

LINGERING = 3
PROGRAM = r"""#!/bin/sh
cd @STATE || exit 70
echo "$*" >> calls
say() { echo "$1" >&2; exit "$2"; }
linger() {
    [ -e leaving/"$label" ] || return 0
    read -r left < leaving/"$label"
    echo $((left - 1)) > leaving/"$label"
    [ "$left" -gt 1 ] || rm known/"$label" leaving/"$label"
}
label=${2##*/}
case $1 in
print)
    case $2 in
    */*/*) ;;
    *) [ -e 'no session' ] && say 'Could not find domain for port' 125; exit 0 ;;
    esac
    [ -e known/"$label" ] || say "Could not find service \"$label\" in domain for user gui" 113
    read -r path < known/"$label"
    printf '%s = {\n\tactive count = 0\n\tpath = %s\n\tstate = not running\n}\n' "$2" "$path"
    linger
    ;;
bootout)
    [ -e known/"$label" ] || say 'Boot-out failed: 3: No such process' 3
    [ -e stuck ] || echo @LINGERING > leaving/"$label"
    ;;
bootstrap)
    label=$(sed -n '/<key>Label</{n;s/.*<string>\(.*\)<.*/\1/p;}' "$3")
    [ "${3##*/}" = "$label.plist" ] || say 'Bootstrap failed: 5: Input/output error' 5
    if [ -e known/"$label" ] || [ -e disabled/"$label" ]; then
        linger
        say 'Bootstrap failed: 5: Input/output error' 5
    fi
    echo "$3" > known/"$label"
    ;;
enable) rm -f disabled/"$label" ;;
*) say "Unrecognized subcommand: $1" 64 ;;
esac
"""


def put(folder: Path, state: Path) -> None:
    """Make the program in `folder`; what it remembers, and its calls, stand in `state`."""
    for name in ("known", "leaving", "disabled"):
        (state / name).mkdir(parents=True)
    program = folder / "launchctl"
    program.write_text(PROGRAM.replace("@STATE", quote(str(state))).replace("@LINGERING", str(LINGERING)))
    program.chmod(0o755)
