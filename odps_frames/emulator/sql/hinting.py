"""What a name that is not there may have been meant to be."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["meant"]

MAX_LISTED = 10


def meant(name: str, known: Iterable[str], *, listed: bool = False) -> str:
    """Return the end of a message about a name, empty where there is nothing to say.

    Parameters
    ----------
    listed : bool
        Name what there is, where nothing is like the name.
    """
    names = {one.lower(): one for one in known}
    near = [names[one] for one in get_close_matches(name.lower(), names, n=3)]
    if near:
        return f"; did you mean {' or '.join(near)}?"
    if not listed or not names:
        return ""
    more = ", …" if len(names) > MAX_LISTED else ""
    return f"; there are: {', '.join(list(names.values())[:MAX_LISTED])}{more}"
