"""LIFECYCLE days: what was not changed for longer goes, and nothing else."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from odps_frames.errors import Conflict, NotFound
from odps_frames.wire.instance import TaskStatus


def passes(service: Any, **by: float) -> None:
    """Let time pass, after which something happens."""
    service.clock.advance(**by)
    service.sql("CREATE TABLE IF NOT EXISTS something (x INT)")


def shown(service: Any, what: str) -> list[str]:
    status, text = service.run(f"SHOW {what}")
    assert status is TaskStatus.SUCCESS
    return [line.rpartition(":")[2] for line in text.splitlines()]


@pytest.fixture
def parted(service: Any) -> Any:
    service.sql("CREATE TABLE t (a BIGINT) PARTITIONED BY (pt STRING) LIFECYCLE 2")
    service.sql("ALTER TABLE t ADD PARTITION (pt='1') PARTITION (pt='2')")
    return service


def test_a_table_without_changes_goes(service: Any) -> None:
    service.sql("CREATE TABLE t (a BIGINT) LIFECYCLE 2")
    service.sql("CREATE TABLE kept (a BIGINT)")
    passes(service, days=2)
    assert shown(service, "TABLES") == ["kept", "something", "t"]
    passes(service, seconds=1)
    assert shown(service, "TABLES") == ["kept", "something"]


@pytest.mark.parametrize("change", ["write", "ALTER TABLE t TOUCH", "TRUNCATE TABLE t"])
def test_a_change_begins_the_days_anew(service: Any, change: str) -> None:
    service.sql("CREATE TABLE t (a BIGINT) LIFECYCLE 2")
    passes(service, days=1)
    if change == "write":
        service.write(pa.table({"a": [1]}))
    else:
        service.sql(change)
    passes(service, days=2)
    assert "t" in shown(service, "TABLES")
    passes(service, days=1)
    assert "t" not in shown(service, "TABLES")


def test_partitions_go_one_by_one_and_the_table_stays(parted: Any) -> None:
    passes(parted, days=1)
    parted.write(pa.table({"a": [7], "pt": ["2"]}))
    passes(parted, days=1, seconds=1)
    assert shown(parted, "PARTITIONS t") == ["pt=2"]
    assert parted.rows() == [{"a": 7, "pt": "2"}]
    passes(parted, days=1)
    assert shown(parted, "PARTITIONS t") == []
    assert parted.rows() == []


def test_a_touched_partition_stays(parted: Any) -> None:
    passes(parted, days=1)
    parted.sql("ALTER TABLE t TOUCH PARTITION (pt='1')")
    passes(parted, days=1, seconds=1)
    assert shown(parted, "PARTITIONS t") == ["pt=1"]


def test_what_is_disabled_stays_until_it_is_enabled(parted: Any) -> None:
    parted.sql("ALTER TABLE t PARTITION (pt='1') DISABLE LIFECYCLE")
    parted.sql("CREATE TABLE u (a BIGINT) LIFECYCLE 2")
    parted.sql("ALTER TABLE u DISABLE LIFECYCLE")
    passes(parted, days=3)
    assert shown(parted, "PARTITIONS t") == ["pt=1"]
    assert "u" in shown(parted, "TABLES")
    parted.sql("ALTER TABLE t PARTITION (pt='1') ENABLE LIFECYCLE")
    parted.sql("ALTER TABLE u ENABLE LIFECYCLE")
    passes(parted, days=0)
    assert shown(parted, "PARTITIONS t") == []
    assert "u" not in shown(parted, "TABLES")


def test_disabling_a_table_keeps_all_its_partitions(parted: Any) -> None:
    parted.sql("ALTER TABLE t DISABLE LIFECYCLE")
    passes(parted, days=3)
    assert shown(parted, "PARTITIONS t") == ["pt=1", "pt=2"]


def test_other_days_count_from_the_last_change(service: Any) -> None:
    service.sql("CREATE TABLE t (a BIGINT)")
    passes(service, days=10)
    service.sql("ALTER TABLE t SET LIFECYCLE 30")
    passes(service, days=19)
    assert "t" in shown(service, "TABLES")
    service.sql("ALTER TABLE t SET LIFECYCLE 1")
    passes(service, days=0)
    assert "t" not in shown(service, "TABLES")


def test_what_goes_is_gone_for_sessions_too(service: Any) -> None:
    service.sql("CREATE TABLE t (a BIGINT) LIFECYCLE 1")
    session = service.open_session()
    passes(service, days=1, seconds=1)
    with pytest.raises(NotFound):
        service.open_stream(session)
    service.sql("CREATE TABLE t (a BIGINT) LIFECYCLE 1")
    with pytest.raises((Conflict, NotFound)):
        service.open_stream(session)


def test_it_goes_when_the_service_starts(open_service: Any, clock: Any) -> None:
    first = open_service()
    first.sql("CREATE TABLE t (a BIGINT) LIFECYCLE 1")
    first.emulator.close()
    clock.advance(days=2)
    assert shown(open_service(), "TABLES") == []
