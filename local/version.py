"""The tool's version, as backups and reports record it."""

VERSION = "0.1.0"
TOOL = f"pillar9 {VERSION}"
