from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING

import pyarrow as pa

from odps_frames.progress import followed
from odps_frames.transport.retry import Meter

if TYPE_CHECKING:
    from odps_frames.progress import ProgressOption


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(progress: ProgressOption) -> str:
    """Follow a short read and return what a terminal saw."""
    meter = Meter()
    meter.add(rows=3)
    batch = pa.record_batch({"id": [1, 2, 3]})
    with contextlib.redirect_stderr(Terminal()) as terminal:
        assert list(followed(iter([batch]), meter, progress, label="reading t")) == [batch]
    return terminal.getvalue()


def test_a_bar_that_is_asked_for_shows_at_once() -> None:
    assert "reading t" in shown(progress=True)


def test_a_short_read_shows_no_bar_by_itself() -> None:
    assert shown("auto") == ""


def test_no_bar_is_shown_against_the_will() -> None:
    assert shown(progress=False) == ""
