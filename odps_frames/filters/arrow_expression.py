"""Arrow expressions as conditions: Arrow says what they mean, and decides on the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.dataset

from odps_frames.convert.arrow import normal_schema
from odps_frames.filters.arrow_serial import Call, Node, Reference, read_expression
from odps_frames.filters.arrow_terms import said
from odps_frames.filters.condition import Expression, Opaque

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow.compute as pc

    from odps_frames.model.read import ArrowOptions
    from odps_frames.model.schema import TableSchema

__all__ = ["evaluate_arrow", "parse_arrow"]

_KEEP = "keep"


def parse_arrow(
    expression: pc.Expression, schema: TableSchema, options: ArrowOptions
) -> Expression:
    """Take an expression over the rows of a table, as Arrow has them.

    Raises
    ------
    ValueError
        When Arrow cannot ask it of these columns, or it is no condition.
    KeyError
        For an unknown column, with the names that come near.
    """
    tree = read_expression(expression)
    if tree is None:
        return Expression(expression, None, Opaque())
    written = dict.fromkeys(_names(tree))
    names = tuple((name, schema.column(name)) for name in written)
    types = normal_schema(tuple(column for _, column in names), options).types
    rows = pa.schema(list(zip(written, types, strict=True)))
    evaluate_arrow(expression, pa.RecordBatch.from_pylist([], rows))
    known = {name: (column, rows.field(name).type) for name, column in names}
    return Expression(expression, names, said(tree, known))


def _names(tree: Node) -> Iterator[str]:
    left = [tree]
    while left:
        match left.pop():
            case Reference(path=path):
                yield path[0]
            case Call(arguments=arguments):
                left.extend(reversed(arguments))
            case _:
                pass


def evaluate_arrow(expression: pc.Expression, batch: pa.RecordBatch) -> Any:  # noqa: ANN401  an array of truth values
    """Return what an expression says of each row, by Arrow's own rules.

    Raises
    ------
    ValueError
        When it names a column that is not there, compares types that Arrow does not, or says
        something else than true and false.
    """
    rows = pa.dataset.dataset(pa.Table.from_batches([batch]))
    try:
        found = rows.to_table(columns={_KEEP: expression}, use_threads=False)
    except pa.ArrowException as error:
        columns = ", ".join(f"{field.name}: {field.type}" for field in batch.schema)
        msg = f"the expression {expression} cannot be asked of the columns {columns}: {error}"
        raise ValueError(msg) from error
    keep = found.column(_KEEP).combine_chunks()
    if not pa.types.is_boolean(keep.type):
        msg = f"the expression {expression} gives {keep.type}; expected a condition"
        raise ValueError(msg)
    return keep
