"""How often a call to the blob service is tried again: the SDK's own policy, and its patience with throttling."""

from __future__ import annotations

import time
from typing import Any

# The SDK's default waits 15 s before its first retry; a person waits for this one.
FIRST_RETRY_SECONDS = 1
RETRY_GROWTH_SECONDS = 2
RETRIES = 4
LONGEST_THROTTLE_SECONDS = 60.0
_TOO_MANY_REQUESTS = 429


def retry_policy() -> Any:
    """The storage package's policy, which by itself does not ask again after 429 (azure-storage-blob 12.28)."""
    from azure.core.pipeline import PipelineRequest, PipelineResponse
    from azure.core.pipeline.policies import RetryPolicy
    from azure.storage.blob import ExponentialRetry

    class ThrottlingRetry(ExponentialRetry):
        """Waits as long as the service asks for, and then tries again."""

        def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
            for _ in range(RETRIES):
                response: PipelineResponse[Any, Any] = super().send(request)  # type: ignore[no-untyped-call]
                if response.http_response.status_code != _TOO_MANY_REQUESTS:
                    return response
                asked = RetryPolicy[Any, Any]().get_retry_after(response)
                time.sleep(min(asked or FIRST_RETRY_SECONDS, LONGEST_THROTTLE_SECONDS))
            last: PipelineResponse[Any, Any] = super().send(request)  # type: ignore[no-untyped-call]
            return last

    return ThrottlingRetry(
        initial_backoff=FIRST_RETRY_SECONDS, increment_base=RETRY_GROWTH_SECONDS, retry_total=RETRIES
    )
