"""Statements that change rows, and a process that is killed among them."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import odps_frames as of
from odps_frames.client import CURRENT

if TYPE_CHECKING:
    from pathlib import Path

N_ROWS = 500
ROUNDS = """
import sys
import odps_frames as of

client = of.local(sys.argv[1], project="proj")
for number in range(int(sys.argv[2]), 10_000):
    client.sql(
        f"from (select id from base) q insert into a select id + {number} "
        f"insert into b partition (p) select id, {number}"
    )
    client.sql(f"update c set v = {number}")
    print(number, flush=True)
"""


@pytest.mark.parametrize("acknowledged", [1, 3])
def test_what_was_acknowledged_is_there_and_nothing_by_halves(
    tmp_path: Path, acknowledged: int
) -> None:
    with of.local(tmp_path, project="proj") as client:
        CURRENT.forget(client)
        for sql in (
            "create table a (id bigint)",
            "create table b (id bigint) partitioned by (p bigint)",
            "create table c (id bigint, v bigint) tblproperties ('transactional'='true')",
            "create table base (id bigint)",
        ):
            client.sql(sql)
        values = ", ".join(f"({number})" for number in range(N_ROWS))
        client.sql(f"insert into base values {values}")
        client.sql("insert into c select id, -1 from base")
    command = [sys.executable, "-c", ROUNDS, str(tmp_path), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  our own words
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(acknowledged)]
        process.kill()
        last = int([*said, *process.stdout][-1])
    with of.local(tmp_path, project="proj") as client:
        CURRENT.forget(client)
        (counts,) = (
            client.sql(
                "select count(*) n, (select count(*) from b) m, (select max(p) from b) p from a"
            )
            .result()
            .to_pylist()
        )
        assert counts["n"] == counts["m"] == N_ROWS * (counts["p"] + 1)
        assert counts["p"] in (last, last + 1)
        rows = client.sql("select v, count(*) as n from c group by v").result().to_pylist()
        assert [row["n"] for row in rows] == [N_ROWS]
        assert counts["p"] - 1 <= rows[0]["v"] <= counts["p"]
