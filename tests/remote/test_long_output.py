"""Output that is longer than Azure's answers: whole through the store, or in parts, or both ends of it."""

from __future__ import annotations

import base64
import random
import zlib
from pathlib import Path

import pytest

from local.errors import StoreError
from local.events import Event
from local.settings import StoreSettings
from local.store import catalog
from local.store.azure import AzureStore
from local.store.azure_inbox import AzureInbox
from local.store.open import open_store
from local.store.shelf import databases_in
from remote.command import LONGEST_OUTPUT_BYTES
from tests.azure_cloud import faults
from tests.remote.commands import python_there, run
from tests.remote.site import Site

# Digits that compress to half of their length at best, as hashes do.
NOISE = "import random; r = random.Random(1); print('%x' % r.getrandbits(4 * {digits}))"


def noise(digits: int) -> tuple[str, str]:
    """A command, and the output that it has."""
    return python_there(NOISE.format(digits=digits)), f"{random.Random(1).getrandbits(4 * digits):x}\n"


def without_inbox(site: Site) -> None:
    """The environment holds a SAS for the whole container, which no VM is given, and by which no link is signed."""
    site.monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", "sv=2021-12-02&sp=rl&sig=verysecretindeed")


def handed_in(site: Site) -> list[str]:
    return [entry.name for entry in site.store.entries("runs")]


@pytest.fixture
def vm_files(site: Site) -> Path:
    """Where all that is kept on the VM must be."""
    return site.give_vm_own_temporary_folder()


def order_in(script: str) -> str:
    """The order of the program in a script that was sent."""
    packed = script.partition("b64decode('''\n")[2].partition("\n'''")[0]
    program = zlib.decompress(base64.b64decode(packed)).decode()
    return zlib.decompress(base64.b85decode(program.rsplit('main("', 1)[1].split('"')[0])).decode()


def test_through_the_store_it_comes_whole_and_nothing_of_it_stays(site: Site, vm_files: Path) -> None:
    text, output = noise(300_000)

    found = run(site, text)

    assert found.stdout == output
    assert (found.verdict, found.reason) == ("passed", None)
    assert "through the store: runs/" in site.told()
    scripts = site.deployment.cloud.scripts
    assert len(scripts) == 2
    assert "sig=" in order_in(scripts[1].script)
    assert "sig=" not in site.told() + "".join(str((script.stdout, script.stderr)) for script in scripts)
    assert handed_in(site) == []
    assert list(vm_files.iterdir()) == []


def test_in_parts_it_comes_whole_and_the_time_is_told_first(site: Site, vm_files: Path) -> None:
    without_inbox(site)
    text = python_there("import random; r = random.Random(1)\nfor n in range(41000): print('line', r.getrandbits(4))")
    numbers = random.Random(1)

    found = run(site, text)

    assert found.stdout == "".join(f"line {numbers.getrandbits(4)}\n" for _ in range(41_000))
    assert len(found.stdout) > 300_000
    assert (found.verdict, found.reason) == ("passed", None)
    count = len(site.deployment.cloud.scripts) - 1
    assert count > 1
    told = site.told().splitlines()
    assert f"{site.vm.name}: the output comes in {count} more parts, some {20 * count} s" in told
    assert list(vm_files.iterdir()) == []


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_both_streams_of_an_answer_carry_it_and_either_may_spoil_it(site: Site, stream: str) -> None:
    text, output = noise(8_000)
    assert run(site, text).stdout == output
    assert len(site.deployment.cloud.scripts) == 1

    site.deployment.cloud.inject(faults.altered_output(stream))

    assert run(site, text).verdict == "inconclusive"


def test_a_later_part_that_is_lost_is_no_answer(site: Site) -> None:
    without_inbox(site)
    text, _ = noise(30_000)
    site.events = Watching(site)

    found = run(site, text)

    assert "fetching part 5" in site.told()
    assert (found.verdict, found.stdout) == ("inconclusive", "")


class Watching(list[Event]):
    """The events of a site whose fifth part is lost on its way."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self.site = site

    def append(self, event: Event) -> None:
        super().append(event)
        if "fetching part 5" in event.text:
            self.site.deployment.cloud.inject(faults.truncated_output(50))


def test_more_than_comes_in_parts_is_told_by_both_ends_and_the_bytes_left_out(site: Site, vm_files: Path) -> None:
    """In-process, what is shipped decides; the parts are counted, so this takes as few of them as it can."""
    without_inbox(site)
    site.monkeypatch.setattr("remote.command.LONGEST_IN_PARTS_CHARACTERS", 20_000)
    text, output = noise(300_000)

    found = run(site, text)

    head, rest = found.stdout.split("\n[… ")
    left_out, tail = rest.split(" bytes left out …]\n")
    assert (output.startswith(head), output.endswith(tail)) == (True, True)
    assert min(len(head), len(tail)) > 4_000
    assert len(head) + int(left_out.replace(",", "")) + len(tail) == len(output)
    assert found.stdout_left_out_bytes == int(left_out.replace(",", ""))
    assert found.reason == f"{left_out} bytes of stdout were left out"
    assert (found.verdict, found.exit_code) == ("passed", 0)
    assert list(vm_files.iterdir()) == []


class ClosedInbox(AzureInbox):
    """Its links are over already, as where the VM's clock or the firewall keeps it out."""

    def link(self, name: str) -> str:
        return self.sign(f"{self.folder}/{name}", -600)


