"""Conditions in the words of engines, through a service: the rows that the engine itself keeps."""

from __future__ import annotations

import pickle
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

import odps_frames as of
from tests.filters.random_conditions import COLUMNS, PARTITIONS, some_rows
from tests.filters.random_expressions import ENGINES, Draw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from odps_frames.local import LocalClient
    from odps_frames.scan import Scan

polars = pytest.importorskip("polars")

EXPRESSION: Any = pc.Expression  # with a way to ask for any function, which has no public name
N_ROWS = 150
CASES = 50
SEEDS = [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 20))]


@dataclass(frozen=True)
class World:
    """Rows in a table of the service, and as they are."""

    client: LocalClient
    rows: pa.Table

    def scan(self, *, push_down: bool = True) -> Scan:
        return self.client.table("engine_filters").scan(push_down=push_down)

    def sent(self) -> int:
        return len(self.client.service.requests)


@pytest.fixture(scope="module")
def world(shared_client: LocalClient) -> Iterator[World]:
    rows = some_rows(random.Random(11), N_ROWS)  # noqa: S311  no secret
    types = {"id": "bigint"} | {name: known[0] for name, known in COLUMNS.items()}
    parts = {name: known[0] for name, known in PARTITIONS.items()}
    shared_client.create_table("engine_filters", types, partition_by=parts)
    for start in range(0, N_ROWS, 40):
        of.to_odps(rows.slice(start, 40), "engine_filters", client=shared_client)
    yield World(shared_client, rows)
    shared_client.drop_table("engine_filters")


def ids(table: pa.Table) -> list[int]:
    found: Any = table["id"].to_pylist()
    return sorted(found)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ENGINES)
def test_pushing_an_expression_down_changes_no_row(world: World, name: str, seed: int) -> None:
    engine = ENGINES[name]()
    draw = Draw(engine, random.Random(2000 + seed))  # noqa: S311  no secret
    refused: tuple[type[Exception], ...] = (*engine.refusals, TypeError, ValueError)
    asked = pushed = 0
    for case in range(CASES):
        try:
            expression = draw.expression(case % 4)
            kept = engine.kept(expression, world.rows)
            scan = world.scan().filter(expression)
        except refused:
            continue  # the engine's own refusals are held to ours in tests/filters
        shown = f"seed {seed}, case {case}: {expression}"
        assert ids(scan.select("id").to_arrow()) == kept, shown
        unpushed = world.scan(push_down=False).filter(expression)
        assert ids(unpushed.select("id").to_arrow()) == kept, shown
        assert scan.count_rows() == len(kept), shown
        asked += 1
        pushed += scan.explain().pushed is not None
    assert asked > CASES * 0.5
    assert pushed > asked * 0.1


