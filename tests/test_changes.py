"""Changes of a table, read one after the other: nothing is missed, and nothing comes twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import odps_frames as of
from odps_frames.changed_rows import told_apart
from odps_frames.config import Config
from odps_frames.emulator.app import Emulator

if TYPE_CHECKING:
    from pathlib import Path

    from odps_frames.local import LocalClient

FRAME = pd.DataFrame({"id": [1, 2, 3], "v": ["a", "b", "c"]})


def changes(client: LocalClient, table: str, since: Any, **options: Any) -> set[tuple[Any, ...]]:
    found = of.read_odps_changes(table, since=since, client=client, **options)
    rows = list(found.frame.itertuples(index=False, name=None))
    assert len(set(rows)) == len(rows) == found.frame.attrs["odps"]["rows"]
    return set(rows)


@pytest.fixture
def plain(client: LocalClient, table: str) -> str:
    of.to_odps(FRAME, table, create=True, client=client)
    return table


@pytest.fixture
def keyed(client: LocalClient, table: str) -> str:
    of.to_odps(FRAME, table, create=True, primary_key="id", client=client)
    more = pd.DataFrame({"id": [2, 3, 4], "v": ["x", "", "y"], "__operation": ["U", "D", "U"]})
    of.to_odps(more, table, mode="upsert", client=client)
    return table


def test_inserts_updates_and_deletes(client: LocalClient, keyed: str) -> None:
    assert changes(client, keyed, 1) == {
        (3, "c", "delete"),
        (2, "x", "update"),
        (4, "y", "insert"),
    }
    assert changes(client, keyed, 0) == {
        (n, v, "insert") for n, v in [(1, "a"), (2, "x"), (4, "y")]
    }
    assert changes(client, keyed, 0, until=1) == {
        (n, v, "insert") for n, v in [(1, "a"), (2, "b"), (3, "c")]
    }


def test_a_plain_table(client: LocalClient, plain: str) -> None:
    of.to_odps(FRAME[2:], plain, mode="overwrite", client=client)
    found = of.read_odps_changes(plain, since=1, client=client)
    assert sorted(found.frame["_op"]) == ["delete"] * 3 + ["insert"]
    assert list(found.frame.columns) == ["id", "v", "_op"]
    assert [str(dtype) for dtype in found.frame.dtypes] == ["Int64", "str", "str"]


def test_changes_themselves_are_no_token(client: LocalClient, plain: str) -> None:
    first: Any = of.read_odps_changes(plain, since=0, client=client)
    with pytest.raises(TypeError, match=f"give their next, '{first.next}'"):
        of.read_odps_changes(plain, since=first, client=client)


def test_calls_follow_each_other(client: LocalClient, plain: str) -> None:
    first = of.read_odps_changes(plain, since=0, client=client)
    assert (first.version, len(first.frame)) == (1, 3)
    assert client.table(plain).version == 1
    second = of.read_odps_changes(plain, since=first.next, client=client)
    assert (second.version, second.next, len(second.frame)) == (1, first.next, 0)
    of.to_odps(FRAME, plain, client=client)
    of.to_odps(FRAME, plain, client=client)
    third = of.read_odps_changes(plain, since=second.next, client=client)
    assert (third.version, len(third.frame), third.table) == (3, 6, f"demo.{plain}")
    assert client.table(plain).version == 3


def test_rows_that_come_meanwhile_wait_for_the_next_call(
    client: LocalClient, plain: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = client.read_session

    def late(*args: Any, **spec: Any) -> Any:
        of.to_odps(FRAME, plain, client=client)
        return asked(*args, **spec)

    monkeypatch.setattr(client, "read_session", late)
    first = of.read_odps_changes(plain, since=0, client=client)
    monkeypatch.undo()
    assert (first.version, len(first.frame)) == (1, 3)
    second = of.read_odps_changes(plain, since=first.next, client=client)
    assert (second.version, len(second.frame)) == (2, 3)


def test_columns_and_partitions(client: LocalClient, table: str) -> None:
    frame = FRAME.assign(pt=["a", "b", "b"])
    of.to_odps(frame, table, create=True, primary_key=["id"], partition_cols=["pt"], client=client)
    client.table(table).drop_partition("pt=b")
    assert changes(client, table, 1, columns=["v"]) == {("b", "delete"), ("c", "delete")}
    assert changes(client, table, 0, columns=["pt", "id"]) == {("a", 1, "insert")}
    assert changes(client, table, 1, partitions="pt=b", columns=["id"]) == {
        (2, "delete"),
        (3, "delete"),
    }
    assert changes(client, table, 1, partitions="pt=a") == set()
    assert changes(client, table, 0, partitions=["pt=a", "pt=b"], columns=["id"]) == {(1, "insert")}
    of.to_odps(frame.assign(pt="a"), table, mode="upsert", client=client)
    found = changes(client, table, 2, columns=["id"])
    assert found == {(1, "update"), (2, "insert"), (3, "insert")}


def test_times(tmp_path: Path) -> None:
    now = datetime(2026, 1, 31, 12, tzinfo=UTC)
    moments = [now]
    service = Emulator(tmp_path, clock=lambda: moments[-1])
    config = Config(
        endpoint="http://local/api", project="demo", access_id="id", secret_access_key="secret"
    )
    client = of.Client(config, transport=service)
    with service, client:
        of.to_odps(FRAME, "t", create=True)
        moments.append(now + timedelta(hours=1))
        of.to_odps(FRAME, "t")
        later = now + timedelta(minutes=1)
        assert len(of.read_odps_changes("t", since=later).frame) == 3
        assert len(of.read_odps_changes("t", since=later.replace(tzinfo=None)).frame) == 3
        until = of.read_odps_changes("t", since=now - timedelta(days=1), until=later)
        assert (until.version, len(until.frame)) == (1, 3)
        assert len(of.read_odps_changes("t", since=until.next).frame) == 3
        moments.append(now + timedelta(days=2))
        of.to_odps(FRAME, "t", mode="overwrite")
        moments.append(now + timedelta(days=4))
        client.create_table("other", {"id": "bigint"})
        with pytest.raises(of.Conflict, match="since version 1 are not all kept") as gap:
            of.read_odps_changes("t", since=until.next)
        assert gap.value.code == "DataVersionConflict"
    client.close()


@pytest.mark.parametrize("year", [1, 1969, 1970, 1971, 1973, 2001, 2002])
def test_times_before_the_first_row_bring_all(client: LocalClient, plain: str, year: int) -> None:
    for since in (datetime(year, 1, 1), datetime(year, 1, 1, tzinfo=UTC)):  # noqa: DTZ001  of users
        assert len(of.read_odps_changes(plain, since=since, client=client).frame) == 3


def test_versions_of_other_kinds_of_numbers(client: LocalClient, plain: str) -> None:
    versions = pd.Series([0, 1]).to_numpy()
    found = of.read_odps_changes(plain, since=versions[0], until=versions[1], client=client)
    assert (found.version, len(found.frame)) == (1, 3)


def test_a_table_made_anew_is_another_one(client: LocalClient, plain: str) -> None:
    token = of.read_odps_changes(plain, since=0, client=client).next
    client.drop_table(plain)
    of.to_odps(FRAME, plain, create=True, client=client)
    for since, message in ((token, "made anew under its name"), (1, "not all kept")):
        with pytest.raises(of.Conflict, match=message):
            of.read_odps_changes(plain, since=since, client=client)
    assert len(of.read_odps_changes(plain, since=2, client=client).frame) == 3


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"since": -1}, ValueError, "since=-1; expected a version"),
        ({"since": True}, ValueError, "since=True"),
        ({"since": "yesterday"}, ValueError, "or what Changes.next was"),
        ({"since": pd.NaT}, ValueError, "since=NaT; expected a version"),
        ({"since": pd.Timestamp(2262, 1, 1)}, of.ServiceError, "which is still to come"),
        ({"since": 0, "until": None, "columns": ["x"]}, of.SchemaMismatch, "no column 'x'"),
        ({"since": 0, "columns": "v"}, TypeError, r"such as \['v'\]"),
        ({"since": 0, "columns": ["v", "v"]}, ValueError, "each may stand once"),
        ({"since": 0, "partitions": "pt=1"}, ValueError, "partition"),
        ({"since": 9}, of.ServiceError, "is at version 1"),
        ({"since": 0, "max_bytes": 1}, of.ReadTooLarge, "max_bytes"),
    ],
)
def test_what_cannot_be_is_refused(
    client: LocalClient, plain: str, options: dict[str, Any], error: Any, message: str
) -> None:
    with pytest.raises(error, match=message):
        of.read_odps_changes(plain, client=client, **options)


def test_latest_partitions_are_none_of_changes(client: LocalClient, table: str) -> None:
    client.create_table(table, {"id": "bigint"}, partition_by={"pt": "string"})
    selections: list[Any] = [of.latest(), ["pt=a", of.latest(2)]]
    for selection in selections:
        with pytest.raises(ValueError, match="name them"):
            of.read_odps_changes(table, since=0, partitions=selection, client=client)


@pytest.mark.parametrize("name", ["_op", "__operation"])
def test_a_column_of_that_name_is_left_out_by_hand(
    client: LocalClient, table: str, name: str
) -> None:
    client.create_table(table, {"id": "bigint", name: "string"})
    of.to_odps(pd.DataFrame({"id": [1], name: ["x"]}), table, client=client)
    with pytest.raises(of.SchemaMismatch, match="leave it out"):
        of.read_odps_changes(table, since=0, client=client)
    assert changes(client, table, 0, columns=["id"]) == {(1, "insert")}


@pytest.mark.parametrize("blobs", ["bytes", "files"])
def test_blobs_are_carried_over(
    client: LocalClient, table: str, tmp_path: Path, blobs: Any
) -> None:
    types = {"id": "bigint", "photo": "blob", "album": "array<blob>"}
    source = client.create_table(table, types, primary_key=["id"])
    frame = pd.DataFrame({"id": [1, 2], "photo": [b"one", None], "album": [[b"a", b""], []]})
    of.to_odps(frame, table, mode="upsert", client=client)
    before = source.version
    of.to_odps(frame[:1].assign(photo=b"uno"), table, mode="upsert", client=client)
    of.to_odps(frame[1:], table, mode="upsert", delete_where="id = 2", client=client)
    gone = of.read_odps_changes(table, since=before, blobs="bytes", client=client).frame
    assert sorted(zip(gone["_op"], gone["photo"], strict=True))[1] == ("update", b"uno")
    with of.local(tmp_path / "other") as other:
        other.create_table("copy", types, primary_key=["id"])
        references = of.read_odps_changes(table, since=0, client=client).frame
        with pytest.raises(of.SchemaMismatch, match="references that were read"):
            of.to_odps(references.drop(columns="_op"), "copy", mode="upsert")
        found = of.read_odps_changes(table, since=0, blobs=blobs, client=client).frame
        of.to_odps(found.rename(columns={"_op": "__operation"}), "copy", mode="upsert")
        rows = of.scan_odps("copy", blobs="bytes").to_arrow().to_pylist()
    assert rows == [{"id": 1, "photo": b"uno", "album": [b"a", b""]}]


def test_times_that_nanoseconds_cannot_hold(client: LocalClient, table: str) -> None:
    old = pa.table({"t": pa.array([-(10**13)], pa.timestamp("ms"))})
    of.to_odps(old, table, create=True, client=client)
    frame = of.read_odps_changes(table, since=0, client=client).frame
    assert frame["t"][0].isoformat() == of.read_odps(table, client=client)["t"][0].isoformat()


def test_changes_can_be_carried_out_on_another_table(client: LocalClient, keyed: str) -> None:
    copy = f"{keyed}_copy"
    of.to_odps(FRAME, copy, create=True, primary_key="id", client=client)
    found = of.read_odps_changes(keyed, since=1, client=client).frame
    of.to_odps(found.rename(columns={"_op": "__operation"}), copy, mode="upsert", client=client)
    frames = [of.read_odps(name, client=client).sort_values("id") for name in (keyed, copy)]
    assert frames[0].to_numpy().tolist() == frames[1].to_numpy().tolist()


@pytest.mark.covers("CreateReadSessionResponse.incremental_read_options")
@pytest.mark.parametrize("form", ["range", "named"])
def test_sessions_of_changes_can_be_had_by_themselves(
    client: LocalClient, keyed: str, form: Any
) -> None:
    asked = of.Incremental(1, 2, "version", form=form)
    session = client.read_session(keyed, columns=["id"], incremental=asked)
    assert (session.info.latest_version, session.info.incremental) == (2, asked)
    assert [column.name for column in session.columns] == ["id", "__operation"]
    rows = [tuple(row.values()) for row in session.to_arrow().to_pylist()]
    assert sorted(rows) == [(2, 68), (2, 85), (3, 68), (4, 85)]
    with pytest.raises(ValueError, match="since=-1"):
        of.Incremental(-1)


def test_a_service_that_does_not_tell_operations() -> None:
    found = told_apart(pa.table({"id": [1, 2]}), ["id"])
    assert found["_op"].to_pylist() == ["upsert", "upsert"]


@pytest.mark.parametrize(
    ("ids", "marks", "message"),
    [([1, 1], [85, 85], "several changes of one key"), ([1], [7], "expected 85 and 68")],
)
def test_operations_that_make_no_sense(ids: list[int], marks: list[int], message: str) -> None:
    rows = pa.table({"id": ids, "__operation": pa.array(marks, pa.int8())})
    with pytest.raises(of.ProtocolError, match=message):
        told_apart(rows, ["id"])


row = st.tuples(st.integers(0, 4), st.text("ab", max_size=1))
call = st.tuples(
    st.sampled_from(["upsert", "delete", "overwrite_partitions", "truncate", "drop"]),
    st.lists(row, max_size=4, unique_by=lambda each: each[0]),
    st.sampled_from("xy"),
)


def carried_out(
    rows: dict[tuple[int, str], str], frame: pd.DataFrame
) -> dict[tuple[int, str], str]:
    """Carry changes out on a table; each must fit to what is there."""
    after = dict(rows)
    for key, value, part, operation in frame.itertuples(index=False, name=None):
        assert ((key, part) in after) == (operation != "insert")
        if operation == "delete":
            assert after.pop((key, part)) == value
        else:
            after[key, part] = value
    return after


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(call, max_size=5))
def test_changes_lead_from_any_version_to_any_later_one(
    client: LocalClient, calls: list[tuple[str, list[tuple[int, str]], str]]
) -> None:
    name = "changed_by_chance"
    client.drop_table(name, if_exists=True)
    schema = {"id": "bigint", "v": "string"}
    table = client.create_table(name, schema, partition_by={"pt": "string"}, primary_key=["id"])
    chain: dict[tuple[int, str], str] = {}
    token: Any = table.version
    states: dict[int, dict[tuple[int, str], str]] = {table.version: {}}
    for kind, rows, part in calls:
        data = pd.DataFrame(
            {"id": pd.array([n for n, _ in rows], "Int64"), "v": [str(v) for _, v in rows]}
        ).assign(v=lambda frame: frame["v"].astype("str"))
        partition = f"pt={part}"
        table.create_partition(partition, if_not_exists=True)
        if kind == "truncate":
            table.truncate(partition)
        elif kind == "drop":
            table.drop_partition(partition)
        elif kind == "overwrite_partitions":
            of.to_odps(data, name, mode="overwrite", partition=partition, client=client)
        else:
            where = "id >= 0" if kind == "delete" else None
            of.to_odps(
                data, name, mode="upsert", partition=partition, delete_where=where, client=client
            )
        found = of.read_odps_changes(name, since=token, client=client)
        chain, token = carried_out(chain, found.frame), found.next
        now = of.read_odps(name, client=client).itertuples(index=False, name=None)
        states[found.version] = {(key, part): value for key, value, part in now}
        assert chain == states[found.version]
    for since, before in states.items():
        for until, after in states.items():
            if since <= until:
                found = of.read_odps_changes(name, since=since, until=until, client=client)
                assert carried_out(before, found.frame) == after
