"""Tables in DuckDB: relations and views that push columns and filters into a scan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from odps_frames.frame_writes import to_odps
from odps_frames.frames import scan_odps as frames_scan
from odps_frames.integrations.dataset import dataset_of

if TYPE_CHECKING:
    from typing import Unpack

    from odps_frames.frame_writes import WriteKeywords
    from odps_frames.scan import Scan
    from odps_frames.write_options import WriteResult

__all__ = ["scan_odps", "to_duckdb", "write_odps"]

Connection = duckdb.DuckDBPyConnection


def scan_odps(
    source: str,
    name: str | None = None,
    con: Connection | None = None,
    **options: Any,  # noqa: ANN401  those of of.scan_odps
) -> duckdb.DuckDBPyRelation:
    """Return a table, or the result of a query, as a relation; options as in ``of.scan_odps``.

    Examples
    --------
    >>> import pandas as pd
    >>> import odps_frames as of
    >>> with of.local():
    ...     result = of.to_odps(pd.DataFrame({"id": [1, 2, 3]}), "t", create=True)
    ...     of.duckdb.scan_odps("t").filter("id > 1").aggregate("sum(id)").fetchall()
    [(5,)]
    """
    return to_duckdb(frames_scan(source, **options), name, con)


def to_duckdb(
    scan: Scan,
    name: str | Connection | None = None,
    con: Connection | str | None = None,
) -> duckdb.DuckDBPyRelation:
    """Return a scan as a relation, and as a view where it is given a name.

    Every query of it is one read session, of the columns and rows that DuckDB asks for. What it
    has no type for comes as another: decimals of more than 38 digits as text.

    Parameters
    ----------
    scan : Scan
        What is read.
    name : str, optional
        Of a temporary view.
    con : DuckDBPyConnection, optional
        By default DuckDB's own; it stays the caller's. The two may stand in either order.
    """
    view, connection = _told(name, con)
    dataset = dataset_of(scan)
    dataset = dataset.replace_schema(_taken(dataset.schema))
    if view is None:
        return connection.from_arrow(dataset)
    connection.register(view, dataset)
    return connection.view(_quoted(view))


def write_odps(
    data: duckdb.DuckDBPyRelation | str,
    table: str,
    *,
    con: Connection | None = None,
    **options: Unpack[WriteKeywords],
) -> WriteResult:
    """Write a relation, or what a query of DuckDB gives, into a table as a stream.

    Parameters
    ----------
    data : DuckDBPyRelation or str
        Or the text of a query.
    table : str
        Where to; options as in ``of.to_odps``.
    con : DuckDBPyConnection, optional
        Where the query is run.

    Examples
    --------
    >>> import odps_frames as of
    >>> with of.local():
    ...     of.duckdb.write_odps("select 1 as id union all select 2", "t", create=True).rows
    2
    """
    _check(data)
    if isinstance(data, str):
        return to_odps((con or duckdb.default_connection()).sql(data), table, **options)
    if con is not None:
        msg = "con= was given for a relation, which has its own connection; give one of the two"
        raise ValueError(msg)
    return to_odps(data, table, **options)


def _check(data: object) -> None:
    if not isinstance(data, duckdb.DuckDBPyRelation | str):
        msg = f"data is a {type(data).__name__}; expected a relation or the text of a query"
        raise TypeError(msg)


def _told(name: object, con: object) -> tuple[str | None, Connection]:
    if isinstance(name, Connection) or (isinstance(con, str) and name is None):
        name, con = con, name
    if name is not None and not (isinstance(name, str) and name):
        msg = f"name={name!r}; expected the name of a view"
        raise TypeError(msg)
    if con is None:
        return name, duckdb.default_connection()
    if not isinstance(con, Connection):
        msg = f"con={con!r}; expected a connection of DuckDB, as duckdb.connect() gives"
        raise TypeError(msg)
    return name, con


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _taken(schema: pa.Schema) -> pa.Schema:
    """The schema in types that DuckDB takes without changing a value."""
    return pa.schema([field.with_type(_taken_as(field.type)) for field in schema])


def _taken_as(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_decimal256(kind):
        return pa.string()
    if pa.types.is_duration(kind):
        return pa.duration("us")  # DuckDB would drop the nanoseconds: casting refuses to
    if pa.types.is_map(kind):
        return pa.map_(_taken_as(kind.key_type), _taken_as(kind.item_type))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_taken_as(field.type)) for field in kind])
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_taken_as(kind.value_type)))
    return kind
