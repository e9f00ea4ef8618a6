"""A Python program as a shell script for a VM, which needs python3 there and nothing else."""

from __future__ import annotations

import base64
import re
import textwrap
import zlib

from local.errors import InconclusiveError

# Run Command takes 262,144 characters of Base64, so three quarters of that in bytes.
LONGEST_SCRIPT_BYTES = 192 * 1024
OLDEST_PYTHON = (3, 8)
_LINE_CHARACTERS = 1000
_NO_PYTHON = "has no python3"


class NoPythonError(InconclusiveError):
    """The VM ran the script, which found no python3 that can run the program."""


def python_script(program: str, nonce: str) -> str:
    """A script for `/bin/sh` that feeds `program` to python3; without a python3 that can run it, it says so.

    `nonce` marks what it says as its own. The program goes through stdin: every user of the VM can read arguments. The
    umask that the VM's agent gives to scripts is in PILLAR9_UMASK.
    """
    packed = "\n".join(textwrap.wrap(base64.b64encode(zlib.compress(program.encode(), 9)).decode(), _LINE_CHARACTERS))
    return f"""#!/bin/sh
PILLAR9_UMASK=$(umask)
export PILLAR9_UMASK
umask 077
command -v python3 >/dev/null 2>&1 || {{ echo '{_mark(nonce)} {_NO_PYTHON}'; exit 0; }}
exec python3 -IS - <<'{_mark(nonce)}'
import base64, sys, zlib
if sys.version_info < {OLDEST_PYTHON}:
    print('{_mark(nonce)} has only python3 %d.%d' % sys.version_info[:2])
    sys.exit()
exec(compile(zlib.decompress(base64.b64decode('''
{packed}
''')), 'pillar9.py', 'exec'))
{_mark(nonce)}
"""


def too_long(script: str) -> str | None:
    """Why Run Command would not take the script; None where it would."""
    size_bytes = len(script.encode())
    if size_bytes <= LONGEST_SCRIPT_BYTES:
        return None
    return f"the script has {size_bytes:,} bytes, Run Command takes {LONGEST_SCRIPT_BYTES:,} (192 KiB) at most"


def check_python(vm: str, stdout: str, nonce: str) -> None:
    """Raise NoPythonError if the script said that this VM has no python3 that can run the program."""
    said = re.search(rf"^{_mark(nonce)} ({_NO_PYTHON}|has only python3 [\d.]+)$", stdout, re.MULTILINE)
    if said:
        mend = f"install python3 {'.'.join(map(str, OLDEST_PYTHON))} or later on it (apt-get install python3)"
        raise NoPythonError(f"run a program on {vm}", f"the VM {said[1]}", mend)


def _mark(nonce: str) -> str:
    return f"pillar9-{nonce}"
