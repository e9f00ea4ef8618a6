"""The former pipeline's transfers, as a program: plain SDK calls, one blob after the other.

python former_sdk.py upload|download CONTAINER_URL FILE...   (the account key is in AZURE_STORAGE_KEY)
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main(direction: str, url: str, *files: str) -> None:
    """Move each file to or from the blob of its name."""
    from azure.storage.blob import ContainerClient

    with ContainerClient.from_container_url(url, credential=os.environ["AZURE_STORAGE_KEY"]) as container:
        for file in map(Path, files):
            if direction == "upload":
                with file.open("rb") as source:
                    container.upload_blob(file.name, source, overwrite=True)
            else:
                with file.open("wb") as target:
                    container.download_blob(file.name).readinto(target)


if __name__ == "__main__":
    main(*sys.argv[1:])
