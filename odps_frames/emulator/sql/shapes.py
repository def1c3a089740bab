"""Which rows an aggregate goes over, and in which order."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Shape"]


@dataclass(frozen=True, slots=True)
class Shape:
    """What surrounds the call of an aggregate, each part as DuckDB text or empty."""

    distinct: str = ""
    """``DISTINCT `` or nothing."""
    where: str = ""
    """The condition of FILTER."""
    order: str = ""
    """The keys of WITHIN GROUP."""
    over: str = ""
    """`` OVER (…)`` or nothing."""

    def call(self, word: str, *items: str, distinct: str | None = None, where: str = "") -> str:
        """Return a call; ``where`` leaves out rows besides those that FILTER does."""
        conditions = [f"({text})" for text in (self.where, where) if text]
        kept = f" FILTER (WHERE {' AND '.join(conditions)})" if conditions else ""
        order = f" ORDER BY {self.order}" if self.order else ""
        word_of = self.distinct if distinct is None else distinct
        return f"{word}({word_of}{', '.join(items)}{order}){kept}{self.over}"
