"""Dates and times against Python's calendar, over centuries and changes of clocks."""

from __future__ import annotations

import calendar
import random
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

import odps_frames as of

Answers = Any  # of a fixture, whose class no test module can import

RANDOM = random.Random(20261130)  # noqa: S311  nothing secret
FIRST = datetime(1850, 1, 1, tzinfo=UTC)
SPAN = int((datetime(2150, 1, 1, tzinfo=UTC) - FIRST).total_seconds() * 1000)
INSTANTS = [FIRST + timedelta(milliseconds=RANDOM.randrange(SPAN)) for _ in range(400)] + [
    datetime(1900, 12, 31, 15, 54, 16, 999000, tzinfo=UTC),  # the last of Shanghai's own time
    datetime(1900, 12, 31, 15, 54, 17, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=UTC),
    datetime(1986, 5, 3, 18, 0, tzinfo=UTC),  # summer time begins in Shanghai
    datetime(2024, 3, 10, 7, 0, tzinfo=UTC),  # and in New York
    datetime(2024, 2, 29, 15, 59, 59, tzinfo=UTC),
    datetime(1999, 12, 31, 16, 0, tzinfo=UTC),
]
ZONES = ["Asia/Shanghai", "America/New_York", "Europe/London", "UTC"]


@pytest.fixture(scope="module")
def instants(answers: Answers) -> str:
    """A table of the instants."""
    answers.client.create_table("instants", {"id": "bigint", "x": "datetime"})
    data = {
        "id": pa.array(range(len(INSTANTS)), pa.int64()),
        "x": pa.array(INSTANTS, pa.timestamp("ms", "UTC")),
    }
    of.to_odps(pa.table(data), "instants", client=answers.client)
    return "instants"


def selected(answers: Answers, zone: str, *expressions: str) -> list[list[Any]]:
    """Return columns of a query over the instants."""
    named = ", ".join(f"{text} as c{place}" for place, text in enumerate(expressions))
    hints = {"odps.sql.timezone": zone}
    found = answers.given(f"select {named} from instants order by id limit 1000", hints)
    return [list(column) for column in zip(*found, strict=True)]


def clocks(zone: str) -> list[datetime]:
    return [x.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for x in INSTANTS]


