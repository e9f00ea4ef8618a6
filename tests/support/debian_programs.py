"""Programs of Debian's packages, unpacked beside the checkout where this machine has not installed them."""

from __future__ import annotations

import fcntl
import functools
import os
import shutil
import subprocess
from pathlib import Path

FOLDER = Path(__file__).parents[2] / ".engines"
_ROOT = FOLDER / "debian"
# Two engines with what they are started by, and a shell that needs no library: it is all that a test's container holds.
PACKAGES = (
    *("busybox-static", "runc", "docker.io", "containerd", "tini"),
    *("podman", "conmon", "golang-github-containers-common", "golang-github-containers-image"),
    *("libdevmapper1.02.1", "libgpgme11", "libassuan0", "libsubid4", "libseccomp2", "libglib2.0-0", "libyajl2"),
)


# A mirror that does not answer would hold up every test of an engine.
_FETCH = ("apt-get", "-qq", "-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=20", "download", *PACKAGES)
_FETCH_SECONDS = 120


class MissingError(Exception):
    """What this machine would need for a test that it cannot run; the words are the reason of the skip."""


def find(name: str) -> Path:
    """The program, installed or unpacked; MissingError where neither can be."""
    installed = shutil.which(name)
    if installed:
        return Path(installed)
    root = unpacked()
    for folder in ("usr/bin", "usr/sbin", "bin"):
        if (root / folder / name).exists():
            return root / folder / name
    raise MissingError(f"no {name} here, and none in Debian's packages")


def unpacked() -> Path:
    """The folder with Debian's packages as they would stand in `/`, fetched once; MissingError without apt-get."""
    missing = _fetch_once()
    if missing:
        raise MissingError(missing)
    return _ROOT


def environment() -> dict[str, str]:
    """That of a process which finds the unpacked programs, and their libraries, behind this machine's own."""
    root = unpacked()
    folders = [os.environ.get("PATH", ""), str(root / "usr/bin"), str(root / "usr/sbin")]
    libraries = [str(path) for path in (root / "usr/lib").glob("*-linux-gnu")]
    libraries += [str(path) for path in (root / "lib").glob("*-linux-gnu")]
    # The system's own come first where it has them: the loader looks there before it looks here.
    fallback = {} if shutil.which("podman") else {"LD_LIBRARY_PATH": ":".join(libraries)}
    return {**os.environ, "PATH": ":".join(folders), **fallback}


@functools.cache
def _fetch_once() -> str | None:
    """Why the packages are not there, asked once in a process; None where they are."""
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            if not _ROOT.exists():
                _unpack()
        except MissingError as error:
            return str(error)
    return None


def _unpack() -> None:
    new = FOLDER / "new"
    shutil.rmtree(new, ignore_errors=True)
    (new / "packages").mkdir(parents=True)
    if not shutil.which("apt-get"):
        raise MissingError("Docker and Podman are neither installed, nor is there an apt-get that fetches them")
    try:
        fetched = subprocess.run(
            _FETCH, cwd=new / "packages", capture_output=True, text=True, check=False, timeout=_FETCH_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise MissingError(f"apt-get fetched no Docker and no Podman in {_FETCH_SECONDS} s") from None
    if fetched.returncode:
        raise MissingError(f"apt-get fetched no Docker and no Podman: {fetched.stderr.strip()[-300:]}")
    for package in (new / "packages").iterdir():
        subprocess.run(["dpkg-deb", "-x", str(package), str(new / "root")], check=True)
    (new / "root").rename(_ROOT)
    shutil.rmtree(new)
