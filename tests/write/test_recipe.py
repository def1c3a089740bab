"""A session shared by its recipe: workers write, the owner commits what it is told."""

from __future__ import annotations

import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import odps_frames as of

if TYPE_CHECKING:
    from odps_frames.local import LocalClient
    from odps_frames.write.block import StreamReceipt
    from odps_frames.write.recipe import SessionRecipe

PARTS = 4
SCHEMA = pa.schema([("id", pa.int64())])


def part(number: int, n_rows: int = 100) -> pa.RecordBatch:
    return pa.record_batch({"id": range(number * n_rows, (number + 1) * n_rows)}, schema=SCHEMA)


def write_part(recipe: SessionRecipe, number: int) -> StreamReceipt:
    with recipe.open_stream(schema=SCHEMA) as writer:
        writer.write(part(number))
    return writer.receipt


def write_and_fail(recipe: SessionRecipe, number: int) -> StreamReceipt:
    write_part(recipe, number)
    raise RuntimeError("the task failed after it wrote")


@pytest.fixture
def ids(client: LocalClient, table: str) -> Any:
    client.create_table(table, {"id": "bigint"})
    return lambda: sorted(of.read_odps(table, client=client)["id"].tolist())


def test_processes_write_and_the_owner_commits_once(
    client: LocalClient, table: str, ids: Any
) -> None:
    context = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(2, mp_context=context) as pool,
        client.write_session(table) as session,
    ):
        receipts = list(pool.map(write_part, repeat(session.recipe()), range(PARTS)))
        assert ids() == []
        session.accept(receipts)
    assert ids() == list(range(PARTS * 100))
    assert [receipt.n_rows for receipt in receipts] == [100] * PARTS


def test_a_task_that_is_tried_again_adds_nothing(client: LocalClient, table: str, ids: Any) -> None:
    with client.write_session(table) as session:
        recipe = session.recipe()
        with pytest.raises(RuntimeError, match="after it wrote"):
            write_and_fail(recipe, 0)
        write_part(recipe, 0)  # an answer that was lost on its way to the owner
        receipt = write_part(recipe, 0)
        session.accept([receipt, pickle.loads(pickle.dumps(receipt))])  # noqa: S301  our own
    assert ids() == list(range(100))


def test_a_commit_without_any_receipt_is_refused(client: LocalClient, table: str, ids: Any) -> None:
    session = client.write_session(table)
    write_part(session.recipe(), 0)
    with pytest.raises(ValueError, match=r"no receipt came back: accept\(\)"):
        session.commit()
    session.commit("closed")
    assert ids() == list(range(100))


def test_receipts_of_another_session_are_refused(client: LocalClient, table: str, ids: Any) -> None:
    one, other = client.write_session(table), client.write_session(table)
    receipt = write_part(one.recipe(), 0)
    with pytest.raises(ValueError, match="it was written elsewhere"):
        other.accept([receipt])
    one.abort()
    other.abort()
    assert ids() == []


def test_a_receipt_is_of_a_closed_writer(client: LocalClient, table: str, ids: Any) -> None:
    session = client.write_session(table)
    writer = session.recipe().open_stream(schema=SCHEMA)
    writer.write(part(0))
    with pytest.raises(ValueError, match="close"):
        _ = writer.receipt
    session.abort()
    assert ids() == []


def test_recipes_hold_no_secret_that_was_not_to_travel(
    client: LocalClient, table: str, ids: Any
) -> None:
    secret = client.config.secret_access_key
    assert secret is not None
    careful = of.connect(
        client.config.endpoint,
        project=client.config.project,
        access_id=client.config.access_id,
        secret_access_key=secret,
        set_as_default=False,
    )
    session = careful.write_session(table)
    recipe = session.recipe()
    assert secret.encode() not in pickle.dumps(recipe)
    assert secret not in repr(recipe)
    session.abort()
    assert ids() == []


def test_exactly_once_sessions_are_shared_too(client: LocalClient, table: str, ids: Any) -> None:
    with client.write_session(table, exactly_once=True) as session:
        session.accept([write_part(session.recipe(), 1)])
    assert ids() == list(range(100, 200))


def test_sessions_that_nobody_could_commit_have_no_recipe(
    client: LocalClient, table: str, ids: Any
) -> None:
    numbered = client.write_session(table, mode="batch_compatible")
    with pytest.raises(ValueError, match="numbered blocks"):
        numbered.recipe()
    numbered.abort()
    assert ids() == []
