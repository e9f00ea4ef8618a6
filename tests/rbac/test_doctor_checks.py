"""What the doctor says of the rights and of the account that holds the backups."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from local.doctor.check import DoctorCheck
from local.doctor.run import examine
from local.settings import AzureSettings, Database, Settings, StoreSettings
from rbac import doctor_checks
from rbac.account_safety import SafetyFacts, judge
from rbac.doctor_checks import judge_right
from rbac.result import Finding
from tests.azure_cloud.state import StorageAccount
from tests.rbac.admin import STORE_SETTINGS, Admin

DATABASES = (Database(name="costs", path=Path("/db/costs.db")),)
RUN = "Microsoft.Compute/virtualMachines/runCommand/action"
BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write"
SAFE = SafetyFacts("alai", "rg", "backups", True, 14, 7, True, False, False)


def looked_at(azure: AzureSettings, store: StoreSettings = STORE_SETTINGS) -> dict[str, DoctorCheck]:
    settings = Settings(store=store, databases=DATABASES, azure=azure)
    return {check.name: check for check in examine(doctor_checks.preconditions(settings), lambda _: None).checks}


@pytest.mark.parametrize(
    ("action", "allowed", "by_secret", "verdict", "mend"),
    [
        (RUN, True, False, "ok", ""),
        (RUN, False, True, "fail", "invoke rbac.fix"),
        (RUN, None, False, "skipped", "invoke rbac.check tells more"),
        (BLOBS, True, True, "ok", ""),
        (BLOBS, False, False, "fail", "invoke rbac.fix --store"),
        (BLOBS, False, True, "warn", "invoke rbac.fix --store"),
    ],
)
def test_a_right_is_judged(action: str, allowed: bool | None, by_secret: bool, verdict: str, mend: str) -> None:
    scope = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm"
    check = judge_right(Finding(action, scope, allowed, None, "why"), by_secret=by_secret)

    assert (check.verdict, check.mend) == (verdict, mend)
    assert check.name == ("right runCommand on VM vm" if action == RUN else "right blobs write on VM vm")


def test_a_right_that_hangs_on_a_condition_is_a_warning() -> None:
    check = judge_right(Finding(RUN, None, None, "/assignment", "conditional"), by_secret=False)

    assert (check.name, check.verdict) == ("right runCommand", "warn")


@pytest.mark.parametrize(
    ("facts", "unsafe", "mend"),
    [
        (SAFE, None, ""),
        (replace(SAFE, versions=False), "versions", "--enable-versioning true"),
        (replace(SAFE, blob_days=None), "soft delete of blobs", "--enable-delete-retention true"),
        (replace(SAFE, container_days=None), "soft delete of containers", "--enable-container-delete-retention true"),
        (replace(SAFE, immutable=False), "immutability", "--enable-vlw true"),
        (replace(SAFE, shared_key=True), "shared keys", "--allow-shared-key-access false"),
        (replace(SAFE, public=True), "anonymous access", "--allow-blob-public-access false"),
    ],
)
def test_an_account_is_judged_setting_by_setting(facts: SafetyFacts, unsafe: str | None, mend: str) -> None:
    warned = [check for check in judge(facts) if check.verdict != "ok"]

    assert [check.name for check in warned] == ([f"account: {unsafe}"] if unsafe else [])
    assert all(check.verdict == "warn" and mend in check.mend and " alai " in check.mend for check in warned)


def test_the_rights_of_rbac_check_are_the_doctor_s(admin: Admin) -> None:
    cloud = admin.deployment.cloud
    cloud.assign(admin.deployment.backup, "Virtual Machine Contributor", admin.deployment.group)

    checks = looked_at(admin.azure)

    rights = {name.partition(" on ")[0]: check.verdict for name, check in checks.items() if name.startswith("right")}
    assert rights == {
        "rights": "ok",
        "right runCommand": "ok",
        "right read": "ok",
        "right blobs read": "fail",
        "right blobs write": "fail",
        "right generateUserDelegationKey": "fail",
    }
    assert cloud.writes() == []


def account(admin: Admin) -> Iterator[StorageAccount]:
    yield from admin.deployment.cloud.state.storage.values()


def test_the_account_s_settings_are_read_as_azure_has_them(admin: Admin) -> None:
    plain = looked_at(admin.azure)
    state = admin.deployment.cloud.state
    (found,) = account(admin)
    state.storage[found.id.lower()] = replace(
        found,
        immutable=True,
        properties={"allowSharedKeyAccess": False, "allowBlobPublicAccess": False},
        blob_service={
            "isVersioningEnabled": True,
            "deleteRetentionPolicy": {"enabled": True, "days": 14},
            "containerDeleteRetentionPolicy": {"enabled": True, "days": 7},
        },
    )
    guarded = looked_at(admin.azure)

    names = [name for name in plain if name.startswith("account")]
    assert len(names) == 6
    assert {plain[name].verdict for name in names} == {"warn"}
    assert {guarded[name].verdict for name in names} == {"ok"}
    assert "for 14 days" in guarded["account: soft delete of blobs"].message
    assert admin.deployment.cloud.writes() == []


def test_who_may_not_look_is_told_so_and_the_blob_service_is_asked_instead(
    admin: Admin, azure_store_settings: StoreSettings
) -> None:
    admin.deployment.cloud.assign(admin.deployment.backup, "Virtual Machine Contributor", admin.deployment.vm)
    admin.log_in_as(admin.deployment.backup)

    checks = looked_at(admin.azure, azure_store_settings)

    assert {name: check.verdict for name, check in checks.items()} == {
        "rights": "skipped",
        "account": "skipped",
        "account: soft delete of blobs": "warn",
    }
    assert all(check.mend for check in checks.values())


def test_what_is_not_configured_is_skipped_with_its_key(azure_store_settings: StoreSettings) -> None:
    folder = StoreSettings(url="file:///backups")
    nothing, in_folder = looked_at(AzureSettings(), azure_store_settings), looked_at(AzureSettings(), folder)
    assert nothing.pop("account: soft delete of blobs").verdict == "warn"

    assert "azure.subscription is not configured" in nothing["rights"].message
    assert "azure.subscription is not configured" in nothing["account"].message
    assert "the store is a folder" in in_folder["account"].message
    assert {check.verdict for check in (*nothing.values(), *in_folder.values())} == {"skipped"}


def test_a_wrong_login_fails_by_azure_s_words_and_tells_no_secret(
    admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "wr0ng-secret")

    checks = looked_at(admin.azure)

    assert {check.verdict for check in checks.values()} == {"fail"}
    assert "not logged in" in checks["rights"].message
    assert "wr0ng-secret" not in str(checks)
