"""A headless Chromium that looks at a file: its picture, its document as it became, and what its console says."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
HEADLESS = ("--headless", "--no-sandbox", "--disable-gpu")
_SECONDS_MAX = 120


def screenshot(page: Path, picture: Path, width: int, height: int, *switches: str) -> None:
    """A PNG of the page's top, as wide and as high as a window of these pixels."""
    run(page, f"--screenshot={picture.absolute()}", f"--window-size={width},{height}", "--hide-scrollbars", *switches)


def dump_dom(page: Path) -> str:
    """The document after it was loaded."""
    return run(page, "--dump-dom").stdout


def console(page: Path) -> list[str]:
    """What the page made Chromium say on its console: refused requests, errors, warnings."""
    told = run(page, "--dump-dom", "--enable-logging=stderr", "--v=0").stderr
    return [line for line in told.splitlines() if "CONSOLE" in line]


def run(page: Path, *switches: str) -> subprocess.CompletedProcess[str]:
    """One run of Chromium with a profile of its own; it fails where Chromium does."""
    assert PROGRAM
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [PROGRAM, *HEADLESS, f"--user-data-dir={profile}", *switches, page.as_uri()]
        return subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS_MAX, check=True)
