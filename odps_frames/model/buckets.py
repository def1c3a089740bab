"""How the rows of a clustered table are put into buckets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, cast

__all__ = ["MAX_BUCKETS", "Buckets"]

MAX_BUCKETS = 4096
_ORDERED = re.compile(r"(\w+)(?:\s+(asc|desc))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Buckets:
    """Which columns say the bucket of a row.

    Parameters
    ----------
    columns : tuple of str
        Rows that are equal in these columns share a bucket.
    n : int, optional
        How many buckets; ``kind="range"`` may leave it to the service.
    sorted_by : tuple of str
        The order of rows within a bucket: names, each with `` DESC`` for falling values.
    kind : {'hash', 'range'}
        Whether a bucket holds values with a common hash or values near each other.

    Examples
    --------
    >>> from odps_frames import Buckets
    >>> Buckets(columns=("id",), n=16)
    Buckets(columns=('id',), n=16, sorted_by=(), kind='hash')
    """

    columns: tuple[str, ...]
    n: int | None = None
    sorted_by: tuple[str, ...] = ()
    kind: Literal["hash", "range"] = "hash"

    def __post_init__(self) -> None:
        for name in ("columns", "sorted_by"):  # lists and a single name are as good
            given = getattr(self, name)
            names = (given,) if isinstance(given, str) else tuple(given)
            object.__setattr__(self, name, names)
        if self.kind not in ("hash", "range"):
            msg = f"kind={self.kind!r} of buckets; expected 'hash' or 'range'"
            raise ValueError(msg)
        if not self.columns:
            msg = "columns=() of buckets; expected one at least"
            raise ValueError(msg)
        number = self.n
        whole = isinstance(number, int) and not isinstance(number, bool)
        if (number is not None or self.kind == "hash") and not (
            whole and 1 <= (number or 0) <= MAX_BUCKETS
        ):
            msg = f"n={number!r} of {self.kind} buckets; expected 1 to {MAX_BUCKETS}"
            raise ValueError(msg)
        object.__setattr__(self, "sorted_by", tuple(map(_ordered, self.sorted_by)))
        for what, names in (("columns", self.columns), ("sorted_by", self.sort_names)):
            lower = [name.lower() for name in names]
            if twice := sorted({name for name in lower if lower.count(name) > 1}):
                msg = f"{what} of buckets name {twice} twice"
                raise ValueError(msg)

    @classmethod
    def of(cls, given: object) -> Self:
        """Make a value of itself, or of a mapping with the same keys."""
        if isinstance(given, Buckets):
            return cls(columns=given.columns, n=given.n, sorted_by=given.sorted_by, kind=given.kind)
        if not isinstance(given, Mapping):
            msg = f"buckets={given!r}; expected Buckets(columns=…, n=…) or a mapping like it"
            raise TypeError(msg)
        return cls(**cast("Mapping[str, Any]", given))

    @property
    def sort_names(self) -> tuple[str, ...]:
        """The columns of the order, without their directions."""
        return tuple(text.partition(" ")[0] for text in self.sorted_by)

    @property
    def descending(self) -> tuple[bool, ...]:
        """Whether values fall, for each column of the order."""
        return tuple(text.endswith(" DESC") for text in self.sorted_by)


def _ordered(text: str) -> str:
    match = _ORDERED.fullmatch(text.strip())
    if match is None:
        msg = f"not an order: {text!r}; expected a column, such as 'id' or 'id DESC'"
        raise ValueError(msg)
    falling = (match[2] or "").lower() == "desc"
    return f"{match[1]} DESC" if falling else match[1]
