"""The pinned requirements install on every system, without a compiler."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

FILES = ("requirements.txt", "requirements-dev.txt")
PYTHONS = ("3.11", "3.14")
# What pip accepts wheels for there. macOS: of this version and of all before; Linux: of these alone.
PLATFORMS = {
    ("darwin", "arm64"): ["macosx_11_0_arm64"],
    ("darwin", "x86_64"): ["macosx_11_0_x86_64"],
    ("linux", "x86_64"): ["manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"],
    ("linux", "aarch64"): ["manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"],
    ("linux", "x86_64 musl"): ["musllinux_1_2_x86_64", "musllinux_1_1_x86_64"],
    ("linux", "aarch64 musl"): ["musllinux_1_2_aarch64", "musllinux_1_1_aarch64"],
}


def pinned(name: str) -> list[tuple[Requirement, list[str]]]:
    """Each requirement of a file and its hashes."""
    text = re.sub(r"^\s*#.*\n", "", Path(name).read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    lines = [line.split(" --hash=") for line in text.splitlines() if line.strip()]
    return [(Requirement(line[0].strip()), [f"--hash={found.strip()}" for found in line[1:]]) for line in lines]


def applying(name: str, system: str, machine: str, python: str) -> list[tuple[Requirement, list[str]]]:
    """Those of them that the markers keep there."""
    environment = {
        "sys_platform": system,
        "platform_system": system.capitalize(),
        "platform_machine": machine.removesuffix(" musl"),
        "python_version": python,
        "python_full_version": f"{python}.0",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "os_name": "posix",
    }
    return [
        (requirement, hashes)
        for requirement, hashes in pinned(name)
        if requirement.marker is None or requirement.marker.evaluate(environment)
    ]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(("system", "machine"), PLATFORMS)
@pytest.mark.parametrize("python", PYTHONS)
def test_every_platform_has_one_pin_of_each_package_with_its_hashes(
    name: str, system: str, machine: str, python: str
) -> None:
    found = applying(name, system, machine, python)
    names = [requirement.name for requirement, _ in found]
    assert len(names) > 20
    assert sorted(set(names)) == sorted(names)
    assert all(hashes and re.fullmatch(r"==[\w.]+", str(requirement.specifier)) for requirement, hashes in found)


def test_intel_macs_get_the_last_cryptography_that_has_a_wheel_for_them() -> None:
    for name in FILES:
        versions = {
            machine: str(requirement.specifier)
            for machine in ("x86_64", "arm64")
            for requirement, _ in applying(name, "darwin", machine, "3.11")
            if requirement.name == "cryptography"
        }
        assert versions["x86_64"] == "==48.0.1"
        assert versions["arm64"] > "==50"


@pytest.mark.long
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(("system", "machine"), PLATFORMS)
@pytest.mark.parametrize("python", PYTHONS)
def test_every_platform_finds_wheels(tmp_path: Path, name: str, system: str, machine: str, python: str) -> None:
    # pip judges markers by the system that it runs on, whatever --platform says: they are judged here.
    lines = [
        " ".join([f"{requirement.name}{requirement.specifier}", *hashes])
        for requirement, hashes in applying(name, system, machine, python)
    ]
    (tmp_path / "there.txt").write_text("\n".join(lines))
    tags = [f"--platform={tag}" for tag in PLATFORMS[system, machine]]
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", *tags]
    command += [
        "--implementation=cp",
        f"--python-version={python}",
        "--require-hashes",
        "-r",
        str(tmp_path / "there.txt"),
    ]
    done = subprocess.run([*command, "-d", str(tmp_path / "wheels")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(list((tmp_path / "wheels").iterdir())) == len(lines)
