"""The store: reached, read and written by a probe that goes again; the clock; and who reaches it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from local.doctor import credential, store
from local.doctor.check import DoctorCheck
from local.doctor.credential import Identity, identity_of
from local.doctor.run import examine
from local.doctor.store import PROBE_FOLDER, difference, judge_clock, judge_probe, parse_date
from local.errors import AzureError
from local.location import parse_location
from local.settings import AzureSettings, StoreSettings
from local.store.azure import AzureStore
from local.store.open import open_repository, open_store
from tests.remote.site import Site
from tests.support.blob_proxy import BlobProxy, RefusedCall

NOW = datetime(2026, 5, 5, 12, tzinfo=UTC)


def looked_at(settings: StoreSettings, azure: AzureSettings | None = None) -> dict[str, DoctorCheck]:
    wanted = store.precondition(partial(open_repository, settings, azure or AzureSettings()))
    return {check.name: check for check in examine([wanted], lambda _: None).checks}


def probes_in(settings: StoreSettings, azure: AzureSettings | None = None) -> list[str]:
    return [entry.name for entry in open_store(settings, azure or AzureSettings()).entries(PROBE_FOLDER)]


def test_either_store_is_reached_read_and_written_and_nothing_stays(store_settings: StoreSettings) -> None:
    checks = looked_at(store_settings)

    assert {name: check.verdict for name, check in checks.items()} == {
        "store reached": "ok",
        "store written": "ok",
        "clock": "ok",
    }
    assert probes_in(store_settings) == []
    assert list(open_repository(store_settings, AzureSettings()).points()) == []


def test_doctors_at_the_same_time_take_nothing_from_each_other(tmp_path: Path) -> None:
    settings = StoreSettings(url=tmp_path.as_uri())

    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: looked_at(settings)["store written"], range(100)))

    assert {check.message for check in found} == {"a probe was written, read back and removed"}
    assert not (tmp_path / PROBE_FOLDER).exists()


def test_a_probe_that_a_killed_doctor_left_is_removed_once_it_is_old(tmp_path: Path) -> None:
    """Also where the folder leads to somebody's own: nothing there is taken for a probe."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (tmp_path / PROBE_FOLDER).symlink_to(folder)
    probe = store._CONTENT.decode()
    old, young = "20260505T120000.000Z-0123abcd.txt", "20260505T120000.000Z-0123abce.txt"
    mine = "20260505T120000.000Z-0123abcf.txt"
    for name, content in ((old, probe), (young, probe), ("thesis.txt", probe), (mine, "by chance")):
        (folder / name).write_text(content)
        if name != young:
            os.utime(folder / name, (0, 0))

    looked_at(StoreSettings(url=tmp_path.as_uri()))

    assert sorted(path.name for path in folder.iterdir()) == sorted([young, "thesis.txt", mine])


