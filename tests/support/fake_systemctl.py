"""A stand-in for systemctl(1) --user and loginctl(1): programs on PATH that know the units of one folder.

A timer is enabled and started only from a file that was there at the last daemon-reload, as in systemd. They are a
shell's, since many are started.
"""

from __future__ import annotations

from pathlib import Path
from shlex import quote

SYSTEMCTL = r"""#!/bin/sh
cd @STATE || exit 70
[ "$1" = --user ] || exit 64
shift
echo "$*" >> calls
say() { echo "$1" >&2; exit 1; }
[ ! -e 'no manager' ] || say 'Failed to connect to bus: No medium found'
case $1 in
daemon-reload)
    rm -f known/*
    for file in @UNITS/*; do [ -e "$file" ] && echo "$file" > known/"${file##*/}"; done
    ;;
show)
    [ -e active/"$2" ] && echo ActiveState=active || echo ActiveState=inactive
    [ -e known/"$2" ] && read -r path < known/"$2"
    echo "FragmentPath=$path"
    ;;
enable | restart)
    [ -e known/"$2" ] || say "Failed: Unit file $2 does not exist."
    [ "$1" = enable ] || : > active/"$2"
    ;;
disable) rm -f active/"$3" ;;
stop | show-environment) ;;
*) say "Unknown command verb $1." ;;
esac
exit 0
"""


def put(folder: Path, state: Path, units: Path, linger: str = "yes") -> None:
    """Make both programs in `folder`; what they remember stands in `state`, `units` is the folder that they know."""
    for name in ("known", "active"):
        (state / name).mkdir(parents=True)
    program = folder / "systemctl"
    program.write_text(SYSTEMCTL.replace("@STATE", quote(str(state))).replace("@UNITS", quote(str(units))))
    login = folder / "loginctl"
    login.write_text(f"#!/bin/sh\necho {linger}\n")
    for each in (program, login):
        each.chmod(0o755)
