"""What tests of conversions share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from odps_frames.convert.fit import Fitter
from odps_frames.model.schema import Column, TableSchema
from odps_frames.model.types import parse_type

if TYPE_CHECKING:
    from collections.abc import Callable


def _column(type_: str, name: str = "x", *, nullable: bool = True) -> Column:
    return Column(name, parse_type(type_), nullable=nullable)


@pytest.fixture(scope="session")
def column() -> Callable[..., Column]:
    """Make a column from the text of its type."""
    return _column


@pytest.fixture(scope="session")
def fit_one() -> Callable[..., Any]:
    """Fit one array to one type; its rows are counted from 100."""

    def fit(type_: str, array: Any, *, tz: str = "UTC", nullable: bool = True) -> Any:
        wanted = _column(type_, nullable=nullable)
        batch = pa.record_batch([array], ["x"])
        fitter = Fitter(TableSchema((wanted,)), (wanted,), batch.schema, tz=tz)
        fitted = fitter.fit(batch, 100)
        fitted.validate(full=True)
        assert fitted.schema == fitter.schema
        return fitted.column(0)

    return fit