@pytest.mark.parametrize("zone", ZONES)
def test_parts_are_those_of_the_wall_clock(answers: Answers, instants: str, zone: str) -> None:
    assert instants == "instants"
    expected = [
        [clock.year for clock in clocks(zone)],
        [(clock.month + 2) // 3 for clock in clocks(zone)],
        [clock.month for clock in clocks(zone)],
        [clock.day for clock in clocks(zone)],
        [clock.hour for clock in clocks(zone)],
        [clock.minute for clock in clocks(zone)],
        [clock.second for clock in clocks(zone)],
        [clock.weekday() for clock in clocks(zone)],
        [clock.isoweekday() % 7 + 1 for clock in clocks(zone)],
        [clock.isocalendar().week for clock in clocks(zone)],
        [clock.timetuple().tm_yday for clock in clocks(zone)],
        [clock.strftime("%Y%m%d %H:%M:%S.") + f"{clock:%f}"[:3] for clock in clocks(zone)],
    ]
    names = "year quarter month day hour minute second weekday dayofweek weekofyear dayofyear"
    found = selected(
        answers,
        zone,
        *(f"{name}(x)" for name in names.split()),
        "to_char(x, 'yyyymmdd hh:mi:ss.ff3')",
    )
    assert found == expected


@pytest.mark.parametrize("zone", ZONES)
def test_a_text_of_a_time_reads_back_as_the_time(
    answers: Answers, instants: str, zone: str
) -> None:
    pattern = "'yyyymmdd hh:mi:ss.ff3'"
    (same,) = selected(answers, zone, f"to_date(to_char(x, {pattern}), {pattern}) = x")
    assert instants
    places = [place for place, found in enumerate(same) if not found]
    twice = [
        place
        for place, clock in enumerate(clocks(zone))
        if clock.replace(tzinfo=ZoneInfo(zone), fold=0).utcoffset()
        != clock.replace(tzinfo=ZoneInfo(zone), fold=1).utcoffset()
    ]
    assert set(places) <= set(twice)  # an hour that comes twice has one text


def later(clock: datetime, months: int) -> datetime:
    """Return the same day of another month, or its last day."""
    year, month = divmod(clock.year * 12 + clock.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return clock.replace(year=year, month=month + 1, day=min(clock.day, last))


def test_sums_keep_to_the_calendar(answers: Answers, instants: str) -> None:
    found = selected(
        answers,
        "UTC",
        *(f"to_char(dateadd(x, {n}, 'mm'), 'yyyy-mm-dd hh:mi:ss')" for n in (1, -1, 13)),
        "to_char(dateadd(x, -4, 'yyyy'), 'yyyy-mm-dd')",
        "add_months(x, 25)",
        "last_day(x)",
        "cast(date_add(x, 40) as string)",
        "datediff(x, datetime'1970-01-01 00:00:00', 'mm')",
        "datediff(x, datetime'1970-01-01 00:00:00', 'dd')",
        "to_char(datetrunc(x, 'week'), 'yyyy-mm-dd hh:mi:ss')",
        "to_char(datetrunc(x, 'q'), 'yyyy-mm-dd')",
    )
    times = clocks("UTC")
    day = "%Y-%m-%d"
    assert instants
    assert found == [
        *([f"{later(t, n):%Y-%m-%d %H:%M:%S}" for t in times] for n in (1, -1, 13)),
        [later(t, -48).strftime(day) for t in times],
        [later(t, 25).strftime(day) for t in times],
        [t.replace(day=calendar.monthrange(t.year, t.month)[1]).strftime(day) for t in times],
        [(t + timedelta(days=40)).strftime(day) for t in times],
        [(t.year - 1970) * 12 + t.month - 1 for t in times],
        [(t.date() - datetime(1970, 1, 1).date()).days for t in times],  # noqa: DTZ001  a day
        [f"{t.date() - timedelta(days=t.weekday())} 00:00:00" for t in times],
        [t.replace(month=(t.month - 1) // 3 * 3 + 1, day=1).strftime(day) for t in times],
    ]


def test_an_hour_is_an_hour_where_clocks_are_changed(answers: Answers) -> None:
    zone = {"odps.sql.timezone": "America/New_York"}
    sql = (
        "select to_char(dateadd(datetime'2024-03-10 01:30:00', 1, 'hh'), 'hh:mi'), "
        "to_char(dateadd(datetime'2024-03-10 01:30:00', 1, 'dd'), 'dd hh:mi')"
    )
    assert answers.given(sql, zone) == [["03:30", "11 01:30"]]


TYPES = [
    ("year(dt)", "int"),
    ("weekofyear(dt)", "bigint"),
    ("weekday(dt)", "bigint"),
    ("extract(hour from dt)", "int"),
    ("datepart(dt, 'yyyy')", "bigint"),
    ("datediff(dt, dt, 'dd')", "bigint"),
    ("dateadd(d, 1, 'dd')", "date"),
    ("dateadd(dt, 1, 'dd')", "datetime"),
    ("dateadd(ts, 1, 'dd')", "timestamp"),
    ("dateadd(ts, 1, 'hh')", "timestamp"),
    ("dateadd(cast(dt as timestamp_ntz), 1, 'hh')", "timestamp_ntz"),
    ("datetrunc(d, 'mm')", "date"),
    ("datetrunc(ts, 'mm')", "timestamp"),
    ("date_add(dt, 1)", "date"),
    ("add_months(d, 1)", "string"),
    ("last_day(d)", "string"),
    ("lastday(dt)", "datetime"),
    ("next_day(d, 'MO')", "string"),
    ("months_between(d, d)", "double"),
    ("to_date('2020-01-01')", "date"),
    ("to_date('20200101', 'yyyymmdd')", "datetime"),
    ("from_unixtime(0)", "datetime"),
    ("from_utc_timestamp(dt, 'UTC')", "timestamp"),
    ("unix_timestamp(d)", "bigint"),
    ("to_millis(ts)", "bigint"),
    ("current_date()", "date"),
    ("current_timestamp()", "timestamp"),
    ("getdate()", "datetime"),
]


@pytest.mark.parametrize(("expression", "type_"), TYPES, ids=[text for text, _ in TYPES])
def test_results_have_the_documented_types(answers: Answers, expression: str, type_: str) -> None:
    row = "values (date'2020-01-01', datetime'2020-01-01 00:00:00', timestamp'2020-01-01 00:00:00')"
    assert answers.types(f"select {expression} as r from {row} as t(d, dt, ts)") == {"r": type_}


@pytest.mark.parametrize(
    "expression",
    [
        "to_char(getdate(), name)",
        "to_date(name, name)",
        "isdate(name, name)",
        "date_format(getdate(), name)",
        "dateadd(getdate(), 1, name)",
        "datediff(getdate(), getdate(), name)",
        "datetrunc(getdate(), name)",
        "datepart(getdate(), name)",
        "next_day(getdate(), name)",
    ],
)
def test_patterns_and_units_of_a_column_are_refused_by_name(
    answers: Answers, expression: str
) -> None:
    error = answers.fault(f"select {expression} from t")
    assert error.code == "ODPS-0130071"
    assert f"of function {expression.partition('(')[0]} must be" in str(error)
    assert "written out" in str(error)
