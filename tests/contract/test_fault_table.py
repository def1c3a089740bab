"""What this client does under each fault: never a short table, never a row twice.

One row of a table says what becomes of a read or a write; its rule hits once, where it is not said
otherwise. ``whole`` is all of the data, ``raises`` an error of the named class with nothing lost.
Only a service that leaves rows out of a split that it did not count, and then says that it was
whole, is believed.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import odps_frames as of
from odps_frames.emulator.fault_effects import EFFECTS

if TYPE_CHECKING:
    from collections.abc import Callable

    Stand = Any  # the class of a fixture, which no test module can import

DATA = pa.table(
    {"id": pa.array(range(20_000)), "name": pa.array([f"name {n}" for n in range(20_000)])}
)
NUMBERS = itertools.count()
BUSY = {"status": {"status": 429, "headers": {"Retry-After": "1"}}}
DOWN = {"status": {"status": 503}}
FORBIDDEN = {"status": {"status": 403, "code": "NoPermission"}}

READS: list[tuple[Any, dict[str, Any], Any, Any]] = [
    # effect, place, outcome of a split whose rows are counted, and of one of a size
    (BUSY, {}, "whole", "whole"),
    (DOWN, {}, "whole", "whole"),
    (DOWN, {"when": "after"}, "whole", "whole"),
    (DOWN, {"times": None}, of.ServiceUnavailable, of.ServiceUnavailable),
    (FORBIDDEN, {}, of.PermissionDenied, of.PermissionDenied),
    ("reset", {}, "whole", "whole"),
    ("reset", {"when": "after"}, "whole", "whole"),
    ("reset", {"at_byte": 50_000}, "whole", "whole"),
    ("reset", {"at_message": 2}, "whole", "whole"),
    ("cut", {"at_byte": 50_000}, "whole", "whole"),
    ("cut", {"at_message": 3}, "whole", "whole"),
    ({"cut": {"reset": False}}, {"at_byte": 50_001}, "whole", "whole"),
    ("truncate", {"at_byte": 50_000}, "whole", "whole"),
    ("truncate", {"at_message": 0}, "whole", "whole"),
    ("truncate", {"at_message": 1}, "whole", "whole"),
    ("truncate", {"at_message": 3}, "whole", "whole"),
    # Every attempt brings some rows, but only a count tells that they are all.
    ("truncate", {"at_message": 3, "times": None}, "whole", of.IncompleteRead),
    ("truncate", {"at_message": 1, "times": None}, of.IncompleteRead, of.IncompleteRead),
    ({"corrupt": {"flip": 255}}, {"at_byte": 0}, "whole", "whole"),
    ({"corrupt": {"flip": 255}}, {"at_message": 1}, "whole", "whole"),
    ({"slow": {"bytes_per_s": 50_000_000}}, {}, "whole", "whole"),
    ({"stall": {"s": 0.01}}, {"at_byte": 50_000}, "whole", "whole"),
    ({"delay": {"s": 0.01}}, {}, "whole", "whole"),
    ("drop_eos", {}, "whole", "whole"),
    ("drop_eos", {"times": None}, "whole", of.IncompleteRead),
    ("short_rows", {}, "whole", "lie"),
    ("wrong_encoding", {}, "whole", "whole"),
    ("wrong_encoding", {"times": None}, of.CorruptStream, of.CorruptStream),
    ("expire_session", {}, "whole", "whole"),
    ("stale_route", {}, "whole", "whole"),
    ({"stale_route": {"token": "elsewhere"}}, {}, "whole", "whole"),
]


@pytest.fixture(scope="module", autouse=True)
def table(module_stand: Stand) -> None:
    of.to_odps(DATA, "faulted", create=True, client=module_stand.client)


@pytest.mark.parametrize(("effect", "place", "counted", "_"), READS, ids=str)
def test_rows_that_are_counted(
    stand: Stand, effect: Any, place: dict[str, Any], counted: Any, _: Any
) -> None:
    session = stand.client.read_session("faulted", split_by=of.ByRows(20_000))
    (split,) = session.splits
    rule = stand.service.faults.add(effect=effect, action="TableRead", **place)
    check(lambda: pa.Table.from_batches(session.read(split), session.arrow_schema), counted)
    assert stand.service.faults.get(rule).hits >= 1
    stand.service.faults.clear()
    assert pa.Table.from_batches(session.read(split), session.arrow_schema).equals(DATA)


@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
@pytest.mark.parametrize(("effect", "place", "_", "outcome"), READS, ids=str)
def test_frames(
    stand: Stand, effect: Any, place: dict[str, Any], _: Any, outcome: Any, compression: Any
) -> None:
    rule = stand.service.faults.add(effect=effect, action="TableRead", **place)
    scan = of.scan_odps("faulted", client=stand.client, compression=compression)
    check(scan.to_arrow, outcome)
    assert stand.service.faults.get(rule).hits >= 1


def check(read: Callable[[], pa.Table], outcome: Any) -> None:
    if outcome == "whole":
        assert read().equals(DATA)
    elif outcome == "lie":
        # The protocol says nowhere how many rows a split of a size has: nobody can tell.
        assert read().equals(DATA.slice(0, DATA.num_rows - 1))
    else:
        with pytest.raises(outcome):
            read()


ON_WRITE = "TableWrite"
COMMIT = "TableCommitWriteSession"
WRITES: list[tuple[Any, dict[str, Any], Any]] = [
    *(
        (effect, {"action": action, "when": when}, "whole")
        for effect in (BUSY, DOWN, "reset", "cut")
        for action in (ON_WRITE, COMMIT, "TableCreateWriteSession", "TableCreateWriteStream")
        for when in ("before", "after")
    ),
    ("cut", {"action": ON_WRITE, "at_byte": 5}, "whole"),
    ("truncate", {"action": ON_WRITE, "at_byte": 5}, of.OdpsError),
    ("truncate", {"action": COMMIT, "at_byte": 5}, of.OdpsError),
    ("reset", {"action": COMMIT, "at_byte": 5}, "whole"),
    ({"stall": {"s": 0.01}}, {"action": COMMIT, "at_byte": 5}, "whole"),
    ({"delay": {"s": 0.01}}, {"action": "*"}, "whole"),
    (DOWN, {"action": ON_WRITE, "times": None}, of.ServiceUnavailable),
    ("expire_session", {"action": ON_WRITE}, of.SessionExpired),
    ("expire_session", {"action": COMMIT}, of.SessionExpired),
    ("fence_stream", {"action": ON_WRITE}, of.OdpsError),
    ("stale_route", {"action": ON_WRITE}, "whole"),
    ("stale_route", {"action": COMMIT, "when": "after"}, "whole"),
    ({"stale_route": {"token": "elsewhere"}}, {"action": "TableCreateWriteStream"}, "whole"),
    ({"wrong_encoding": {}}, {"action": ON_WRITE}, "whole"),  # nobody looks for it in a document
]


@pytest.mark.parametrize(("effect", "members", "outcome"), WRITES, ids=str)
def test_writes(stand: Stand, effect: Any, members: dict[str, Any], outcome: Any) -> None:
    name = f"written_{next(NUMBERS)}"
    stand.client.create_table(name, {"id": "bigint", "name": "string"})
    rule = stand.service.faults.add(effect=effect, **members)
    written: bool | None = True
    error: BaseException | None = None
    try:
        of.to_odps(DATA, name, client=stand.client)
    except of.CommitUnknown as unknown:
        written, error = None, unknown
    except of.OdpsError as failure:
        written, error = False, failure
    assert stand.service.faults.get(rule).hits >= 1
    stand.service.faults.clear()
    found = of.scan_odps(name, client=stand.client).to_arrow()
    assert found.equals(DATA) or found.num_rows == 0
    if written is not None:
        assert bool(found.equals(DATA)) == written
    if outcome == "whole":
        assert written, error
    elif error is not None:
        assert isinstance(error, outcome)


def test_the_table_has_every_effect() -> None:
    words = {
        next(iter(effect)) if isinstance(effect, dict) else effect
        for effect, *_ in [*READS, *WRITES]
    }
    # Warnings and checksums of blobs are of other tests: neither is part of a table's rows.
    assert words == set(EFFECTS) - {"warn", "bad_crc"}
