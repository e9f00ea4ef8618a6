"""Every program that reads gzip gives an archive's content, whatever its record holds."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local.archive.trailer import trailer
from tests.support.drill_archives import content_members, make_database, record_of

PYTHON = "import gzip, sys; sys.stdout.buffer.write(gzip.open(sys.argv[1]).read())"
PERL = (
    'use IO::Uncompress::Gunzip qw(gunzip $GunzipError); gunzip $ARGV[0] => "-", MultiStream => 1 or die $GunzipError'
)
NODE = "process.stdout.write(require('zlib').gunzipSync(require('fs').readFileSync(process.argv[1])))"
PROGRAMS: dict[str, list[str]] = {
    "gunzip": ["gunzip", "-c"],
    "zcat": ["zcat"],
    "pigz": ["pigz", "-dc"],
    "busybox": ["busybox", "gunzip", "-c"],
    "7z": ["7z", "x", "-so"],
    "bsdcat": ["bsdcat"],
    "zstd": ["zstd", "--format=gzip", "-dc"],
    "Python": [sys.executable, "-c", PYTHON],
    "Perl": ["perl", "-e", PERL],
    "Node": ["node", "-e", NODE],
}
ALWAYS_THERE = ("gunzip", "Python", "Perl", "Node")


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_archive_with_a_long_record_is_read_by_every_program(tmp_path: Path, program: str) -> None:
    command = PROGRAMS[program]
    if program not in ALWAYS_THERE and not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    raw = make_database(tmp_path / "a.db").read_bytes()
    content = content_members(raw)
    names = {hashlib.sha512(b"%d" % number).hexdigest(): number for number in range(1500)}
    pieces = trailer({**record_of(raw), "more": names}, len(content))
    assert len(pieces) > 5
    archive = tmp_path / "a.db.gz"
    archive.write_bytes(content + b"".join(pieces))

    done = subprocess.run([*command, str(archive)], capture_output=True)

    assert done.returncode == 0, done.stderr
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(raw).digest()
    assert done.stderr == b""
