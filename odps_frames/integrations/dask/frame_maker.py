"""What a task of Dask does: a split of a read session becomes a frame."""

from __future__ import annotations

import pickle
import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa

from odps_frames.convert.pandas import to_pandas
from odps_frames.scan_blobs import shown_blobs
from odps_frames.transport.retry import Meter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from odps_frames.model.schema import Column
    from odps_frames.model.splits import Split
    from odps_frames.scan import DtypeBackend, Scan
    from odps_frames.scan_reading import Reading

__all__ = ["FrameMaker", "FrameStyle"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameStyle:
    """How frames are made of rows."""

    dtype_backend: DtypeBackend | None
    types_mapper: Callable[[pa.DataType], Any] | None
    tz: str
    index: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class FrameMaker:
    """Makes frames of the splits of one read session; it pickles without connection and secret."""

    reading: Reading | None
    """None where there is nothing to read."""
    columns: tuple[Column, ...]
    """Of the frame and of its index."""
    schema: pa.Schema
    source: str
    blobs: dict[str, str]
    style: FrameStyle
    token: str = field(default_factory=lambda: uuid.uuid4().hex)
    """Of the session; without one nobody could say that two reads are of one version."""

    @classmethod
    def of(cls, scan: Scan, reading: Reading | None, style: FrameStyle) -> Self:
        """Make one for a scan whose session is open, or that has nothing to read."""
        shared: dict[str, Any] = {
            "source": scan.table,
            "blobs": shown_blobs(scan.schema, scan.options.blobs),
            "style": style,
        }
        if reading is None:
            return cls(reading=None, columns=scan.schema, schema=scan.arrow_schema, **shared)
        quiet = replace(reading, options=replace(reading.options, progress=False))
        token = reading.session_id
        return cls(reading=quiet, columns=quiet.columns, schema=quiet.schema, token=token, **shared)

    @property
    def meta(self) -> pd.DataFrame:
        """A frame without rows, with the dtypes of all others; nothing is read for it."""
        return self._frame(self.schema.empty_table(), self.columns)

    def __call__(
        self, split: Split | None, *, columns: Sequence[str], limit: int | None = None
    ) -> pd.DataFrame:
        """Read these columns of a split; no others are asked of the service."""
        wanted = [*columns, *self.style.index]
        known = {column.name: column for column in self.columns}
        chosen = tuple(known[name] for name in wanted)
        if self.reading is None or split is None or limit == 0:
            schema = pa.schema([self.schema.field(name) for name in wanted])
            return self._frame(schema.empty_table(), chosen)
        reading = self.reading
        if wanted != [column.name for column in reading.columns]:
            reading = reading.select(wanted)
        batches = reading.batches(Meter(), (split,), limit=limit)
        return self._frame(pa.Table.from_batches(batches, schema=reading.schema), chosen)

    def _frame(self, table: pa.Table, columns: tuple[Column, ...]) -> pd.DataFrame:
        style = self.style
        frame = to_pandas(
            table,
            columns,
            dtype_backend=style.dtype_backend,
            types_mapper=style.types_mapper,
            tz=style.tz,
        )
        frame.attrs["odps"] = {"source": self.source, "blobs": self.blobs}
        return frame.set_index(list(style.index)) if style.index else frame

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        """Say what the frames depend on, for the names of tasks; nothing that is secret."""
        reading, style = self.reading, self.style
        described: tuple[Any, ...] = ()
        if reading is not None:
            config = reading.connection.config
            exact = None if reading.exact is None else sorted(map(str, reading.exact))
            described = (
                (config.endpoint, config.tunnel_endpoint, config.project),
                (pickle.dumps(reading.condition), exact, reading.narrowed),
                repr(reading.options),
            )
        columns = tuple((column.name, str(column.type)) for column in self.columns)
        frames = (style.dtype_backend, style.types_mapper, style.tz, style.index)
        return (
            "odps_frames",
            self.token,
            self.source,
            columns,
            str(self.schema),
            frames,
            described,
        )
