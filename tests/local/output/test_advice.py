"""A command that is advised is one that does what it says where the user stands: with the FILE that is in force."""

from __future__ import annotations

import json

import pytest

from local.output.advice import Advice
from tests.support.workshop import Workshop

COMMANDS = ("backup", "backup.list", "backup.run", "drill.local", "init", "restore", "version")
BY_OPTION = Advice("my file.yaml", True, COMMANDS)


@pytest.mark.parametrize(
    ("text", "advised"),
    [
        ("undo it: invoke restore shop --rollback", "undo it: invoke -f 'my file.yaml' restore shop --rollback"),
        ("invoke backup; invoke drill.local", "invoke -f 'my file.yaml' backup; invoke -f 'my file.yaml' drill.local"),
        ("see invoke backup.list.", "see invoke -f 'my file.yaml' backup.list."),
        ("(.venv/bin/invoke backup)", "(.venv/bin/invoke -f 'my file.yaml' backup)"),
        ("invoke -f other.yaml backup", "invoke -f other.yaml backup"),
        ("az vm run-command invoke --name vm", "az vm run-command invoke --name vm"),
        ("invoke init --to x.yaml, invoke version", "invoke init --to x.yaml, invoke version"),
        ("invoke backups, invoke backup-now", "invoke backups, invoke backup-now"),
        ("add it to invoke.yaml, not ~/.invoke.yaml", "add it to my file.yaml, not ~/.invoke.yaml"),
    ],
)
def test_a_command_gets_the_file_and_what_is_none_stays(text: str, advised: str) -> None:
    assert BY_OPTION(text) == advised


def test_a_file_from_the_environment_needs_no_option_and_none_changes_nothing() -> None:
    text = "add it to invoke.yaml, then: invoke backup"

    assert Advice("mine.yaml", False, COMMANDS)(text) == "add it to mine.yaml, then: invoke backup"
    assert Advice("", False, COMMANDS)(text) == text


def test_in_a_document_only_what_mends_is_advised() -> None:
    document = '{"checks":[{"mend":"invoke backup","message":"invoke backup"}],"stdout":"invoke backup ü"}'

    told = json.loads(BY_OPTION.in_document(document))
    assert told["checks"] == [{"mend": "invoke -f 'my file.yaml' backup", "message": "invoke backup"}]
    assert told["stdout"] == "invoke backup ü"
    assert Advice().in_document(document) == document


def test_every_command_of_a_run_with_a_file_advises_it(workshop: Workshop) -> None:
    workshop.add("costs")
    file = workshop.configuration()

    shown = workshop.invoke("status")
    mends = [late["mend"] for late in workshop.document("status")["databases"][0]["late"]]
    missing = workshop.invoke("backup.prune")

    assert f"invoke -f {file} backup --only costs" in shown.stdout
    assert mends == [f"invoke -f {file} backup --only costs"]
    assert f"add it to {file}, as in: retention:" in missing.stderr
