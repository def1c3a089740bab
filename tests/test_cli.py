from __future__ import annotations

import json
import signal
import subprocess
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

import odps_frames as of
from odps_frames.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"odps-frames {version('odps-frames')}\n"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "COMMAND"),
        (["fly"], "'fly'"),
        (["serve", "--port", "65536"], "not a port: '65536'"),
        (["serve", "--port", "-1"], "not a port: '-1'"),
        (["serve", "--access-id", "me"], "--access-id needs a secret: give --secret-file"),
        (["serve", "--secret", "word"], "--secret belongs to an --access-id"),
        (["serve", "--secret-file", "x"], "--secret-file belongs to an --access-id"),
        (["serve", "--secret", "a", "--secret-file", "b"], "not allowed with"),
        (["serve", "--quiet", "--log-level", "debug"], "not allowed with"),
        (["serve", "--log-level", "loud"], "'loud'"),
        (["serve", "--grace", "-1"], "not a number of seconds: '-1'"),
        (["sql"], "SQL"),
        (["sql", "select 1", "--limit", "-1"], "not a number of rows"),
        (["sql", "select 1", "--path", "x", "--endpoint", "http://x"], "embedded service"),
    ],
)
def test_arguments_without_sense_end_with_status_2(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert complaint in capsys.readouterr().err


def test_an_error_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file"
    file.write_text("no folder")
    assert main(["serve", "--path", str(file)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("odps-frames: ")
    assert err.count("\n") == 1
    assert str(file) in err


def test_an_error_comes_whole_when_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("no folder")
    with pytest.raises((OSError, of.OdpsError)):
        main(["serve", "--path", str(file), "--traceback"])


def test_demo_ends_with_equal_frames(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "http://127.0.0.1:" in lines[0]
    assert all(len(line) <= 80 for line in lines[1:-1])
    assert lines[-1].startswith("the frame that came back equals the frame that went in: 336,776")
    assert "assert_frame_equal" in lines[-1]


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "odps_frames", "serve", "--path", str(tmp_path), "--json"]
    with subprocess.Popen(  # noqa: S603  our own command
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline()


def test_a_served_folder_is_reached_by_any_client(serving: subprocess.Popen[str]) -> None:
    facts = json.loads(first_line(serving))
    client = of.connect(
        facts["endpoint"],
        project=facts["project"],
        access_id=facts["access_id"],
        secret_access_key=facts["secret_access_key"],
        set_as_default=False,
    )
    with client:
        assert not client.exists("t")
        client.create_table("t", {"id": "bigint"})
        assert client.exists("t")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serving_ends_in_good_order(serving: subprocess.Popen[str], number: int) -> None:
    first_line(serving)
    serving.send_signal(number)
    _, err = serving.communicate(timeout=30)
    assert serving.returncode == 0
    assert [line.split()[2] for line in err.splitlines()] == ["INFO", "INFO"]


def test_sql_shows_rows_that_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    path = ["--path", str(tmp_path)]
    assert main(["sql", "CREATE TABLE t (a BIGINT, b STRING)", *path]) == 0
    capsys.readouterr()
    long = "x" * 500
    assert main(["sql", f"SELECT 7 AS a, '{long}' AS b, 1 c, 2 d, 3 e, 4 f, 5 g", *path]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 60 for line in lines)
    assert lines[-1] == "1 rows"
    assert main(["sql", "SELECT a FROM t", *path]) == 0
    assert capsys.readouterr().out.endswith("0 rows\n")
    many = "SELECT x FROM (VALUES (1), (2), (3)) AS q(x) ORDER BY x"
    assert main(["sql", many, "--limit", "2", *path]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "2+ rows"


def test_sql_prints_values_that_json_has_no_word_for_as_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sql = (
        "SELECT exp(1000) AS a, x'00ff' AS b, map(date'2020-01-01', array(1.5BD)) AS c, "
        "map(1, true) AS d"
    )
    assert main(["sql", sql, "--json", "--path", str(tmp_path)]) == 0
    row = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert row == {"a": "inf", "b": "00ff", "c": {"2020-01-01": ["1.5"]}, "d": {"1": True}}


def test_sql_prints_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = ["--path", str(tmp_path), "--json"]
    sql = "SELECT 1 AS a, '杭州' AS b, date'2020-01-01' AS c, map('k', 1.5BD) AS d"
    assert main(["sql", sql, *path]) == 0
    row = {"a": 1, "b": "杭州", "c": "2020-01-01", "d": {"k": "1.5"}}
    assert json.loads(capsys.readouterr().out) == row
    assert main(["sql", "CREATE TABLE t (a INT)", *path]) == 0
    assert json.loads(capsys.readouterr().out) == {"text": ""}
    assert main(["sql", "SELECT nope", *path]) == 1
    assert "[1,8]" in capsys.readouterr().err
