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


def python_script(program: str, nonce: str) -> str:
    """A script for `/bin/sh` that feeds `program` to python3; without a python3 that can run it, it says so.

    `nonce` marks what it says as its own. The program goes through stdin: every user of the VM can read arguments.
    Raises InconclusiveError where it would be longer than Run Command takes.
    """
    packed = "\n".join(textwrap.wrap(base64.b64encode(zlib.compress(program.encode(), 9)).decode(), _LINE_CHARACTERS))
    text = f"""#!/bin/sh
umask 077
command -v python3 >/dev/null 2>&1 || {{ echo '{_mark(nonce)} {_NO_PYTHON}'; exit 0; }}
exec python3 -IS - <<'{_mark(nonce)}'
import base64, sys, zlib
if sys.version_info < {OLDEST_PYTHON}:
    print('{_mark(nonce)} has only python3 %d.%d' % sys.version_info[:2])
    sys.exit()
exec(compile(zlib.decompress(base64.b64decode('''
{packed}
''')), 'drill.py', 'exec'))
{_mark(nonce)}
"""
    size_bytes = len(text.encode())
    if size_bytes > LONGEST_SCRIPT_BYTES:
        raise InconclusiveError(
            "ship the drill",
            f"the script has {size_bytes:,} bytes, Run Command takes {LONGEST_SCRIPT_BYTES:,} (192 KiB) at most",
            "spread the databases over more VMs (--vm, azure.vm), or drill some of them at a time (--only)",
        )
    return text


def check_python(vm: str, stdout: str, nonce: str) -> None:
    """Raise InconclusiveError if the script said that this VM has no python3 that can run the program."""
    said = re.search(rf"^{_mark(nonce)} ({_NO_PYTHON}|has only python3 [\d.]+)$", stdout, re.MULTILINE)
    if said:
        mend = f"install python3 {'.'.join(map(str, OLDEST_PYTHON))} or later on it (apt-get install python3)"
        raise InconclusiveError(f"drill on {vm}", f"the VM {said[1]}", mend)


def _mark(nonce: str) -> str:
    return f"pillar9-{nonce}"
