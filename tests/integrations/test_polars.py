"""Scans in Polars: the plans and types of plain frames, and sinks."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, datetime
from random import Random
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pytest

import odps_frames as of
from odps_frames.integrations.polars import lazy
from tests.integrations.plans import random_plan
from tests.integrations.wire import Wire

if TYPE_CHECKING:
    from odps_frames.local import LocalClient
    from tests.integrations.questions import Tables

ENGINES: list[Any] = ["in-memory", "streaming"]
with_resolvers = pytest.mark.skipif(
    not hasattr(pl, "scan_external_reader"), reason="the installed Polars has no resolvers"
)
both_ways = pytest.mark.parametrize(
    "resolved",
    [pytest.param(True, id="resolved", marks=with_resolvers), pytest.param(False, id="one source")],
)


@both_ways
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("part", range(4))
def test_random_plans_give_what_they_give_on_a_plain_frame(
    plans: Tables, resolved: Any, engine: Any, part: int
) -> None:
    plain = plans.events.to_polars().lazy()
    first = 100 * ENGINES.index(engine) + 25 * part
    for seed in range(first, first + 25):
        wanted = random_plan(plain, Random(seed)).collect(engine=engine)  # noqa: S311  no secret
        scanned = random_plan(lazy(plans.events, resolved=resolved), Random(seed))  # noqa: S311  no secret
        found = scanned.collect(engine=engine)
        assert found.schema == wanted.schema, seed
        assert found.equals(wanted), f"{seed}: {scanned.explain()}"


@both_ways
def test_every_dtype_is_the_one_of_polars(plans: Tables, resolved: Any) -> None:
    wanted = pl.Schema(plans.types.arrow_schema)
    plan = lazy(plans.types, resolved=resolved)
    assert plan.collect_schema() == wanted
    for answer in (plan.collect(), plan.head(1).collect(), plan.filter(pl.col("id") < 0).collect()):
        assert answer.schema == wanted
    assert plan.collect().equals(pl.DataFrame(plans.types.to_arrow()))
    assert plans.types.to_polars().schema == wanted
    kinds = {name: str(dtype) for name, dtype in wanted.items()}
    assert kinds["exact"] == "Decimal(precision=38, scale=18)"
    assert kinds["instant"] == "Datetime(time_unit='ns', time_zone=None)"
    assert kinds["moment"] == "Datetime(time_unit='ms', time_zone=None)"


@both_ways
def test_times_far_away_come_in_the_unit_that_holds_them(
    client: LocalClient, table: str, resolved: Any
) -> None:
    far = [datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999), None]  # noqa: DTZ001  as stored
    days = [date(1, 1, 1), date(9999, 12, 31), None]
    data = pl.DataFrame({"at": far, "day": days})
    of.polars.write_odps(data, table, create=True, client=client)
    scan = of.scan_odps(table, timestamp_unit="us", client=client)
    assert lazy(scan, resolved=resolved).collect().equals(data)


@both_ways
def test_conditions_on_a_limited_scan_stay_behind_the_limit(plans: Tables, resolved: Any) -> None:
    plan = lazy(plans.events.limit(100), resolved=resolved).filter(pl.col("id") % 2 == 0)
    whole = plans.events.to_polars().head(100)
    assert plan.collect().equals(whole.filter(pl.col("id") % 2 == 0))
    narrowed = plans.events.filter("id >= 20").limit(7)
    assert lazy(narrowed, resolved=resolved).collect().equals(narrowed.to_polars())


@both_ways
def test_each_collect_sees_what_the_table_has_then(
    client: LocalClient, table: str, resolved: Any
) -> None:
    of.polars.write_odps(pl.DataFrame({"id": [1]}), table, create=True, client=client)
    plan = lazy(of.scan_odps(table, client=client), resolved=resolved)
    assert plan.collect().height == 1
    of.polars.write_odps(pl.DataFrame({"id": [2]}), table, client=client)
    assert plan.collect().height == 2


@both_ways
def test_a_snapshot_holds_every_collect_to_one_version(
    client: LocalClient, table: str, resolved: Any
) -> None:
    of.polars.write_odps(pl.DataFrame({"id": [1]}), table, create=True, client=client)
    pinned = of.scan_odps(table, client=client).snapshot()
    plan = lazy(of.scan_odps(table, snapshot=pinned, client=client), resolved=resolved)
    of.polars.write_odps(pl.DataFrame({"id": [2]}), table, client=client)
    assert plan.collect()["id"].to_list() == [1]


@with_resolvers
def test_a_plan_that_joins_a_scan_with_itself_is_one_session(
    client: LocalClient, plans: Tables
) -> None:
    plan = lazy(plans.events, resolved=True)
    since = len(client.service.requests)
    joined = plan.join(plan.filter(pl.col("id") < 9).select("id"), on="id").collect()
    assert joined.height == 9
    operations = [record.operation for record in client.service.requests[since:]]
    assert operations.count("TableCreateReadSession") == 1


@with_resolvers
def test_the_plan_says_what_the_scan_was_told(plans: Tables) -> None:
    plan = lazy(plans.events, resolved=True).filter(pl.col("id") < 9)
    told = plan.explain()
    assert "q_events" in told
    assert '"id' in told
    assert "filter" in told


@both_ways
def test_what_goes_wrong_while_reading_is_told(
    client: LocalClient, plans: Tables, resolved: Any
) -> None:
    wire = Breaking(client.service)
    scan = of.scan_odps("q_events", client=of.Client(client.config, transport=wire))
    with pytest.raises((of.OdpsError, pl.exceptions.PolarsError), match="no more of it"):
        lazy(scan, resolved=resolved).collect()
    assert plans.events.count_rows()


class Breaking(Wire):
    """Refuses streams of rows."""

    def send(self, request: Any, /) -> Any:
        response = super().send(request)
        if self.service.requests[-1].operation == "TableRead":
            raise of.PermissionDenied("no more of it", status=403)
        return response


def test_read_and_scan_take_the_options_of_scans(client: LocalClient, plans: Tables) -> None:
    assert plans.cities.count_rows() == 4
    wanted = {"columns": ["id"], "filters": "id < 5", "client": client}
    assert of.polars.read_odps("q_events", **wanted)["id"].sort().to_list() == list(range(5))
    assert of.polars.scan_odps("q_events", **wanted).collect().height == 5
    with pytest.raises(TypeError, match="colums"):
        of.polars.scan_odps("q_events", colums=["id"])


def test_a_query_is_scanned_too(client: LocalClient, plans: Tables) -> None:
    assert plans.cities.count_rows() == 4
    plan = of.polars.scan_odps("SELECT id, pt FROM q_events WHERE id < 100", client=client)
    assert plan.filter(pl.col("id") >= 90).collect().height == 10


def test_a_sink_writes_what_the_plan_gives(client: LocalClient, table: str) -> None:
    data = pl.LazyFrame({"id": range(200_000)}).with_columns(text=pl.col("id").cast(pl.String))
    result = of.polars.sink_odps(
        data.filter(pl.col("id") % 2 == 0), table, create=True, client=client
    )
    assert result.rows == 100_000
    back = of.polars.read_odps(table, client=client)
    assert back.sort("id").equals(data.filter(pl.col("id") % 2 == 0).collect())


def test_a_sink_into_partitions_and_a_trial_of_it(client: LocalClient, table: str) -> None:
    data = pl.LazyFrame({"id": [1, 2, 3], "pt": ["a", "b", "a"]})
    options: Any = {"partition_cols": "pt", "create": True, "client": client}
    trial = of.polars.sink_odps(data, table, dry_run=True, **options)
    assert trial.rows == 3
    assert table not in client.tables()
    assert of.polars.write_odps(data, table, **options).partitions == ("pt=a", "pt=b")


def test_a_sink_of_a_plan_that_fails_leaves_nothing(client: LocalClient, table: str) -> None:
    def fail(_: pl.DataFrame) -> pl.DataFrame:
        raise RuntimeError("the plan went wrong")

    data = pl.LazyFrame({"id": range(10)}).map_batches(fail, schema={"id": pl.Int64})
    with pytest.raises(Exception, match="the plan went wrong"):
        of.polars.sink_odps(data, table, create=True, client=client)
    assert table not in client.tables()


def test_what_is_no_frame_is_refused() -> None:
    with pytest.raises(TypeError, match="expected a LazyFrame"):
        of.polars.sink_odps(pl.DataFrame(), "t")
    with pytest.raises(TypeError, match="expected a DataFrame or LazyFrame of Polars"):
        of.polars.write_odps(pa.table({}), "t")
    with pytest.raises(of.SchemaMismatch, match="Int128"):
        of.polars.sink_odps(pl.LazyFrame({"x": [1]}, schema={"x": pl.Int128}), "t")


HURRIED = """
import polars as pl
import odps_frames as of
client = of.local()
of.polars.write_odps(pl.DataFrame({"id": range(200_000)}), "t", create=True)
plan = of.scan_odps("t", split_by=of.ByRows(5_000)).lazy().filter(pl.col("id") >= 0)
print(plan.head(3).collect(engine="streaming").height)
"""


def test_the_interpreter_ends_well_behind_a_query_that_stopped_early() -> None:
    command = [sys.executable, "-W", "error", "-c", HURRIED]
    runs = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603  our own script
        for _ in range(2)
    ]
    for run in runs:
        said, wrong = run.communicate()
        assert (run.returncode, said.strip()) == (0, "3"), wrong
