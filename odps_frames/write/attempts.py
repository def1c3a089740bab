"""The same rows again, under another name, where nobody knows what became of the last try."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from odps_frames.errors import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from odps_frames.transport.retry import Meter, RetryPolicy

__all__ = ["in_attempts"]

T = TypeVar("T")


def in_attempts(
    attempt: Callable[[int], T], policy: RetryPolicy, meter: Meter, *, first: int = 0
) -> T:
    """Call ``attempt`` with a number that grows until it gets through.

    Raises
    ------
    ServiceUnavailable
        The error of the last attempt that the policy allows.
    """
    failures = 0
    while True:
        try:
            return attempt(first + failures)
        except ServiceUnavailable as error:
            failures += 1
            if failures >= policy.max_attempts:
                raise error.after(failures) from error
            policy.pause(failures, error.retry_after)
            meter.add(retries=1)
