"""Receivers of alerts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import receivers
from tests.support.receivers import HttpReceiver, Mailbox


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    """An HTTP server that keeps what it is sent."""
    with receivers.http_receiver() as running:
        yield running


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """An SMTP server that keeps what it is sent."""
    with receivers.smtp_receiver() as running:
        yield running