@pytest.mark.parametrize(("name", "told"), [("nowhere", "there is no folder"), ("file", "there is no folder")])
def test_a_folder_that_is_none_is_told_with_what_mends_it(tmp_path: Path, name: str, told: str) -> None:
    (tmp_path / "file").write_text("no folder")

    checks = looked_at(StoreSettings(url=(tmp_path / name).as_uri()))

    assert list(checks) == ["store"]
    assert (checks["store"].verdict, told in checks["store"].message) == ("fail", True)
    assert checks["store"].mend


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder that takes no file, from root neither: its place for new files is a file."""
    folder = tmp_path / "store"
    folder.mkdir()
    (folder / ".pillar9-new").write_text("in the way")
    folder.chmod(0o500)
    yield folder
    folder.chmod(0o700)


def test_a_store_that_takes_nothing_is_told(read_only: Path) -> None:
    checks = looked_at(StoreSettings(url=read_only.as_uri()))

    assert (checks["store reached"].verdict, checks["store written"].verdict) == ("ok", "fail")
    assert "store: " in checks["store written"].message
    assert checks["store written"].mend


def test_a_wrong_key_and_a_missing_container_are_told_and_the_clock_all_the_same(
    azure_store_settings: StoreSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = looked_at(StoreSettings(url=f"{azure_store_settings.url}-not"))
    monkeypatch.setenv("AZURE_STORAGE_KEY", "d3Jvbmc=")
    wrong = looked_at(azure_store_settings)

    for checks in (missing, wrong):
        assert {name: check.verdict for name, check in checks.items()} == {"clock": "ok", "store": "fail"}
    assert "az storage container create" in missing["store"].mend
    assert "d3Jvbmc=" not in str(wrong)


def refusal(method: str, part: str) -> RefusedCall:
    return RefusedCall(method, part, 403, "AuthorizationPermissionMismatch")


def test_a_login_that_may_read_only_is_told_by_the_probe(site: Site, blob_proxy: BlobProxy) -> None:
    blob_proxy.refused.append(refusal("PUT", PROBE_FOLDER))

    checks = looked_at(site.store_settings, site.azure)

    assert (checks["store reached"].verdict, checks["store written"].verdict) == ("ok", "fail")
    assert "may not perform Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write" in (
        checks["store written"].message
    )
    assert "az role assignment create" in checks["store written"].mend


def test_a_container_that_is_open_to_everybody_fails(azure_store_settings: StoreSettings) -> None:
    connected = open_store(azure_store_settings, AzureSettings())
    assert isinstance(connected, AzureStore)
    connected.connection.client.set_container_access_policy({}, public_access="blob")

    check = looked_at(azure_store_settings)["store open to everybody"]

    assert check.verdict == "fail"
    assert f"--name {azure_store_settings.url.rpartition('/')[2]} --public-access off" in check.mend


@pytest.mark.parametrize("header", ["x-ms-has-immutability-policy", "x-ms-has-legal-hold"])
def test_no_probe_is_written_where_it_would_stay(site: Site, blob_proxy: BlobProxy, header: str) -> None:
    shown = RefusedCall("GET", "restype=container$", 200, "", headers=((header, "true"),))
    blob_proxy.refused.append(shown)

    checks = looked_at(site.store_settings, site.azure)

    assert (checks["store reached"].verdict, checks["store written"].verdict) == ("ok", "skipped")
    assert "a probe would stay" in checks["store written"].message
    assert not [call for call in blob_proxy.calls if call.method == "PUT"]


def test_a_probe_that_may_not_be_deleted_is_told(site: Site, blob_proxy: BlobProxy) -> None:
    blob_proxy.refused.append(RefusedCall("DELETE", PROBE_FOLDER, 409, "BlobImmutableDueToPolicy"))

    checks = looked_at(site.store_settings, site.azure)

    assert checks["store written"].verdict == "warn"
    assert "stays: an immutability policy holds it" in checks["store written"].message
    assert len(probes_in(site.store_settings, site.azure)) == 1


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [(0, "ok"), (5, "ok"), (-5, "ok"), (6, "warn"), (-6, "warn"), (600, "warn"), (601, "fail"), (-601, "fail")],
)
def test_the_clock_is_judged_by_how_far_it_is_off(seconds: int, verdict: str) -> None:
    check = judge_clock(timedelta(seconds=seconds), "Azure's clock")

    assert check.verdict == verdict
    assert ("behind" in check.message) == (seconds < -5)


@pytest.mark.parametrize(
    ("told", "ahead"),
    [(0, 0), (-1, 0), (1, 0), (2, 0), (-61, 60), (62, -60)],
)
def test_a_clock_is_off_only_by_what_the_answer_s_way_and_its_whole_seconds_leave(told: int, ahead: int) -> None:
    """The answer came between NOW and two seconds later, and tells whole seconds."""
    found = difference(NOW, NOW + timedelta(seconds=told), NOW + timedelta(seconds=2), timedelta(seconds=1))

    assert found == timedelta(seconds=ahead)


@pytest.mark.parametrize(
    ("intact", "kept", "verdict"), [(True, None, "ok"), (True, "a lease", "warn"), (False, None, "fail")]
)
def test_a_probe_is_judged(intact: bool, kept: str | None, verdict: str) -> None:
    assert judge_probe("p", intact=intact, kept=kept).verdict == verdict


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Tue, 05 May 2026 12:00:00 GMT", NOW),
        ("Tue, 05 May 2026 12:00:00 -0000", NOW),
        ("", None),
        ("yesterday", None),
        ("Tue, 99 May 2026 12:00:00 GMT", None),
    ],
)
def test_a_date_header_is_read(text: str, found: datetime | None) -> None:
    assert parse_date(text) == found


@pytest.mark.parametrize(
    ("identity", "verdict", "told"),
    [
        (None, "skipped", "the store is a folder"),
        (Identity("ANVIL (application id 1) by EnvironmentCredential"), "ok", "ANVIL"),
        (Identity("a SAS", (("sp", "rwl"),)), "ok", "a SAS"),
        (Identity("a SAS", (("sp", "rl"),)), "fail", "may not write"),
        (Identity("a SAS", (("se", "2026-05-05T11:59:59Z"),)), "fail", "ends 2026-05-05T11:59:59"),
        (Identity("a SAS", (("se", "2026-05-12"),)), "warn", "ends 2026-05-12"),
        (Identity("a SAS", (("se", "2027-05-12T00:00:00Z"), ("sp", "racwdl"))), "ok", "ends 2027"),
        (Identity("a SAS", (("se", "whenever"),)), "ok", "a SAS"),
    ],
)
def test_a_credential_is_judged(identity: Identity | None, verdict: str, told: str) -> None:
    check = credential.judge(identity, NOW)

    assert check.verdict == verdict
    assert told in check.message


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("AZURE_STORAGE_KEY", "c2VjcmV0", "the account's key (AZURE_STORAGE_KEY)"),
        ("AZURE_STORAGE_SAS_TOKEN", "?sp=rwl&sig=c2VjcmV0", "a SAS (AZURE_STORAGE_SAS_TOKEN)"),
        (
            "AZURE_STORAGE_CONNECTION_STRING",
            "AccountName=alaibackups;AccountKey=c2VjcmV0",
            "the account's key (AZURE_STORAGE_CONNECTION_STRING)",
        ),
    ],
)
def test_a_secret_is_told_by_its_variable_alone(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, told: str
) -> None:
    monkeypatch.setenv(variable, value)

    found = identity_of(StoreSettings(url="https://alaibackups.blob.core.windows.net/backups"), AzureSettings())

    assert found
    assert told in found.told
    assert "c2VjcmV0" not in repr(found)


def test_a_login_is_told_by_its_claims_and_its_way_and_a_refused_one_by_azure_s_words(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = identity_of(site.store_settings, site.azure)
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "wrong")
    with pytest.raises(AzureError) as refused:
        identity_of(site.store_settings, site.azure)

    backup = site.deployment.backup
    assert found
    assert f"application id {backup.app_id}, object id {backup.object_id}) by EnvironmentCredential" in found.told
    assert f"tenant {site.deployment.cloud.tenant}" in found.told
    assert "not logged in" in str(refused.value)
    assert not [secret for secret in site.deployment.cloud.secrets() if secret in found.told]


def test_a_folder_needs_no_credential() -> None:
    settings = StoreSettings(url="file:///backups")

    assert settings.location == parse_location("file:///backups")
    assert identity_of(settings, AzureSettings()) is None
