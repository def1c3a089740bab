"""Definitions as SQL text; every name and value is quoted here and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from odps_frames.model.buckets import Buckets
    from odps_frames.model.schema import Column, TableSchema
    from odps_frames.model.table import Partition, TableRef

__all__ = [
    "add_columns",
    "add_partition",
    "create_table",
    "create_view",
    "drop_partition",
    "drop_table",
    "quote_name",
    "quote_text",
    "truncate",
]


def quote_name(name: str) -> str:
    """Put a name in back-quotes; one inside is doubled."""
    return "`" + name.replace("`", "``") + "`"


def quote_text(text: str) -> str:
    r"""Put text in quotes; quotes and backslashes inside are escaped with a backslash."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def create_table(  # noqa: PLR0913  each of its clauses
    table: TableRef,
    schema: TableSchema,
    *,
    comment: str | None = None,
    lifecycle: int | None = None,
    properties: Mapping[str, str] | None = None,
    buckets: Buckets | None = None,
    primary_key: Sequence[str] = (),
    if_not_exists: bool = False,
    defaults: Mapping[str, str] | None = None,
) -> str:
    """Write ``CREATE TABLE``; ``lifecycle`` is in days, ``defaults`` are literals as they stand.

    A table with a primary key is transactional, which is said too (protocol.md §17.3).
    """
    maybe = "IF NOT EXISTS " if if_not_exists else ""
    columns = _columns(schema.columns, defaults)
    if primary_key:
        columns += f",\n  PRIMARY KEY ({', '.join(map(quote_name, primary_key))})"
        properties = {"transactional": "true", **(properties or {})}
    parts = [
        f"CREATE TABLE {maybe}{table.quoted()} (\n{columns}\n)",
    ]
    if comment:
        parts.append(f"COMMENT {quote_text(comment)}")
    if schema.partition_columns:
        parts.append(f"PARTITIONED BY (\n{_columns(schema.partition_columns)}\n)")
    if buckets is not None:
        parts.append(_buckets(buckets))
    if properties:
        pairs = ", ".join(f"{quote_text(k)}={quote_text(v)}" for k, v in properties.items())
        parts.append(f"TBLPROPERTIES ({pairs})")
    if lifecycle is not None:
        parts.append(f"LIFECYCLE {int(lifecycle)}")
    return "\n".join(parts)


def create_view(table: TableRef, schema: TableSchema, query: str, *, comment: str = "") -> str:
    """Write ``CREATE VIEW``, with a name for each column of the query."""
    names = ",\n".join(
        f"  {quote_name(column.name)}"
        + (f" COMMENT {quote_text(column.comment)}" if column.comment else "")
        for column in schema.columns
    )
    parts = [f"CREATE VIEW IF NOT EXISTS {table.quoted()} (\n{names}\n)"]
    if comment:
        parts.append(f"COMMENT {quote_text(comment)}")
    return "\n".join([*parts, f"AS {query}"])


def drop_table(table: TableRef, *, if_exists: bool = False) -> str:
    """Write ``DROP TABLE``."""
    return f"DROP TABLE {'IF EXISTS ' if if_exists else ''}{table.quoted()}"


def add_columns(table: TableRef, columns: tuple[Column, ...]) -> str:
    """Write ``ALTER TABLE … ADD COLUMNS``."""
    return f"ALTER TABLE {table.quoted()} ADD COLUMNS (\n{_columns(columns)}\n)"


def add_partition(table: TableRef, partition: Partition, *, if_not_exists: bool = False) -> str:
    """Write ``ALTER TABLE … ADD PARTITION``."""
    maybe = "IF NOT EXISTS " if if_not_exists else ""
    return f"ALTER TABLE {table.quoted()} ADD {maybe}PARTITION ({_spec(partition)})"


def drop_partition(table: TableRef, partition: Partition, *, if_exists: bool = False) -> str:
    """Write ``ALTER TABLE … DROP PARTITION``."""
    maybe = "IF EXISTS " if if_exists else ""
    return f"ALTER TABLE {table.quoted()} DROP {maybe}PARTITION ({_spec(partition)})"


def truncate(table: TableRef, partition: Partition | None = None) -> str:
    """Write ``TRUNCATE TABLE``, of one partition where one is given."""
    where = f" PARTITION ({_spec(partition)})" if partition else ""
    return f"TRUNCATE TABLE {table.quoted()}{where}"


def _buckets(buckets: Buckets) -> str:
    text = "RANGE CLUSTERED BY" if buckets.kind == "range" else "CLUSTERED BY"
    text += f" ({', '.join(map(quote_name, buckets.columns))})"
    if buckets.sorted_by:
        order = [
            f"{quote_name(name)} {'DESC' if falling else 'ASC'}"
            for name, falling in zip(buckets.sort_names, buckets.descending, strict=True)
        ]
        text += f" SORTED BY ({', '.join(order)})"
    return text if buckets.n is None else f"{text} INTO {buckets.n} BUCKETS"


def _columns(columns: tuple[Column, ...], defaults: Mapping[str, str] | None = None) -> str:
    given = defaults or {}
    return ",\n".join("  " + _column(column, given.get(column.name)) for column in columns)


def _column(column: Column, default: str | None = None) -> str:
    nullable = "" if column.nullable else " NOT NULL"
    nullable += f" DEFAULT {default}" if default is not None else ""
    comment = f" COMMENT {quote_text(column.comment)}" if column.comment else ""
    return f"{quote_name(column.name)} {column.type}{nullable}{comment}"


def _spec(partition: Partition) -> str:
    return ", ".join(f"{quote_name(n)}={quote_text(v)}" for n, v in partition.items)
