from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odps_frames.model.read import ArrowOptions, BatchOptions, ReadSpec, ResultOptions, TimeUnit
from odps_frames.model.splits import RowRange, Split
from odps_frames.model.table import InstanceRef
from odps_frames.wire import read_session as wire

RUN = InstanceRef("p", "i")
TEXTS = st.text(min_size=1, max_size=5)
COUNTS = st.integers(1, 2**40)
UNITS = st.sampled_from(TimeUnit)
RESULTS = st.builds(ResultOptions, task=TEXTS, query_id=st.integers(0, 9), limited=st.booleans())
OPTIONS = st.builds(
    BatchOptions,
    max_rows=COUNTS,
    max_bytes=st.none() | COUNTS,
    skip_rows=st.integers(0, 99),
    columns=st.none() | st.lists(TEXTS, min_size=1, max_size=3).map(tuple),
    accept_encoding=st.sampled_from([None, "zstd", "x-lz4-frame"]),
    result=RESULTS,
)


@given(arrow=st.builds(ArrowOptions, UNITS, UNITS), limited=st.booleans())
def test_specs_come_back(arrow: ArrowOptions, *, limited: bool) -> None:
    spec = ReadSpec(table=RUN, arrow=arrow, result=ResultOptions(limited=limited))
    assert wire.decode_create(wire.encode_create(spec)) == spec


@given(options=OPTIONS, rows=st.none() | st.builds(RowRange, st.integers(0, 2**40), COUNTS))
def test_reads_come_back(options: BatchOptions, rows: RowRange | None) -> None:
    split = Split("s", rows=rows)
    call = wire.decode_read(wire.encode_read(RUN, split, options))
    assert call == wire.ReadCall(RUN, split, options)


def test_an_offset_without_a_count_reads_to_the_end() -> None:
    request = wire.encode_read(RUN, Split("s"))
    query = tuple(("Offset", "7") if name == "Offset" else (name, v) for name, v in request.query)
    call = wire.decode_read(replace(request, query=query))
    assert (call.split, call.options.skip_rows) == (Split("s"), 7)


@pytest.mark.parametrize(
    "narrower",
    [
        {"columns": ("a",)},
        {"partitions": ("pt=1",)},
        {"row_filter": "a > 1"},
        {"buckets": ("1",)},
        {"max_files_per_split": 3},
    ],
)
def test_a_session_over_a_result_cannot_be_narrowed(narrower: dict[str, object]) -> None:
    spec = replace(ReadSpec(table=RUN), **narrower)  # type: ignore[arg-type]  # fields of ReadSpec
    with pytest.raises(ValueError, match="brings all of the result"):
        wire.encode_create(spec)


def test_results_are_not_read_by_an_index() -> None:
    with pytest.raises(ValueError, match="not by an index"):
        wire.encode_read(RUN, Split("s", 0))


def test_none_of_the_columns_cannot_be_asked_for() -> None:
    with pytest.raises(ValueError, match="would bring all"):
        wire.encode_read(RUN, Split("s"), BatchOptions(columns=()))
