from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from odps_frames.convert.zones import check_zone, to_utc, zoned_type
from odps_frames.errors import ConfigError
from odps_frames.model.types import parse_type


@pytest.mark.parametrize("tz", ["UTC", "Asia/Shanghai", "+08:00"])
def test_zones_by_name_and_by_offset_are_known(tz: str) -> None:
    check_zone(tz)


@pytest.mark.parametrize("tz", ["Nowhere", "", "../etc/passwd"])
def test_other_text_is_refused(tz: str) -> None:
    with pytest.raises(ConfigError, match="no time zone"):
        check_zone(tz)


def test_only_instants_get_a_zone() -> None:
    naive, zoned = pa.timestamp("us"), pa.timestamp("us", "Asia/Shanghai")

    def of(time: Any, other: Any) -> Any:
        return pa.struct(
            [
                ("a", time),
                ("b", other),
                ("c", pa.list_(time)),
                ("d", pa.map_(time, pa.list_(other))),
                ("e", pa.int8()),
            ]
        )

    type_ = parse_type(
        "struct<a:timestamp,b:timestamp_ntz,c:array<datetime>,"
        "d:map<timestamp,array<timestamp_ntz>>,e:tinyint>"
    )
    assert zoned_type(of(naive, naive), type_, "Asia/Shanghai") == of(zoned, naive)


def test_utc_changes_nothing() -> None:
    array = pa.array([1, None], pa.timestamp("s"))
    assert to_utc(array, "UTC") is array


def test_offsets_apply_to_every_unit() -> None:
    for unit, per in (("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)):
        array: Any = pa.array([8 * 3600 * per, None]).cast(f"timestamp[{unit}]")
        assert to_utc(array, "+08:00").cast(pa.int64()).to_pylist() == [0, None]
        assert to_utc(array[:0], "+08:00").to_pylist() == []
