"""What a scan tells of itself before it reads, and how it counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pyarrow.compute as pc
import pytest

import odps_frames as of

if TYPE_CHECKING:
    from odps_frames.local import LocalClient

ROWS = 900
ODD = pc.field("id") - pc.field("id") / 2 * 2 == 1
"""Nothing that SQL is sure to say."""
FRAME = pd.DataFrame(
    {
        "id": range(ROWS),
        "note": [f"n{n}" for n in range(ROWS)],
        "pt": [f"2026010{n % 3}" for n in range(ROWS)],
    }
)


@pytest.fixture(scope="module")
def plans(shared_client: LocalClient) -> str:
    of.to_odps(FRAME, "plans", partition_cols=["pt"], create=True, client=shared_client)
    return "plans"


def rows_sent(client: LocalClient, since: int) -> int:
    reads = ("TableRead", "TablePreview", "InstanceRead")
    return sum(record.operation in reads for record in client.service.requests[since:])


def test_a_plan_tells_what_is_pushed_and_what_is_applied_here(
    client: LocalClient, plans: str
) -> None:
    since = len(client.service.requests)
    scan = of.scan_odps(plans, columns=["note"], client=client)
    plan = scan.filter("id > 10 and note like 'n%' and pt = '20260101'").explain()
    assert plan.way == "session"
    assert plan.columns == ("note",)
    assert sorted(plan.reads) == ["id", "note", "pt"]
    assert plan.partitions == ("pt=20260101",)
    assert plan.pushed == "`id` > 10 and `note` >= 'n' and `note` < 'o'"
    assert plan.applied == "`id` > 10 and `note` like 'n%' and `pt` = '20260101'"
    assert plan.splits == 1
    assert plan.bytes is not None
    assert rows_sent(client, since) == 0
    assert "`id` > 10" in str(plan)
    assert "<table>" in plan._repr_html_()


def test_a_plan_counts_ranges_exactly(client: LocalClient, plans: str) -> None:
    plan = of.scan_odps(plans, split_by=of.ByRows(400), client=client).explain()
    assert (plan.rows, plan.exact, plan.splits) == (ROWS, True, 3)


def test_a_plan_of_little_or_nothing(client: LocalClient, plans: str) -> None:
    scan = of.scan_odps(plans, client=client)
    assert scan.limit(3).explain().way == "preview"
    assert scan.limit(0).explain().way == "nothing"
    assert scan.partitions("pt=1999").explain().way == "nothing"


def test_a_plan_says_conditions_that_sql_has_no_words_for(client: LocalClient, plans: str) -> None:
    odd = of.scan_odps(plans, client=client).filter(ODD).explain()
    assert odd.pushed is None
    assert odd.applied is not None
    assert "id" in odd.applied


def test_counts_are_exact_and_read_no_row_where_the_service_knows(
    client: LocalClient, plans: str
) -> None:
    scan = of.scan_odps(plans, client=client)
    since = len(client.service.requests)
    assert scan.count_rows() == ROWS
    assert scan.select("note").count_rows() == ROWS
    assert scan.partitions("pt=20260101").count_rows() == 300
    assert scan.filter("pt > '20260100'").count_rows() == 600
    assert scan.partitions("pt=1999").count_rows() == 0
    assert scan.limit(7).count_rows() == 7
    assert scan.limit(5000).count_rows() == ROWS
    assert of.scan_odps(f"SELECT * FROM {plans}", client=client).count_rows() == ROWS
    assert rows_sent(client, since) == 0


def test_counts_under_a_condition_on_data_are_exact_too(client: LocalClient, plans: str) -> None:
    scan = of.scan_odps(plans, client=client)
    assert scan.filter("id < 10").count_rows() == 10
    assert scan.filter("id < 10 or pt = '20260100'").count_rows() == 306
    assert scan.filter(ODD).count_rows() == ROWS // 2
    assert scan.filter("id < 10").limit(4).count_rows() == 4
