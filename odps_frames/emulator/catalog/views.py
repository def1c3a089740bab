"""What a view is: a query, and the place and settings that it was made with."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["View"]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A query under a name."""

    query: str
    project: str
    """Whose tables the names in the query mean that say no project."""
    outputs: tuple[str, ...]
    """What the query called its columns when the view was made."""
    settings: Mapping[str, str] = field(default_factory=dict)

    def encode(self) -> dict[str, Any]:
        """Write a view as JSON."""
        return asdict(self)

    @classmethod
    def decode(cls, document: Mapping[str, Any]) -> View:
        """Read a view back."""
        return cls(
            query=document["query"],
            project=document["project"],
            outputs=tuple(document["outputs"]),
            settings=document["settings"],
        )
