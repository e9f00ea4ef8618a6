"""`invoke report` as a user runs it."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path
from shlex import quote

import pytest

from local.page.page_file import MARK
from tests.local.page.values import parse
from tests.support.workshop import Workshop


def browser(tmp_path: Path, code: int = 0) -> dict[str, str]:
    """The environment in which a stand-in is the browser: it keeps what it was asked to show."""
    program = tmp_path / "browser.py"
    program.write_text(
        f"import pathlib, sys\npathlib.Path({str(tmp_path / 'shown')!r}).write_text(sys.argv[1])\nsys.exit({code})\n"
    )
    return {"BROWSER": f"{quote(sys.executable)} {quote(str(program))} %s"}


def test_a_backup_and_a_drill_become_a_page_that_the_browser_shows(folder_workshop: Workshop, tmp_path: Path) -> None:
    folder_workshop.add("costs", rows={"tasks": 1000})
    assert folder_workshop.invoke("backup").returncode == 0
    assert folder_workshop.invoke("drill.local").returncode == 0
    path = tmp_path / "page.html"

    done = folder_workshop.invoke("report", "--to", str(path), "--open", environment=browser(tmp_path))

    assert (done.returncode, done.stderr) == (0, "")
    assert f"written to {path}" in done.stdout
    assert (tmp_path / "shown").read_text() == path.as_uri()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = parse(path.read_text()).text
    assert "✓ OK The database is backed up and proven within the limits." in text
    assert "1,000 rows in 2 tables, as counted at the backup" in text


def test_an_empty_store_makes_a_page_and_the_document_says_the_same(workshop: Workshop, tmp_path: Path) -> None:
    workshop.add("costs")
    path = tmp_path / "page.html"

    document = json.loads(workshop.invoke("report", "--to", str(path), "--days", "30", "--json").stdout)

    assert document["schema"] == 1
    assert document["report"]["file"] == str(path)
    assert document["report"]["verdict"] == "late"
    assert document["report"]["page_bytes"] == path.stat().st_size
    assert [(each["name"], each["points"], each["saved"]) for each in document["databases"]] == [("costs", 0, None)]
    assert document["drills"] == []
    assert path.read_text().startswith(MARK)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--to", "FOLDER"), "is there already, and is a folder"),
        (("--to", "FOLDER/nowhere/x.html"), "there is no folder"),
        (("--days", "0"), "allowed: 1 to 36500"),
        (("--open", "--json"), "are both given"),
        (("--only", "other"), "no database or volume 'other' is configured"),
    ],
)
def test_what_cannot_be_meant_is_2_and_leaves_no_page(
    folder_workshop: Workshop, tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    folder_workshop.add("costs")
    folder = tmp_path / "reports"
    folder.mkdir()
    given = [argument.replace("FOLDER", str(folder)) for argument in arguments]

    done = folder_workshop.invoke("report", *([] if "--to" in given else ["--to", str(folder / "x.html")]), *given)

    assert done.returncode == 2
    assert told in done.stderr
    assert list(folder.iterdir()) == []


def test_without_a_browser_the_page_is_written_and_its_address_told(folder_workshop: Workshop, tmp_path: Path) -> None:
    folder_workshop.add("costs")
    path = tmp_path / "page.html"

    done = folder_workshop.invoke(
        "report", "--to", str(path), "--open", environment={**browser(tmp_path, 1), "PATH": ""}
    )

    assert done.returncode == 0
    assert f"no browser could be started ($BROWSER names one): open {path.as_uri()}" in done.stdout
    assert path.exists()
