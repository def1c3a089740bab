from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pytest

import odps_frames as of

if TYPE_CHECKING:
    from odps_frames.local import LocalClient

FRAME = pd.DataFrame({"id": [1, 2, 3], "pt": ["a", "b", "a"], "hh": ["1", "1", "2"]})


@pytest.fixture
def made(client: LocalClient, table: str) -> of.Table:
    made = client.create_table(
        table,
        {"id": "bigint", "price": "decimal(18,2)"},
        partition_by={"pt": "string", "hh": "string"},
        comment='it\'s <b>"sales"</b>',
        lifecycle=30,
    )
    of.to_odps(FRAME, table, fill_missing=True, client=client)
    return made


def test_what_a_table_says_of_itself(client: LocalClient, made: of.Table) -> None:
    assert made.name.startswith("demo.t_")
    assert made.schema.names == ("id", "price")
    assert made.schema.partition_names == ("pt", "hh")
    assert made.arrow_schema.types == [pa.int64(), pa.decimal128(18, 2), pa.string(), pa.string()]
    assert made.info.comment == 'it\'s <b>"sales"</b>'
    assert made.info.lifecycle == 30
    assert made.exists()
    assert made.ref.table in client.tables("t_")
    text = repr(made)
    assert "decimal(18,2)" in text
    assert "partitioned by" in text
    assert "<b>&quot;sales" not in text
    assert "&lt;b&gt;" in made._repr_html_()


def test_partitions(made: of.Table) -> None:
    assert [str(p) for p in made.partitions()] == ["pt=a,hh=1", "pt=a,hh=2", "pt=b,hh=1"]
    assert [str(p) for p in made.partitions("pt=a")] == ["pt=a,hh=1", "pt=a,hh=2"]
    made.create_partition("pt=c,hh=1")
    with pytest.raises(of.OdpsError):
        made.create_partition("pt=c,hh=1")
    made.create_partition("pt=c,hh=1", if_not_exists=True)
    made.drop_partition({"pt": "c", "hh": "1"})
    with pytest.raises(of.OdpsError):
        made.drop_partition("pt=c,hh=1")
    made.drop_partition("pt=c,hh=1", if_exists=True)
    assert len(made.partitions()) == 3


def test_rows(client: LocalClient, made: of.Table) -> None:
    assert made.preview(2).num_rows == 2
    assert made.scan().select("id").to_arrow().num_rows == 3
    assert made.scan(split_by=of.BySize(bytes=100), max_workers=2).to_arrow().num_rows == 3
    with pytest.raises(TypeError, match="nonsense"):
        made.scan(nonsense=1)
    assert client.preview(made.ref, 1, partition="pt=b", columns=["id"]).to_pylist() == [{"id": 2}]
    made.truncate("pt=a,hh=1")
    assert made.scan().to_arrow()["id"].to_pylist() == [3, 2]
    with pytest.raises(of.OdpsError):
        made.truncate("pt=nowhere,hh=1")


def test_a_table_goes_and_is_gone(client: LocalClient, made: of.Table) -> None:
    made.drop()
    assert not made.exists()
    assert not client.exists(made.ref)
    with pytest.raises(of.NotFound):
        made.drop()
    client.drop_table(made.ref, if_exists=True)


def test_definitions_that_cannot_be(client: LocalClient, table: str) -> None:
    with pytest.raises(ValueError, match="not a MaxCompute type"):
        client.create_table(table, {"id": "integer"})
    with pytest.raises(ValueError, match="twice"):
        client.create_table(table, {"id": "bigint", "ID": "bigint"})
    with pytest.raises(ValueError, match="not a name"):
        client.create_table("t; drop table x", {"id": "bigint"})
    assert not client.exists(table)
    client.create_table(table, {"id": "bigint"})
    with pytest.raises(of.OdpsError):
        client.create_table(table, {"id": "bigint"})
    client.create_table(table, {"other": "bigint"}, if_not_exists=True)
    assert client.table(table).schema.names == ("id",)
