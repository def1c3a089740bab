"""Whatever is lost on the way, upserts are carried out all or not at all, the last one of a key."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import odps_frames as of
from odps_frames.emulator.faults import Cut, Fault, Refuse, Reset

if TYPE_CHECKING:
    Stand = Any  # the class of a fixture, which no test module can import

N_ROWS, N_KEYS = 400, 100
DATA = pa.table(
    {
        "id": pa.array([n % N_KEYS for n in range(N_ROWS)]),
        "v": pa.array(range(N_ROWS)),
        "__operation": pa.array(["D" if n % N_KEYS == 7 else "U" for n in range(N_ROWS)]),
    }
)
BEFORE = {7: -7, 8: -8, N_KEYS: -1}
AFTER = {n % N_KEYS: n for n in range(N_ROWS) if n % N_KEYS != 7} | {N_KEYS: -1}
WRITE = [
    "TableCreateWriteStream",
    "TableWrite",
    "TableCloseWriteStream",
    "TableGetWriteStream",
    "TableCommitWriteSession",
]
NUMBERS = itertools.count()


@pytest.fixture
def name(stand: Stand) -> str:
    name = f"upserted{next(NUMBERS)}"
    columns = {"id": "bigint", "v": "bigint"}
    stand.client.create_table(name, columns, primary_key=["id"])
    old = pa.table({"id": list(BEFORE), "v": list(BEFORE.values())})
    of.to_odps(old, name, mode="upsert", client=stand.client)
    return name


def content(stand: Stand, name: str) -> dict[Any, Any]:
    rows = of.scan_odps(name, client=stand.client).to_arrow()
    found = dict(zip(rows["id"].to_pylist(), rows["v"].to_pylist(), strict=True))
    assert len(found) == rows.num_rows
    return found


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("effect", [Refuse(503), Reset(), Cut()], ids=repr)
@pytest.mark.parametrize("action", WRITE)
@pytest.mark.parametrize("streamed", [False, True])
def test_upserts_survive_what_passes(
    stand: Stand,
    name: str,
    action: str,
    effect: Any,
    when: Any,
    streamed: bool,  # noqa: FBT001  a case
) -> None:
    stand.service.faults.add(Fault(effect=effect, action=action, when=when, times=1))
    data = DATA.to_reader(max_chunksize=7) if streamed else DATA
    result = of.to_odps(data, name, mode="upsert", n_streams=3, client=stand.client)
    ((_, hits),) = stand.service.faults.hits
    assert hits == 1
    assert result.rows == N_KEYS
    assert content(stand, name) == AFTER
    changes = of.read_odps_changes(name, since=1, client=stand.client)
    assert changes.version == 2  # one commit, whatever was lost
    assert sorted(changes.frame["_op"].value_counts().items()) == [
        ("delete", 1),
        ("insert", N_KEYS - 2),
        ("update", 1),
    ]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("action", WRITE[:-1])
def test_upserts_that_cannot_be_carried_out_change_nothing(
    stand: Stand, name: str, action: str, when: Any
) -> None:
    stand.service.faults.add(Fault(effect=Refuse(503), action=action, when=when, times=None))
    with pytest.raises(of.ServiceUnavailable):
        of.to_odps(DATA, name, mode="upsert", client=stand.client)
    stand.service.faults.clear()
    assert content(stand, name) == BEFORE
    assert of.read_odps_changes(name, since=1, client=stand.client).frame.empty


@pytest.mark.parametrize("action", ["TableCreateReadSession", "TableRead"])
@pytest.mark.parametrize("effect", [Refuse(503), Reset(), Cut()], ids=repr)
def test_changes_survive_what_passes(stand: Stand, name: str, action: str, effect: Any) -> None:
    of.to_odps(DATA, name, mode="upsert", client=stand.client)
    stand.service.faults.add(Fault(effect=effect, action=action, when="before", times=2))
    found = of.read_odps_changes(name, since=1, client=stand.client)
    assert len(found.frame) == N_KEYS
    assert found.frame["id"].is_unique
