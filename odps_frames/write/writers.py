"""The writers of a session, so that no commit leaves rows behind that somebody still holds."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from odps_frames.model.write import StreamId
    from odps_frames.write.stream import TableWriter

__all__ = ["Writers"]


class Writers:
    """The writers that were opened, by the names of their streams."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_name: dict[str, TableWriter] = {}

    def add(self, name: str, writer: TableWriter, *, replaces: bool) -> TableWriter:
        """Note a writer; with ``replaces`` it takes the place of an earlier one of its name.

        Raises
        ------
        ValueError
            When it does not, and the earlier one has rows: both would write the same streams.
        """
        with self._lock:
            earlier = self._by_name.get(name)
            if earlier and not replaces and (earlier.unfinished or earlier.receipts):
                raise ValueError(
                    f"stream {name!r} was opened in this session already and holds rows; give "
                    "this one another name, or version= to write it anew"
                )
            self._by_name[name] = writer
        return writer

    def of(self, stream: StreamId) -> TableWriter | None:
        """Return the writer of this very version of a stream, where it was opened here.

        Raises
        ------
        ValueError
            When it holds rows that were not sent.
        """
        with self._lock:
            writer = self._by_name.get(stream.stream)
        if writer is None or all(one.stream != stream for one in writer.receipts):
            return None
        if writer.holds_rows:
            raise ValueError(
                f"the writer of stream {stream.stream!r} holds rows that were not sent; close the "
                "writer, which closes its stream"
            )
        return writer

    def check_finished(self, *, n_receipts: int, shown: bool) -> None:
        """Refuse a commit of all that arrived, where not all of it did.

        Parameters
        ----------
        n_receipts : int
            How many streams and blocks the commit would name.
        shown : bool
            What was sent is visible already, so that only rows that wait are missing.

        Raises
        ------
        ValueError
            When a writer was not closed, or when those that failed are all there were.
        """
        with self._lock:
            writers = dict(self._by_name)
        if unfinished := [
            name
            for name, writer in writers.items()
            if (writer.holds_rows if shown else writer.unfinished)
        ]:
            raise ValueError(
                f"the writers of streams {unfinished} took rows and were not closed, so that not "
                "all of them arrived: close them, as their with blocks do, or abort()"
            )
        failed = [name for name, writer in writers.items() if writer.failed]
        if failed and not n_receipts and not shown:
            raise ValueError(
                f"the writers of streams {failed} failed, and no other one has brought rows: "
                "abort(), or commit('closed') for what others closed"
            )
