"""Which rows meet a condition, by SQL's three-valued logic, column by column."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute

from odps_frames.filters.arrow_expression import evaluate_arrow
from odps_frames.filters.comparing import check_kind, compare, contained
from odps_frames.filters.condition import (
    And,
    Comparison,
    Condition,
    Constant,
    Expression,
    In,
    IsNull,
    Like,
    Not,
    Opaque,
    Or,
)
from odps_frames.filters.literals import is_text
from odps_frames.filters.polars_expression import evaluate_polars
from odps_frames.model.types import CharType

if TYPE_CHECKING:
    from odps_frames.model.schema import Column

__all__ = ["apply", "mask"]

pc: Any = pa.compute


def mask(condition: Condition, batch: pa.RecordBatch | pa.Table) -> pa.BooleanArray:
    """Tell of each row whether the condition is true; unknown is not.

    Raises
    ------
    ValueError
        When a column is missing or has another type than the condition was made for.
    """
    if isinstance(batch, pa.Table):
        parts = [mask(condition, part) for part in batch.to_batches()]
        return pa.concat_arrays(parts) if parts else pa.array([], pa.bool_())
    found: pa.BooleanArray = pc.fill_null(_evaluate(condition, batch), False)  # noqa: FBT003  the value to fill in
    return found


def apply(condition: Condition, batch: pa.RecordBatch) -> pa.RecordBatch:
    """Keep the rows for which the condition is true."""
    return batch.filter(mask(condition, batch))


def _evaluate(  # noqa: C901, PLR0911  one line a kind of condition
    condition: Condition, batch: pa.RecordBatch
) -> Any:  # noqa: ANN401  an array of truth values
    match condition:
        case Constant(value):
            return pa.repeat(pa.scalar(value, pa.bool_()), batch.num_rows)
        case Comparison(column, comparator, value):
            return compare(_column(batch, column), comparator, value)
        case In(column, values):
            return contained(_column(batch, column), values)
        case IsNull(column):
            return pc.is_null(_find(batch, column))
        case Like(column, pattern):
            return pc.match_substring_regex(_column(batch, column), pattern=_regex(pattern))
        case Not(term):
            return pc.invert(_evaluate(term, batch))
        case And(terms):
            return functools.reduce(pc.and_kleene, (_evaluate(term, batch) for term in terms))
        case Or(terms):
            return functools.reduce(pc.or_kleene, (_evaluate(term, batch) for term in terms))
        case Expression():
            return _of_engine(condition, batch)
        case Opaque():
            raise TypeError("a part without words was to be applied")  # it is for pushing alone


def _of_engine(condition: Expression, batch: pa.RecordBatch) -> Any:  # noqa: ANN401  an array of truth values
    rows = batch
    if condition.names:
        arrays = [_decoded(_find(batch, column)) for _, column in condition.names]
        rows = pa.RecordBatch.from_arrays(arrays, names=[name for name, _ in condition.names])
    if isinstance(condition.expression, pa.compute.Expression):
        return evaluate_arrow(condition.expression, rows)
    return evaluate_polars(condition.expression, rows)


def _decoded(array: Any) -> Any:  # noqa: ANN401  an array of any type
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def _find(batch: pa.RecordBatch, column: Column) -> Any:  # noqa: ANN401  an array of any type
    names = [name.lower() for name in batch.schema.names]
    if names.count(column.name.lower()) != 1:
        msg = (
            f"the condition needs the column {column.name!r}; "
            f"the rows have the columns {batch.schema.names}"
        )
        raise ValueError(msg)
    return batch.column(names.index(column.name.lower()))


def _column(batch: pa.RecordBatch, column: Column) -> Any:  # noqa: ANN401  an array of any type
    array = _decoded(_find(batch, column))
    if is_text(column.type):
        check_kind(array, "")
    if isinstance(column.type, CharType):
        return pc.utf8_rtrim(array, characters=" ")  # padding is no part of the value
    return array


def _regex(pattern: str) -> str:
    pieces: list[str] = []
    letters = iter(pattern)
    for letter in letters:
        if letter == "%":
            pieces.append(".*")
        elif letter == "_":
            pieces.append(".")
        elif letter == "\\":
            following = next(letters, "")
            taken = following in {"%", "_", "\\"}
            pieces.append(
                _exactly(following) if taken and following else _exactly("\\" + following)
            )
        else:
            pieces.append(_exactly(letter))
    return rf"\A(?s:{''.join(pieces)})\z"


def _exactly(text: str) -> str:
    return "".join(c if c.isalnum() else rf"\x{{{ord(c):x}}}" for c in text)
