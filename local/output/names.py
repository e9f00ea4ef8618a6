"""How a table names what is backed up: databases alone, or with the volumes beside them and what each is."""

from __future__ import annotations

from dataclasses import dataclass

from local.store.shelf import Kind


@dataclass(frozen=True)
class Names:
    """The columns that name a row: one where all are databases, else another that tells which is what."""

    mixed: bool

    @property
    def headers(self) -> tuple[str, ...]:
        """The columns' headers."""
        return ("name", "kind") if self.mixed else ("database",)

    def cells(self, name: str, kind: Kind) -> tuple[str, ...]:
        """A row's cells in these columns."""
        return (name, kind) if self.mixed else (name,)
