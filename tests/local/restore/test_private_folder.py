"""The private folder beside a target: empty, for nobody else's eyes, one restore at a time, gone afterwards."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from local.errors import LockHeldError, PillarError
from local.restore.private_folder import private_folder

HOLDER = """
import sys, pathlib
from local.restore.private_folder import private_folder
with private_folder(pathlib.Path(sys.argv[1])) as folder:
    (folder / "restored.db").write_bytes(b"half")
    print("there", flush=True)
    sys.stdin.read()
"""


def test_it_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    with private_folder(tmp_path / "x.db") as folder:
        assert (folder.parent, stat.S_IMODE(folder.stat().st_mode)) == (tmp_path, 0o700)
        (folder / "restored.db").write_bytes(b"whole")
    with pytest.raises(KeyError), private_folder(tmp_path / "x.db"):
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_two_restores_to_one_target_exclude_each_other_and_a_killed_one_leaves_the_next_an_empty_folder(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "x.db")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"there\n"
        with pytest.raises(LockHeldError), private_folder(tmp_path / "x.db"):
            pass
        with private_folder(tmp_path / "y.db"):
            pass
        process.send_signal(signal.SIGKILL)
    assert [path.name for path in tmp_path.rglob("*.db")] == ["restored.db"]
    with private_folder(tmp_path / "x.db") as folder:
        assert list(folder.iterdir()) == []
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_folder_of_this_users_alone_is_left_alone(tmp_path: Path) -> None:
    name = tmp_path / "x.db.pillar9-fetch"
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/precious").touch()
    name.symlink_to("elsewhere")
    with pytest.raises(PillarError, match="is no folder"), private_folder(tmp_path / "x.db"):
        pass
    name.unlink()
    name.write_bytes(b"a file")
    with pytest.raises(PillarError, match="is no folder"), private_folder(tmp_path / "x.db"):
        pass
    name.unlink()
    os.mkdir(name)  # noqa: PTH102
    name.chmod(0o755)
    with pytest.raises(PillarError, match="not this user's alone"), private_folder(tmp_path / "x.db"):
        pass
    assert (tmp_path / "elsewhere/precious").exists()
