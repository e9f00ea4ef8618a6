"""Why there is no token: refusals of Entra ID by their AADSTS number, and of azure-identity, which has words only."""

from __future__ import annotations

from local.cloud.refusal import LOGIN, Row

_VARIABLES = "AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET"
_CLOCK = "set this machine's clock (macOS: sudo sntp -sS time.apple.com; Linux: sudo timedatectl set-ntp true)"
_NEW_SECRET = "(az ad app credential reset --append --id <application id> makes a new one)"  # noqa: S105

# https://learn.microsoft.com/entra/identity-platform/reference-error-codes
_ENTRA = (
    Row(
        LOGIN,
        "AADSTS7000215",
        f"set AZURE_CLIENT_SECRET to a valid secret, its value and not its id {_NEW_SECRET}",
        "the client secret is wrong",
    ),
    Row(
        LOGIN,
        "AADSTS7000222",
        f"set AZURE_CLIENT_SECRET to a new secret {_NEW_SECRET}",
        "the client secret has expired",
    ),
    Row(
        LOGIN,
        "AADSTS7000112",
        "ask an Entra admin to enable it: az ad sp update --id <application id> --set accountEnabled=true",
        "the application is disabled in its tenant",
    ),
    Row(
        LOGIN,
        "AADSTS53003",
        "ask an Entra admin which policy it was (the sign-in log names it) and to let this login pass",
        "a Conditional Access policy gives no token to this login from here; logging in again does not change that",
    ),
    Row(
        LOGIN,
        "AADSTS5007[69]",
        "run: az login --tenant <tenant id>, where a person answers (or use a service principal or a managed identity)",
        "the login needs a second factor",
    ),
    Row(
        LOGIN,
        "AADSTS700024",
        f"{_CLOCK}; if it is right, renew what AZURE_FEDERATED_TOKEN_FILE or the certificate's signature is made from",
        "the signed assertion is too old or too new: this machine's clock is wrong, or the federated token has expired",
    ),
    Row(
        LOGIN,
        "AADSTS500011",
        "check azure.tenant (AZURE_TENANT_ID) and azure.cloud",
        "this tenant does not know the service that the token is for: another tenant or cloud is meant",
    ),
    Row(
        LOGIN,
        "AADSTS700016|AADSTS90002",
        "check AZURE_CLIENT_ID, AZURE_TENANT_ID and azure.tenant (az account show)",
        "there is no such application, or no such tenant",
    ),
    Row(
        LOGIN,
        "AADSTS(70008|70043|700082|50173)",
        "run: az login",
        "the login of az has expired or was revoked",
    ),
    # What stands in no row is looked up rather than guessed at.
    Row(LOGIN, r"AADSTS\d+", "look up {code}: https://login.microsoftonline.com/error"),
)

# The words of azure-identity 1.25; where nobody is logged in, each kind of login that was tried has its own.
_IDENTITY = (
    Row(
        LOGIN,
        ".*",
        "install the Azure CLI, or put its folder into PATH (in a terminal `command -v az` tells it), or set "
        f"{_VARIABLES}",
        "az is not on this process's PATH, which is a short one under launchd and cron",
        text="Azure CLI not found on path",
    ),
    Row(LOGIN, ".*", f"run: az login (or set {_VARIABLES})", text="az login"),
    Row(
        LOGIN,
        ".*",
        f"set {_VARIABLES} (or unset AZURE_TOKEN_CREDENTIALS and run: az login)",
        text="Environment variables are not fully configured",
    ),
    Row(
        LOGIN,
        ".*",
        "give this machine a managed identity, or unset AZURE_TOKEN_CREDENTIALS and log in: az login",
        "there is no managed identity here",
        text="no managed identity endpoint|IMDS endpoint|no response from the IMDS|identity has not been assigned",
    ),
    Row(LOGIN, ".*", "see who is logged in: az account show"),
)

LOGIN_ROWS = (*_ENTRA, *_IDENTITY)
