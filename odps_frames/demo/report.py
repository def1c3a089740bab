"""Steps and their figures as aligned lines."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Report", "Step"]

_WIDTH = 48


@dataclass(slots=True)
class Step:
    """What one step moved; the step itself fills it."""

    n_rows: int | None = None
    n_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """Print each step on a line of its own as soon as it is done."""

    out: TextIO
    clock: Callable[[], float]

    def heading(self, title: str) -> None:
        """Print the title and the names of the columns."""
        print(title, file=self.out)
        print(f"\n{'':{_WIDTH}}{'rows':>9}{'MB/s':>8}{'seconds':>9}", file=self.out)

    @contextmanager
    def step(self, text: str) -> Iterator[Step]:
        """Time what happens inside and print it; a step that fails prints nothing."""
        started = self.clock()
        figures = Step()
        yield figures
        seconds = self.clock() - started
        rows = "" if figures.n_rows is None else f"{figures.n_rows:,}"
        speed = "" if figures.n_bytes is None else f"{figures.n_bytes / 1e6 / seconds:,.1f}"
        print(f"{text:{_WIDTH}}{rows:>9}{speed:>8}{seconds:>9.2f}", file=self.out, flush=True)

    def line(self, text: str) -> None:
        """Print a line as it is."""
        print(text, file=self.out, flush=True)
