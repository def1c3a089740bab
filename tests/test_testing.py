"""The pytest plugin, used by a project that is not ours."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pytest

import odps_frames as of
from odps_frames.emulator.faults import Fault, Refuse
from odps_frames.model.types import parse_type
from odps_frames.testing import OdpsService, TableFactory, default_client, running_service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run pytest in a folder of another project, where every warning is an error."""

    def run_pytest(
        *options: str, env: dict[str, str] | None = None, **files: str
    ) -> tuple[int, str]:
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:randomly"]
        done = subprocess.run(  # noqa: S603  our own program
            [*command, *options],
            cwd=tmp_path,
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    return run_pytest


USES_ALL = """
import pandas as pd
import pytest

@pytest.mark.parametrize("n", range(3))
def test_that_each_has_its_own(odps_service, odps_client, odps_table, n):
    assert odps_client.tables() == []
    odps_table(pd.DataFrame({"id": [1, 2], "pt": ["a", "b"]}), "sales", partition_by="pt")
    assert len(pd.read_odps("sales", partitions="pt=a")) == 1
    assert odps_service.project == "demo"

def test_that_uses_none():
    pass
"""


@pytest.mark.parametrize("workers", ["0", "2"])
def test_installing_it_is_enough(run: Run, workers: str) -> None:
    status, said = run("-n", workers, test_all=USES_ALL)
    assert status == 0, said
    assert "4 passed" in said


@pytest.mark.parametrize("alone", ["", "1"])
def test_one_line_is_enough_where_plugins_are_not_loaded(run: Run, alone: str) -> None:
    status, said = run(
        env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": alone} if alone else None,
        conftest='pytest_plugins = ["odps_frames.testing"]\n',
        test_all=USES_ALL,
    )
    assert status == 0, said


def test_it_can_be_left_out(run: Run) -> None:
    status, said = run("-p", "no:odps_frames", test_all=USES_ALL)
    assert status == 1
    assert "fixture 'odps_service' not found" in said
    assert "1 passed" in said


def test_who_uses_none_of_it_imports_nothing(run: Run) -> None:
    test = """
import sys

def test_nothing_is_there(pytestconfig):
    assert pytestconfig.pluginmanager.has_plugin("pytest_odps_frames")
    assert not {"odps_frames", "pandas", "pyarrow", "requests", "duckdb"} & set(sys.modules)
"""
    status, said = run("-p", "no:hypothesispytest", test_nothing=test)
    assert status == 0, said


SHARED = """
import odps_frames as of
import pytest
from odps_frames.emulator.faults import Fault, Refuse

def test_first(odps_service, odps_table):
    table = odps_table({"id": [1]}, "dropped")
    odps_service.faults.add(Fault(effect=Refuse(403, "NoPermission"), times=None))
    with odps_service.connect(max_attempts=1) as client, pytest.raises(of.PermissionDenied):
        client.tables()
    odps_service.seen = True

def test_second(odps_service, odps_client):
    assert odps_service.seen
    assert odps_service.faults.hits == ()
    assert odps_client.tables() == []
"""


@pytest.mark.parametrize("way", ["option", "file"])
def test_tests_may_share_a_service(run: Run, tmp_path: Path, way: str) -> None:
    options = ["--odps-service-scope=module"]
    if way == "file":
        (tmp_path / "pytest.ini").write_text("[pytest]\nodps_service_scope = session\n")
        options = []
    status, said = run(*options, test_shared=SHARED)
    assert status == 0, said


def test_settings_by_a_fixture_and_by_an_option(run: Run) -> None:
    conftest = """
import pytest

@pytest.fixture(scope="session")
def odps_service_settings(odps_service_settings):
    return {**odps_service_settings, "projects": ["other"]}
"""
    test = """
def test_projects(odps_service, odps_table):
    assert odps_service.project == "sales"
    odps_table({"id": "bigint"}, "other.t")
    assert odps_service.connect(project="other").tables() == ["t"]
"""
    status, said = run("--odps-project", "sales", conftest=conftest, test_projects=test)
    assert status == 0, said


def test_an_unknown_scope_is_an_error_of_usage(run: Run, tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nodps_service_scope = file\n")
    status, said = run(test_all=USES_ALL)
    assert status == pytest.ExitCode.USAGE_ERROR
    assert "odps_service_scope='file'; expected one of ['function'," in said


def test_unknown_settings_are_named() -> None:
    with (
        pytest.raises(of.ConfigError, match=r"no settings \['nonsense'\]; it has \['project'"),
        running_service(nonsense=1),
    ):
        pass


@pytest.fixture(scope="module")
def service() -> Iterator[OdpsService]:
    with running_service() as running:
        yield running


@pytest.fixture
def made(service: OdpsService) -> Iterator[TableFactory]:
    with default_client(service.connect()) as client:
        factory = TableFactory(client)
        yield factory
        factory.close()
        assert client.tables() == []


@pytest.mark.parametrize(
    "content",
    [
        pd.DataFrame({"id": [1, 2], "pt": ["a", "b"]}),
        pa.table({"id": [1, 2], "pt": ["a", "b"]}),
        pa.table({"id": [1, 2], "pt": ["a", "b"]}).to_reader(),
        {"id": [1, 2], "pt": ["a", "b"]},
        [{"id": 1, "pt": "a"}, {"id": 2, "pt": "b"}],
    ],
)
def test_tables_out_of_rows(made: TableFactory, content: object) -> None:
    table = made(content, partition_by="pt", comment="two rows", properties={"a": "b"}, lifecycle=3)
    assert [str(partition) for partition in table.partitions()] == ["pt=a", "pt=b"]
    assert of.read_odps(table.name).values.tolist() == [[1, "a"], [2, "b"]]
    assert table.info.comment == "two rows"
    assert table.info.lifecycle == 3


@pytest.mark.parametrize(
    ("content", "partition_by"),
    [
        ({"id": "bigint", "pt": "string"}, "pt"),
        ({"id": parse_type("bigint"), "pt": "string"}, ["pt"]),
        ({"id": "bigint"}, {"pt": "string"}),
        (pa.table({"id": [1], "pt": ["a"]}).schema, "pt"),
        (pa.table({"id": [1]}).schema, {"pt": "string"}),
        (of.TableSchema((of.Column("id", parse_type("bigint")),)), {"pt": "string"}),
    ],
)
def test_tables_out_of_columns(
    made: TableFactory, content: object, partition_by: str | list[str] | dict[str, str]
) -> None:
    table = made(content, partition_by=partition_by)
    assert [f"{c.name} {c.type}" for c in table.schema.columns] == ["id bigint"]
    assert [f"{c.name} {c.type}" for c in table.schema.partition_columns] == ["pt string"]
    assert of.read_odps(table.name).empty


def test_types_keys_and_buckets(made: TableFactory) -> None:
    rows = {"id": [1, 2], "price": [1.5, None], "day": [20260101, 20260102]}
    keyed = made(
        rows, "keyed", primary_key="id", partition_by={"day": "int"}, odps_types={"price": "float"}
    )
    assert keyed.info.schema.column("price").type == parse_type("float")
    assert keyed.info.schema.column("day").type == parse_type("int")
    of.to_odps(
        pd.DataFrame({"id": [1], "price": [2.0], "day": [20260101]}),
        "keyed",
        mode="upsert",
        partition_cols="day",
    )
    assert len(of.read_odps("keyed")) == 2
    clustered = made(rows, buckets={"columns": ["id"], "n": 4})
    assert clustered.buckets is not None


def test_a_table_that_the_test_dropped_itself(made: TableFactory) -> None:
    made({"id": "bigint"}).drop()


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ("sales", TypeError, r"'sales' makes no table; give rows .* first, then a name"),
        ([1, 2], TypeError, r"\[1, 2\] makes no table"),
        (None, TypeError, "None makes no table"),
        ({}, TypeError, "no columns; expected types or values by column"),
        ({"id": "bigit"}, ValueError, "bigit"),
        ({"id": "bigint"}, ValueError, r"partition_by='pt' is none of the columns \['id'\]"),
        ({"id": [1]}, of.SchemaMismatch, r"partition_cols=\['pt'\] are not in the data"),
    ],
)
def test_what_makes_no_table(
    made: TableFactory, content: object, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        made(content, partition_by="pt")


def test_a_name_that_is_taken(made: TableFactory) -> None:
    made({"id": [1]}, "taken")
    with pytest.raises(of.Conflict, match=r"demo\.taken already; give another name"):
        made({"id": [2]}, "taken")
    assert len(of.read_odps("taken")) == 1


def test_the_environment_leads_to_the_service(service: OdpsService) -> None:
    program = "import odps_frames as of; print(of.connect().tables())"
    done = subprocess.run(  # noqa: S603  our own program
        [sys.executable, "-c", program],
        env={**os.environ, **service.environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"
    operations = [request.operation for request in service.requests]
    assert operations[-1] == "ListTables"
    assert service.secret_access_key not in repr(service)


def test_faults_hit_the_client(service: OdpsService) -> None:
    service.faults.add(Fault(effect=Refuse(403, "NoPermission")))
    with service.connect() as client, pytest.raises(of.PermissionDenied):
        client.tables()
    service.faults.clear()
