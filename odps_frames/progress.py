"""How far a read or a write is, shown or told while it runs."""

from __future__ import annotations

import contextlib
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NoReturn, TypeAlias

from tqdm import tqdm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pyarrow as pa

    from odps_frames.transport.retry import Meter

__all__ = ["Progress", "ProgressOption", "check_progress", "followed", "tell_end", "watching"]

AUTO_DELAY_SECONDS = 2.0
REPORT_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a read or a write is."""

    rows: int
    bytes: int
    splits_done: int
    splits_total: int | None
    retries: int
    throttled_s: float


ProgressOption: TypeAlias = "bool | Literal['auto'] | Callable[[Progress], object]"


def check_progress(progress: object) -> None:
    """Refuse what is neither a switch nor a callable.

    Raises
    ------
    ValueError
        With what may be given.
    """
    if progress not in (True, False, "auto") and not callable(progress):
        msg = f"progress={progress!r}; expected True, False, 'auto' or a callable"
        raise ValueError(msg)


def followed(
    batches: Iterator[pa.RecordBatch],
    meter: Meter,
    progress: ProgressOption,
    *,
    label: str,
    total: int | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[pa.RecordBatch]:
    """Yield the batches and report, at most ten times a second and once at the end."""
    if callable(progress):
        report: Callable[[], object] = lambda: progress(_state(meter))  # noqa: E731
        with contextlib.ExitStack() as nothing:
            yield from _reporting(batches, report, nothing, clock)
    elif progress is True or (progress == "auto" and _watched()):
        with contextlib.ExitStack() as closing:
            bar = tqdm(
                desc=label,
                total=total,
                unit=" rows",
                unit_scale=True,
                delay=0.0 if progress is True else AUTO_DELAY_SECONDS,
                leave=False,
            )
            closing.callback(bar.close)
            yield from _reporting(batches, lambda: _show(bar, meter), closing, clock)
    else:
        yield from batches


@contextlib.contextmanager
def watching(progress: ProgressOption, *, label: str) -> Iterator[Callable[[float], None] | None]:
    """Show the percentages that the block reports; nobody is told where rows are counted only."""
    if not (progress is True or (progress == "auto" and _watched())):
        yield None
        return
    delay = 0.0 if progress is True else AUTO_DELAY_SECONDS
    bar = tqdm(desc=label, total=100, unit="%", delay=delay, leave=False)

    def report(percentage: float) -> None:
        with contextlib.suppress(Exception):  # a bar that fails must not fail the query
            bar.update(max(0.0, percentage - bar.n))

    try:
        yield report
    finally:
        bar.close()


def tell_end(progress: ProgressOption, meter: Meter) -> None:
    """Report once more to a callable: what is written arrives after the last batch was taken."""
    if callable(progress):
        progress(_state(meter))


def _reporting(
    batches: Iterator[pa.RecordBatch],
    report: Callable[[], object],
    closing: contextlib.ExitStack,
    clock: Callable[[], float],
) -> Iterator[pa.RecordBatch]:
    close = getattr(batches, "close", None)
    if close is not None:
        closing.callback(close)
    last = clock()
    for batch in batches:
        yield batch
        if clock() - last >= REPORT_SECONDS:
            last = clock()
            report()
    report()


def _show(bar: tqdm[NoReturn], meter: Meter) -> None:
    with contextlib.suppress(Exception):  # a bar that fails must not fail the read
        trouble = {"retries": meter.retries} if meter.retries else {}
        bar.set_postfix(trouble, refresh=False)
        bar.update(meter.rows - bar.n)  # unlike refresh(), it keeps the delay


def _state(meter: Meter) -> Progress:
    return Progress(
        rows=meter.rows,
        bytes=meter.bytes,
        splits_done=meter.splits_done,
        splits_total=meter.splits_total,
        retries=meter.retries,
        throttled_s=meter.throttled_seconds,
    )


def _watched() -> bool:
    """Whether somebody looks: a terminal, or a notebook."""
    return "ipykernel" in sys.modules or (sys.stderr is not None and sys.stderr.isatty())
