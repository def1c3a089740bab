"""Arrow expressions as conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.dataset

if TYPE_CHECKING:
    from odps_frames.filters.condition import Expression

__all__ = ["evaluate_expression"]

_KEEP = "keep"


def evaluate_expression(condition: Expression, batch: pa.RecordBatch) -> Any:  # noqa: ANN401  an array of truth values
    """Return what an expression says of each row, by Arrow's own rules.

    Raises
    ------
    ValueError
        When it names a column that is not there, compares types that Arrow does not, or says
        something else than true and false.
    """
    rows = pa.dataset.dataset(pa.Table.from_batches([batch]))
    try:
        found = rows.to_table(columns={_KEEP: condition.expression}, use_threads=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        asked = f"{condition.expression} cannot be asked of the columns {batch.schema.names}"
        msg = f"the expression {asked}: {error}"
        raise ValueError(msg) from error
    keep = found.column(_KEEP).combine_chunks()
    if not pa.types.is_boolean(keep.type):
        msg = f"the expression {condition.expression} gives {keep.type}; expected a condition"
        raise ValueError(msg)
    return keep
