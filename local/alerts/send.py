"""One message through one channel: https://github.com/caronc/apprise knows how each of them is spoken to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.alerts.bounded import BoundedCall
from local.alerts.secrets import Secret
from local.alerts.words import Message

if TYPE_CHECKING:
    from apprise import NotifyBase

SEND_SECONDS = 20.0
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)


@dataclass(frozen=True)
class Sent:
    """What became of a message: the channel's kind, and what went wrong ("" if nothing did)."""

    channel: str
    trouble: str


def send(secrets: Sequence[Secret], message: Message) -> tuple[Sent, ...]:
    """Send it through all of them at the same time; nothing is raised, and it takes SEND_SECONDS at most."""
    begun: list[tuple[str, str | BoundedCall]] = []
    for secret in secrets:
        service = _service(secret)
        kind = channel_kind(secret)
        begun.append((kind, _begin(service, secret, message) if service else _unknown(kind)))
    return tuple(Sent(kind, each if isinstance(each, str) else each.trouble()) for kind, each in begun)


def channel_kind(secret: Secret) -> str:
    """The scheme of its URL where Apprise has one of that name; whatever else stands there may be a secret."""
    from apprise.manager_plugins import NotificationManager

    found = _SCHEME.match(secret.reveal())
    name = found[1].lower() if found else ""
    known = NotificationManager()  # type: ignore[no-untyped-call]
    return name if name in known else "unknown"


def _service(secret: Secret) -> NotifyBase | None:
    import logging

    from apprise import Apprise, AppriseAsset, PersistentStoreMode

    # Whatever Apprise has to say of a URL may repeat it.
    logging.getLogger("apprise").propagate = False
    logging.getLogger("apprise").addHandler(logging.NullHandler())
    # In the thread that asks (Apprise's own time-outs take one that the interpreter's end waits for), nothing kept on
    # the disk, nothing in the text that has another meaning.
    asset = AppriseAsset(
        async_mode=False,
        service_timeout=0,
        storage_mode=PersistentStoreMode.MEMORY,
        interpret_emojis=False,
        interpret_escapes=False,
        app_id="Pillar9",
        app_desc="Pillar #9",
    )
    return Apprise.instantiate(secret.reveal(), asset=asset)


def _begin(service: NotifyBase, secret: Secret, message: Message) -> BoundedCall:
    return BoundedCall(lambda: _notify(service, message), secret, SEND_SECONDS)


def _notify(service: NotifyBase, message: Message) -> str:
    from apprise import Apprise, NotifyFormat, NotifyType

    apprise = Apprise(asset=service.asset)
    apprise.add(service)
    kind = NotifyType.FAILURE if message.is_wrong else NotifyType.SUCCESS
    result = apprise.notify(message.body, message.subject, notify_type=kind, body_format=NotifyFormat.TEXT)
    if result:
        return ""
    return "; ".join(entry.message for entry in result.logs()) or "not delivered, without a reason"


def _unknown(kind: str) -> str:
    if kind == "unknown":
        return "Apprise knows no such URL; see https://github.com/caronc/apprise/wiki"
    return f"Apprise cannot read this URL; see its page for {kind}: https://github.com/caronc/apprise/wiki"
