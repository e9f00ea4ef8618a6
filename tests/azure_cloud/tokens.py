"""Access tokens: JWTs whose hidden id leads to the rights that were in force at their issue."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
import uuid
from dataclasses import dataclass, field

from tests.azure_cloud.rights import TokenRights, rights_now
from tests.azure_cloud.state import ServicePrincipal, TenantState
from tests.azure_cloud.wire import Json


def _encode(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


@dataclass
class TokenService:
    """Issues a tenant's access tokens, and tells the rights behind one; a token that it did not sign has none."""

    state: TenantState
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    issued: dict[str, TokenRights] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list, repr=False)

    def issue(self, principal: ServicePrincipal, audience: str) -> str:
        """A token for one audience, with the rights that the principal has now, as Entra issues it."""
        rights = rights_now(self.state, principal, audience)
        token_id = str(uuid.uuid4())
        self.issued[token_id] = rights
        text = self._sign(self._claims(principal, audience, token_id))
        self.texts.append(text)
        return text

    def _claims(self, principal: ServicePrincipal, audience: str, token_id: str) -> Json:
        # Azurite compares these with the machine's clock, so they do not follow what a test skipped.
        now = int(time.time())
        return {
            "aud": audience,
            "iss": f"https://sts.windows.net/{self.state.tenant}/",
            "iat": now,
            "nbf": now - 60,
            "exp": now + round(self.state.timing.token),
            "appid": principal.app_id,
            "appidacr": "1",
            "idp": f"https://sts.windows.net/{self.state.tenant}/",
            "idtyp": "app",
            "oid": principal.object_id,
            "sub": principal.object_id,
            "roles": ["Application.Read.All"] if principal.directory_read else [],
            "tid": self.state.tenant,
            "uti": token_id,
            "ver": "1.0",
        }

    def _sign(self, claims: Json) -> str:
        head = _encode(json.dumps({"typ": "JWT", "alg": "HS256"}).encode())
        text = f"{head}.{_encode(json.dumps(claims).encode())}"
        return f"{text}.{_encode(hmac.digest(self.key, text.encode(), hashlib.sha256))}"

    def read(self, token: str) -> TokenRights | None:
        """The rights behind a token, or None where it is not one of ours."""
        text, _, signature = token.rpartition(".")
        wanted = _encode(hmac.digest(self.key, text.encode(), hashlib.sha256))
        if not hmac.compare_digest(wanted.encode(), signature.encode()):
            return None
        body = text.partition(".")[2]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return self.issued.get(claims["uti"])
