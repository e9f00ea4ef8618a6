"""A long answer handed in to the store, by a link that lets this machine make one blob and nothing else."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request

from local.drill_program.answer import drop_answer, kept_answer, packed, send_answer
from local.drill_program.blob import SOCKET_SECONDS, connection_trouble, https_opener
from local.drill_program.errors import NotCarriedOutError
from local.drill_program.order import HandInOrder

HAND_IN_TRIES = 3
HAND_IN_PAUSE_SECONDS = 2.0


def hand_in(order: HandInOrder) -> None:
    """Put the kept answer into the store and remove it here; the answer to this order says why that could not be."""
    found = kept_answer(order.kept)
    trouble = put_patiently(order.url, found[1].encode()) if found else "the answer is no longer kept there"
    if not trouble:
        drop_answer(order.kept)
        drop_answer(order.superseded)
    send_answer(order.nonce, packed(json.dumps({"trouble": trouble}).encode()), order.line_characters)


def put_patiently(url: str, content: bytes) -> str:
    """Make the blob, tried again where that may help; why it could not be made, empty where it is there."""
    trouble = ""
    for attempt in range(HAND_IN_TRIES):
        if attempt:
            time.sleep(HAND_IN_PAUSE_SECONDS)
        try:
            return put(url, content)
        except urllib.error.HTTPError as error:
            with error:
                code = "".join(filter(str.isalnum, error.headers.get("x-ms-error-code") or ""))[:60]
                if attempt and code in ("BlobAlreadyExists", "UnauthorizedBlobOverwrite"):
                    return ""  # made by the try before, whose answer got lost; its digest will tell
                trouble = f"the store answers {error.code} {code}".rstrip()
                if error.code < 500 and error.code not in (408, 429):
                    break
        except NotCarriedOutError as error:
            return str(error)
        except (OSError, http.client.HTTPException) as error:
            try:
                trouble = connection_trouble(error)
            except NotCarriedOutError as final:
                return str(final)
    return trouble


def put(url: str, content: bytes) -> str:
    """One Put Blob (https://learn.microsoft.com/rest/api/storageservices/put-blob); empty, or what came instead.

    Raises OSError and http.client's errors.
    """
    headers = {"x-ms-blob-type": "BlockBlob", "Content-Type": "text/plain"}
    request = urllib.request.Request(url, data=content, headers=headers, method="PUT")  # noqa: S310
    with https_opener().open(request, timeout=SOCKET_SECONDS) as response:
        return "" if response.status == 201 else f"the store answers {response.status}"