class ForgedInbox(AzureInbox):
    """Somebody else's content stands there."""

    def take(self, name: str, most_bytes: int) -> bytes:
        return super().take(name, most_bytes)[:-1] + b"?"


class SiteStore(AzureStore):
    """The site's store with another inbox."""

    kind: type[AzureInbox]

    def inbox(self, folder: str) -> AzureInbox | None:
        real = super().inbox(folder)
        assert real
        return self.kind(real.container, real.folder, real.sign)


class ClosedStore(SiteStore):
    kind = ClosedInbox


class ForgedStore(SiteStore):
    kind = ForgedInbox


@pytest.mark.parametrize("limit", [None, 20_000], ids=["whole", "both ends"])
def test_where_the_vm_does_not_reach_the_store_it_comes_in_parts(site: Site, vm_files: Path, limit: int | None) -> None:
    site.store_kind = ClosedStore
    if limit:
        site.monkeypatch.setattr("remote.command.LONGEST_IN_PARTS_CHARACTERS", limit)
        site.monkeypatch.setattr("remote.program_runner.MOST_PARTS", 7)
    text, output = noise(40_000)

    found = run(site, text)

    assert "not through the store, so it comes in parts: hand in from vm-alai-support: the store answers 403" in (
        site.told()
    )
    assert found.verdict == "passed"
    if limit:
        assert 0 < int(found.stdout_left_out_bytes or 0) < 40_000
    else:
        assert found.stdout == output
    assert handed_in(site) == []
    assert list(vm_files.iterdir()) == []


def test_a_blob_with_another_digest_is_not_believed(site: Site) -> None:
    site.store_kind = ForgedStore
    text, _ = noise(60_000)

    found = run(site, text)

    # It is gone from the VM by then, so it is nowhere any more.
    assert (found.verdict, found.stdout) == ("inconclusive", "")
    assert "altered or cut" in site.told()
    assert handed_in(site) == []


@pytest.mark.long
def test_of_more_than_16_mib_both_ends_come(site: Site, vm_files: Path) -> None:
    text = python_there("import sys\nfor n in range(4_000_000): sys.stdout.write('%07d\\n' % n)")

    found = run(site, text)

    left_out = int(found.stdout_left_out_bytes or 0)
    assert left_out > 32_000_000 - LONGEST_OUTPUT_BYTES - 1024 * 1024
    assert found.stdout.startswith("0000000\n0000001\n")
    assert found.stdout.endswith("\n3999999\n")
    assert list(vm_files.iterdir()) == []


# What a VM is given


def test_the_link_makes_one_blob_and_neither_reads_nor_replaces_it(site: Site) -> None:
    from azure.core.exceptions import HttpResponseError
    from azure.storage.blob import BlobClient

    inbox = site.store.inbox("runs")
    assert inbox
    url = inbox.link("2026-05-05/id-vm")
    with BlobClient.from_blob_url(url, connection_verify=trusted()) as blob:
        blob.upload_blob(b"first")
        for refused in (blob.download_blob, blob.delete_blob, lambda: blob.upload_blob(b"second", overwrite=True)):
            with pytest.raises(HttpResponseError):
                refused()
    elsewhere = BlobClient.from_blob_url(url.replace("id-vm", "id-other"), connection_verify=trusted())
    with elsewhere, pytest.raises(HttpResponseError):
        elsewhere.upload_blob(b"elsewhere")

    assert inbox.take("2026-05-05/id-vm", 5) == b"first"
    with pytest.raises(StoreError, match="more than 4 bytes"):
        inbox.take("2026-05-05/id-vm", 4)
    inbox.remove("2026-05-05/id-vm")
    inbox.remove("2026-05-05/id-vm")
    with pytest.raises(StoreError, match="was not handed in"):
        inbox.take("2026-05-05/id-vm", 5)


def trusted() -> str:
    import os

    return os.environ["REQUESTS_CA_BUNDLE"]


@pytest.mark.parametrize("prefix", ["sqlite", "runs"])
def test_what_is_handed_in_is_never_taken_for_a_backup(site: Site, prefix: str) -> None:
    from remote.program_runner import handed_in_name

    name = handed_in_name("20260505T120000.000Z-0a1b2c3d", "costs.db.gz")
    site.store.write(f"runs/{name}", b"output")

    entries = list(site.store.entries(prefix))
    assert [entry.name for entry in entries] == ([] if prefix == "sqlite" else [f"runs/{name}"])
    assert catalog.from_entries(entries, databases_in(prefix)) == ()


def test_a_folder_takes_nothing_in(tmp_path: Path, site: Site) -> None:
    assert open_store(StoreSettings(url=tmp_path.as_uri()), site.azure).inbox("runs") is None
