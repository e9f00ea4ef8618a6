"""Messages through Apprise to real receivers; what fails is told without the URL."""

from __future__ import annotations

import json
import subprocess
import sys
from email.header import decode_header, make_header

import pytest

from local.alerts import send
from local.alerts.secrets import Secret
from local.alerts.words import Message
from tests.support import receivers
from tests.support.receivers import HttpReceiver, Mailbox

MESSAGE = Message("ANVIL: backup of costs FAILED", "costs: <b>bold</b> & *stars* \\n\nsecond line", is_wrong=True)


def sent(*urls: str) -> list[tuple[str, str]]:
    return [(each.channel, each.trouble) for each in send.send([Secret(url) for url in urls], MESSAGE)]


def test_a_webhook_gets_the_text_as_it_is(receiver: HttpReceiver) -> None:
    assert sent(f"json://{receiver.address}/hook") == [("json", "")]

    (request,) = receiver.received
    document = json.loads(request.body)
    assert (document["title"], document["message"], document["type"]) == (MESSAGE.subject, MESSAGE.body, "failure")


@pytest.mark.parametrize(
    ("wish", "kind", "text"),
    [("", "text/plain", b"<b>bold</b> & *stars*"), ("&format=html", "text/html", b"&lt;b&gt;bold&lt;/b&gt;")],
)
def test_a_mail_arrives_and_nothing_in_its_text_becomes_html(
    mailbox: Mailbox, wish: str, kind: str, text: bytes
) -> None:
    url = f"mailto://127.0.0.1:{mailbox.port}?from=pillar9@example.com&to=admin@example.com&mode=insecure{wish}"

    assert sent(url) == [("mailto", "")]

    (mail,) = mailbox.messages
    assert str(make_header(decode_header(mail["Subject"]))) == MESSAGE.subject
    assert mail["To"] == "admin@example.com"
    parts = {part.get_content_type(): part.get_payload(decode=True) for part in mail.walk() if not part.is_multipart()}
    body = parts[kind]
    assert isinstance(body, bytes)
    assert text in body.replace(b"&nbsp;", b" ")


def test_each_channel_tells_for_itself(
    receiver: HttpReceiver, mailbox: Mailbox, capfd: pytest.CaptureFixture[str]
) -> None:
    receiver.answers = [500]
    refusing = receivers.refusing_port()

    found = sent(
        f"json://{receiver.address}/tokenA",
        f"json://tokenB:tokenC@127.0.0.1:{refusing}/tokenD",
        f"mailto://127.0.0.1:{mailbox.port}?from=tokenE@example.com&to=admin@example.com&mode=insecure",
        "slack://tokenF",
        "tokenG://tokenH",
        "tokenI",
    )

    assert [channel for channel, _ in found] == ["json", "json", "mailto", "slack", "unknown", "unknown"]
    troubles = [trouble for _, trouble in found]
    assert "500" in troubles[0]
    assert "onnection" in troubles[1]
    assert troubles[2] == ""
    assert all("Apprise" in trouble for trouble in troubles[3:])
    # Apprise's own log would have repeated them.
    assert "token" not in f"{found}{''.join(capfd.readouterr())}"


def test_a_receiver_that_hangs_holds_up_nobody(receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(send, "SEND_SECONDS", 0.5)
    with receivers.silent_receiver() as port:
        found = sent(f"json://127.0.0.1:{port}/secret?rto=3600", f"json://{receiver.address}/hook")

    assert found == [("json", "no answer within 0.5 s"), ("json", "")]


def test_a_process_ends_though_a_receiver_still_hangs() -> None:
    program = """
import sys
from local.alerts import send
from local.alerts.secrets import Secret
from local.alerts.words import Message
send.SEND_SECONDS = 0.3
urls = [Secret(url) for url in sys.argv[1:]]
print([each.trouble for each in send.send(urls, Message("subject", "body", True))])
"""
    with receivers.silent_receiver() as port:
        urls = [
            f"json://127.0.0.1:{port}?rto=3600",
            f"mailto://127.0.0.1:{port}?from=a@example.com&to=b@example.com&cto=3600",
        ]
        done = subprocess.run([sys.executable, "-c", program, *urls], capture_output=True, text=True, timeout=60)

    assert (done.stdout.strip(), done.stderr) == (str(["no answer within 0.3 s"] * 2), "")
