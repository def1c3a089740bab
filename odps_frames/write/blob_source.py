"""The data of a blob: opened anew for every attempt, measured from where it stands."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer

    from odps_frames.model.blob import BlobData

__all__ = ["BlobSource", "UnreadableBlob"]

_PIECE_BYTES: Final = 1 << 18


class UnreadableBlob(Exception):
    """Reading the data of a blob failed, which must not look like trouble with the service.

    ``__cause__`` says what it was.
    """


class BlobSource:
    """Bytes, a file that is open or the path of one.

    Attributes
    ----------
    size : int or None
        Bytes to come; None where nobody can tell beforehand.
    repeatable : bool
        Whether they can be read a second time.
    """

    def __init__(self, data: BlobData, size: int | None = None) -> None:
        self._declared = size
        self._data = cast("Any", data)
        self._start: int | None = None
        self.repeatable = True
        if hasattr(self._data, "__fspath__"):
            self._data = Path(self._data)
            measured: int | None = self._data.stat().st_size
        elif hasattr(self._data, "read"):
            measured = self._measure_file()
        else:
            self._data = _view(self._data)
            measured = self._data.nbytes
        if size is not None and measured is not None and size != measured:
            raise ValueError(f"size={size}; the data of the blob has {measured} bytes from there")
        self.size = measured if size is None else size

    def _measure_file(self) -> int | None:
        """Return how much a file has from where it stands, if it can seek."""
        seekable = getattr(self._data, "seekable", None)
        if seekable is None or not seekable():
            self.repeatable = False
            return None
        self._start = int(self._data.tell())
        end = int(self._data.seek(0, os.SEEK_END))
        self._data.seek(self._start)
        return max(0, end - self._start)

    def pieces(self) -> Iterator[Buffer]:
        """Yield the data.

        Raises
        ------
        UnreadableBlob
            When it cannot be read, or has not as many bytes as were declared.
        """
        n_bytes = 0
        try:
            for piece in self._pieces():
                n_bytes += memoryview(piece).nbytes
                if self.size is not None and n_bytes > self.size:
                    break
                yield piece
            if self.size is not None and n_bytes != self.size:
                least = " or more" if n_bytes > self.size else ""
                raise ValueError(  # noqa: TRY301  it is wrapped as all others
                    f"the data of a blob has {n_bytes} bytes{least}; {self.size} were declared"
                )
        except Exception as error:
            raise UnreadableBlob(str(error)) from error

    def _pieces(self) -> Iterator[Buffer]:
        if isinstance(self._data, memoryview):
            for start in range(0, len(self._data), _PIECE_BYTES):
                yield self._data[start : start + _PIECE_BYTES]
        elif isinstance(self._data, Path):
            with self._data.open("rb") as file:
                yield from _read(file)
        else:
            if self._start is not None:
                self._data.seek(self._start)
            yield from _read(self._data)


def _view(data: Any) -> memoryview:  # noqa: ANN401  whatever was given
    try:
        view = memoryview(data)
        if "O" not in view.format:  # the bytes of an array of objects are addresses
            return view.cast("B")
    except TypeError:
        pass
    raise TypeError(
        f"data of type {type(data).__name__}; expected bytes, a binary file or a pathlib.Path"
    )


def _read(file: Any) -> Iterator[bytes]:  # noqa: ANN401  anything with read()
    while True:
        piece = file.read(_PIECE_BYTES)
        if piece is None:  # which is not the end
            raise BlockingIOError(f"{file!r} has no bytes yet; expected a file that waits for them")
        if isinstance(piece, str):
            raise TypeError(f"{file!r} gives text; open it in binary mode")
        if not piece:
            return
        yield piece
