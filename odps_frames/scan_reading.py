"""A scan whose session is open: what any process needs to read its rows."""

from __future__ import annotations

import functools
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Self

from odps_frames.connection import Connection
from odps_frames.convert.arrow import normal_schema
from odps_frames.errors import SchemaMismatch
from odps_frames.model.read import BatchOptions
from odps_frames.progress import followed
from odps_frames.scan_blobs import delivered
from odps_frames.scan_rows import Named, needed, shaped, speakable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from odps_frames.filters import Condition
    from odps_frames.model.read import ReadSessionInfo, ReadSpec
    from odps_frames.model.schema import Column
    from odps_frames.model.splits import Split
    from odps_frames.model.table import Partition
    from odps_frames.read.session import ReadSession
    from odps_frames.scan_options import ScanOptions
    from odps_frames.scan_session import Question
    from odps_frames.transport.retry import Meter

__all__ = ["BATCH_ROWS", "Reading"]

BATCH_ROWS = 65_536


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """One read session, and what is to be made of its rows.

    It pickles without a connection: whoever reads it elsewhere has one for all readings of the
    same settings, and opens no session of its own.
    """

    connection: Connection
    info: ReadSessionInfo
    spec: ReadSpec
    route_token: str | None
    columns: tuple[Column, ...]
    """Of the result, in order."""
    condition: Condition | None
    exact: frozenset[Partition] | None
    """The partitions that count, where the service could not be told them."""
    named: Named | None
    """The partitions that the service was told, to hold its rows to."""
    options: ScanOptions
    narrowed: bool = False
    """Whether the session has more columns than are needed, so that streams name theirs."""

    @classmethod
    def of(
        cls,
        connection: Connection,
        session: ReadSession,
        question: Question,
        columns: tuple[Column, ...],
        *,
        chosen: tuple[Partition, ...] | None = None,
    ) -> Self:
        """Return the reading of a session, whose rows are to be of the chosen partitions."""
        told = chosen is not None and speakable(chosen)
        return cls(
            connection=connection,
            info=session.info,
            spec=session.spec,
            route_token=session.route_token,
            columns=columns,
            condition=question.condition,
            exact=None if told or chosen is None else frozenset(chosen),
            named=Named.of(session.info.schema, chosen) if told and chosen else None,
            options=question.options,
        )

    @property
    def counted(self) -> bool:
        """Whether every row that comes is one of the result."""
        return self.condition is None and self.exact is None

    @property
    def session_id(self) -> str:
        """The id of the session."""
        return self.info.session_id

    def session(self, meter: Meter | None = None) -> ReadSession:
        """Return the session, without asking for it again."""
        return self.connection.known_session(self.spec, self.info, self.route_token, meter=meter)

    def splits(self) -> tuple[Split, ...]:
        """The pieces of the session, in the order of the rows."""
        return self.session().splits

    def select(self, names: Sequence[str]) -> Self:
        """Keep these columns of the result, in this order; none of them is none.

        Raises
        ------
        SchemaMismatch
            For a column that the result does not have.
        """
        known = {column.name.lower(): column for column in self.columns}
        if missing := [name for name in names if name.lower() not in known]:
            msg = f"no columns {missing} in the split; it has {[c.name for c in self.columns]}"
            raise SchemaMismatch(msg)
        chosen = tuple(known[name.lower()] for name in names)
        return replace(self, columns=chosen, narrowed=True)

    @property
    def schema(self) -> pa.Schema:
        """The schema of its batches."""
        return normal_schema(self.columns, self.spec.arrow)

    def batches(
        self,
        meter: Meter,
        splits: tuple[Split, ...] | None = None,
        *,
        limit: int | None = None,
        label: str = "reading",
        total: int | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Read all splits, or these; closing the iterator early closes every connection."""
        options = self.options
        batches = self.session(meter).batches(
            splits,
            options=BatchOptions(
                max_rows=min(BATCH_ROWS, limit or BATCH_ROWS),
                columns=self._asked(),
                accept_encoding=options.compression.content_encoding,
            ),
            validate=options.validate,
            max_workers=options.max_workers,
            ordered=options.preserve_order,
            meter=meter,
        )
        rows = shaped(
            followed(batches, meter, options.progress, label=label, total=total),
            self.schema,
            condition=self.condition,
            exact=self.exact,
            named=self.named,
            limit=limit,
        )
        read = functools.partial(self.connection.read_blobs, meter=meter)
        return delivered(rows, self.columns, read, options)

    def _asked(self) -> tuple[str, ...] | None:
        """The columns that a stream is asked for; None is all of the session."""
        if not self.narrowed:
            return None
        data, partition = needed(
            self.info.schema,
            tuple(column.name for column in self.columns),
            self.condition,
            by_partition=self.exact is not None or self.named is not None,
        )
        return (*data, *(partition or ()))

    def __reduce__(self) -> tuple[Any, ...]:
        state = {each.name: getattr(self, each.name) for each in fields(self)}
        state["options"] = replace(self.options, progress=False)  # it is shown by the planner
        connection = state.pop("connection")
        return _revived, (connection.config, state)


def _revived(config: Any, state: dict[str, Any]) -> Reading:  # noqa: ANN401  a Config, by pickle
    return Reading(connection=Connection(config, shared=True), **state)