FORMS: dict[str, Any] = {
    "text": "(pt = 'a' and i > 0) or (n = -3 and i < 0)",
    "tuples": [[("pt", "=", "a"), ("i", ">", 0)], [("n", "==", -3), ("i", "<", 0)]],
    "arrow": (
        ((pc.field("pt") == "a") & (pc.field("i") > 0))
        | ((pc.field("n") == -3) & (pc.field("i") < 0))
    ),
    "polars": (
        ((polars.col("pt") == "a") & (polars.col("i") > 0))
        | ((polars.col("n") == -3) & (polars.col("i") < 0))
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_leaves_out_partitions_and_is_pushed(world: World, form: str) -> None:
    scan = world.scan().select("id").filter(FORMS[form])
    plan = scan.explain()
    assert plan.partitions is not None
    assert sorted(plan.partitions) == ["pt=a,n=1", "pt=杭州,n=-3"]
    assert plan.pushed == "`i` > 0 or `i` < 0"
    assert sorted(plan.reads) == ["i", "id", "n", "pt"]
    assert plan.applied is not None
    rows = world.rows.filter(FORMS["arrow"])
    assert ids(scan.to_arrow()) == ids(rows)


@pytest.mark.parametrize("form", ["n < 0", pc.field("n") < 0, polars.col("n") < 0, [("n", "<", 0)]])
def test_conditions_on_partitions_alone_are_counted_without_a_read(world: World, form: Any) -> None:
    scan = world.scan().filter(form)
    since = world.sent()
    assert scan.count_rows() == world.rows.filter(pc.field("n") < 0).num_rows
    operations = [each.operation for each in world.client.service.requests[since:]]
    assert "TableCreateReadSession" in operations
    assert "TableRead" not in operations
    assert scan.explain().partitions == ("pt=杭州,n=-3",)


def test_what_is_never_true_counts_nothing(world: World) -> None:
    assert world.scan().filter("pt = 'a' and false").count_rows() == 0


@pytest.mark.parametrize("expression", [pc.field("i") == 7, polars.col("i") == 7])
def test_less_travels_for_an_expression(world: World, expression: Any) -> None:
    bytes_read = []
    for push_down, columns in ((True, ["id"]), (False, ["id"]), (False, ["id", "name", "big"])):
        scan = world.scan(push_down=push_down).select(*columns).filter(expression)
        frame = scan.to_pandas()
        assert sorted(frame["id"]) == ids(world.rows.filter(pc.field("i") == 7))
        bytes_read.append(frame.attrs["odps"]["bytes"])
    assert bytes_read == sorted(bytes_read)
    assert len(set(bytes_read)) == len(bytes_read)


def test_splits_carry_expressions_to_other_processes(world: World) -> None:
    for expression in (pc.field("i") > 0, polars.col("i") > 0):
        splits = world.scan().select("id").filter(expression).splits()
        moved = pickle.loads(pickle.dumps(splits))  # noqa: S301  our own bytes
        found = pa.concat_tables([split.to_arrow() for split in moved])
        assert ids(found) == ids(world.rows.filter(pc.field("i") > 0))


BAD: dict[str, tuple[Any, type[Exception], str]] = {
    "text, column": ("amuont > 1", of.SchemaMismatch, "no column 'amuont'; did you mean 'amount'"),
    "tuples, column": ([("amuont", ">", 1)], of.SchemaMismatch, "did you mean 'amount'"),
    "arrow, column": (pc.field("amuont") > 1, of.SchemaMismatch, "did you mean 'amount'"),
    "polars, column": (polars.col("amuont") > 1, of.SchemaMismatch, "did you mean 'amount'"),
    "text, type": ("i = 'x'", ValueError, "column 'i' is bigint and cannot be compared with 'x'"),
    "tuples, type": (
        [("i", "=", "x")],
        ValueError,
        "cannot be compared with 'x'; expected a number",
    ),
    "arrow, type": (pc.field("i") == "x", ValueError, "asked of the columns i: int64"),
    "polars, type": (polars.col("i") == "x", ValueError, "asked of the columns i: int64"),
    "text, function": ("upper(name) = 'A'", ValueError, "there are no functions here"),
    "arrow, function": (
        EXPRESSION._call("no_such", [pc.field("i")]),  # noqa: SLF001  no public word
        ValueError,
        "No function registered with name: no_such",
    ),
    "polars, other rows": (
        polars.col("x") > polars.col("x").mean(),
        ValueError,
        r"looks at other rows, .*scan.to_polars\(\).filter",
    ),
    "polars, several": (polars.col("i", "n") > 1, ValueError, "expected one condition"),
    "polars, no condition": (polars.col("i"), ValueError, "gives Int64; expected one condition"),
    "arrow, no condition": (pc.field("i"), ValueError, "gives int64; expected a condition"),
    "arrow, place": (pc.field(0) > 1, ValueError, "name its columns"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_conditions_are_refused_before_anything_is_sent(world: World, case: str) -> None:
    condition, kind, complaint = BAD[case]
    scan = world.scan()
    since = world.sent()
    with pytest.raises(kind, match=complaint):
        scan.filter(condition)
    assert world.sent() == since
