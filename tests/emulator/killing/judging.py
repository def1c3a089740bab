"""What must hold in a folder whose service was killed: read from its log and from its tables."""

from __future__ import annotations

import importlib
import io
import json
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from odps_frames.emulator.catalog.blobs import blob_files
from odps_frames.emulator.catalog.contents import known_files, list_partitions
from odps_frames.emulator.catalog.tables import find_table
from odps_frames.model.blob import BlobRef
from odps_frames.model.read import Incremental
from odps_frames.model.table import InstanceRef
from odps_frames.wire import blobs
from odps_frames.wire.checksum import BlockReader

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

actors: Any = importlib.import_module("actors")  # it stands beside this script
ALL = 1 << 30


class Judge:
    """Compares the tables with what their writers were told.

    ``resolved`` has, for each table, what became of operations that nobody was told about.
    """

    def __init__(self, service: Any, lines: list[dict[str, Any]], notes: Path) -> None:
        self._service = service
        self._lines = lines
        self._notes = notes
        self._before = json.loads(notes.read_text()) if notes.exists() else {}
        self.resolved: dict[str, Any] = {"d": len(actors.DEFINITIONS) - 1, "lost": []}
        for line in lines:
            self.resolved |= line.get("resolved", {})

    def judge(self) -> None:
        self.no_orphans()
        lost = set(self.resolved["lost"])
        for table in ("plain", "old"):
            lost |= self.batches(table, lost)
        lost |= self.pictures(lost)
        self.resolved["lost"] = sorted(lost)
        self.one_generation()
        self.keys()
        self.numbered_rows()
        self.definition()
        self.results()
        self.snapshots()
        self.changes()
        self.no_orphans()

    def _rows(self, table: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._service.preview(table, limit=ALL).to_pylist()
        return found

    def _begun(self, kind: str) -> list[int]:
        return [
            line["begin"] for line in self._lines if line.get("kind") == kind and "begin" in line
        ]

    def _acked(self, kind: str) -> list[dict[str, Any]]:
        return [line for line in self._lines if line.get("kind") == kind and "ack" in line]

    def no_orphans(self) -> None:
        store = self._service.emulator.store
        with store.database.read() as connection:
            known = {"files": known_files(connection), "blobs": blob_files(connection)}
        for name, names in known.items():
            found = {path.name for path in (store.path / name).iterdir()}
            assert found == set(names), (name, found ^ set(names))
        assert list((store.path / "scratch").iterdir()) == []

    def batches(self, table: str, lost: set[int]) -> set[int]:
        """Each batch is there once and whole, or not at all; return those that are not."""
        rows = self._rows(table)
        found = Counter((row["a"], row["i"], row.get("pt")) for row in rows)
        present = {row["a"] for row in rows}
        whole = Counter(
            (number, i, "xy"[i % 2] if table == "plain" else None)
            for number in present
            for i in range(actors.BATCH)
        )
        assert found == whole, (table, found - whole, whole - found)
        return self._settled(table, present, lost)

    def _settled(self, table: str, present: set[int], lost: set[int]) -> set[int]:
        acked = {line["ack"] for line in self._acked(table)}
        begun = set(self._begun(table))
        assert acked <= present <= begun, (table, acked - present, present - begun)
        assert not present & lost, (table, present & lost)
        return begun - present

    def pictures(self, lost: set[int]) -> set[int]:
        rows = self._rows("pics")
        present = {row["a"] for row in rows}
        assert len(present) == len(rows)
        for row in rows[-12:]:
            assert self._blob(row["p"]) == actors.picture(row["a"]), row["a"]
        return self._settled("pics", present, lost)

    def _blob(self, ref: bytes) -> bytes:
        response = self._service.send(blobs.encode_read_blobs([BlobRef.parse(ref)]))
        assert response.ok, response.read()
        content, window = io.BytesIO(), memoryview(bytearray(4096))
        body = BlockReader(response.body)
        with response:
            while got := body.readinto(window):
                content.write(window[:got])
        return content.getvalue()

    def _candidates(self, kind: str) -> tuple[int | None, list[int]]:
        """Return the last operation that landed for sure, and those after it that may have."""
        last: int | None = self.resolved.get(kind)
        open_: list[int] = []
        for line in self._lines:
            if kind in line.get("resolved", {}):
                last, open_ = line["resolved"][kind], []
            elif line.get("kind") == kind and "begin" in line:
                open_.append(line["begin"])
            elif line.get("kind") == kind and "ack" in line:
                last, open_ = line["ack"], []
        assert len(open_) <= 1, open_
        return last, open_

    def one_generation(self) -> None:
        """An overwrite took all partitions and streams, or none."""
        last, open_ = self._candidates("over")
        rows = self._rows("over")
        generations = {row["a"] for row in rows}
        assert len(generations) <= 1, generations
        found = generations.pop() if generations else None
        assert found in (last, *open_), (found, last, open_)
        expected = [] if found is None else actors.batch(found).to_pylist()
        assert sorted(rows, key=str) == sorted(expected, key=str)
        self.resolved["over"] = found

    def keys(self) -> None:
        """Keys are unique, and each has what the last commit said."""
        rows = self._rows("keyed")
        found = {row["a"]: row["i"] for row in rows}
        assert len(found) == len(rows)
        state: dict[int, int | None] = {int(k): v for k, v in self.resolved.get("keys", {}).items()}
        ready = self.resolved.get("keyed")
        _, open_ = self._candidates("keyed")
        for number in [line["ack"] for line in self._acked("keyed")]:
            if ready is None or number > ready:
                state |= actors.upserts(number)
        states = [state, *(state | actors.upserts(number) for number in open_)]
        for number, one in zip((None, *open_), states, strict=True):
            if {key: value for key, value in one.items() if value is not None} == found:
                last = [*(line["ack"] for line in self._acked("keyed")), *open_]
                self.resolved["keyed"] = max(last, default=number)
                self.resolved["keys"] = found
                return
        raise AssertionError(found, states)

    def numbered_rows(self) -> None:
        """Rows of an exactly-once stream are there once each, as far as was acknowledged."""
        found = sorted(row["a"] for row in self._rows("flow"))
        assert found == list(range(len(found)))
        acked = max((line["until"] for line in self._acked("flow")), default=0)
        begun = [line["until"] for line in self._lines if line.get("kind") == "flow"]
        assert acked <= len(found) <= max((u for u in begun), default=0), (acked, len(found))

    def definition(self) -> None:
        """A definition was carried out whole, or not at all."""
        place = self.resolved["d"]
        open_: list[int] = []
        for line in self._lines:
            if "d" in line.get("resolved", {}):
                place, open_ = line["resolved"]["d"], []
            elif line.get("kind") == "d" and "begin" in line:
                open_.append(line["place"])
            elif line.get("kind") == "d" and "ack" in line:
                place, open_ = line["place"], []
        store = self._service.emulator.store
        with store.database.read() as connection:
            table = find_table(connection, self._service.ref("d"))
            found = None
            if table is not None:
                n_partitions = len(list(list_partitions(connection, table.id)))
                found = [len(table.columns), n_partitions]
        landed = [one for one in (*open_, place) if actors.STATES[one] == found]
        assert landed, (found, place, open_)
        self.resolved["d"] = landed[0]

    def results(self) -> None:
        """Results that were told are there; queries that were cut short say so."""
        for line in self._acked("query")[-3:]:
            if line["until"] > time.time():
                found = actors.result_of(self._service, InstanceRef("demo", line["instance"]))
                assert found == line["text"], (line, found)
        store = self._service.emulator.store
        with store.database.read() as connection:
            query = "SELECT count(*) FROM instances WHERE status = 'Running'"
            assert connection.execute(query).fetchone()[0] == 0

    def snapshots(self) -> None:
        """Sessions that live read what they read before, to the same splits."""
        for line in self._acked("look")[-6:]:
            if line["until"] > time.time():
                found = actors.splits(self._service, line["table"], line["session"], line["splits"])
                assert found == line["digest"], line

    def changes(self) -> None:
        """Changes since the last judgement lead from the rows of then to those of now."""
        notes = {}
        for table in ("plain", "keyed"):
            rows = Counter((row["a"], row["i"]) for row in self._rows(table))
            before = self._before.get(table)
            if before is not None:
                since = Incremental(since=before["version"])
                changed = self._service.read(table, incremental=since)
                assert _carried_out(before["rows"], changed) == rows, table
            version = self._service.open_read(table).latest_version
            notes[table] = {"version": version, "rows": list(rows.elements())}
        fresh = self._notes.with_suffix(".new")
        fresh.write_text(json.dumps(notes))
        fresh.rename(self._notes)


def _carried_out(before: list[list[int]], changed: pa.Table) -> Counter[tuple[int, int]]:
    rows = Counter((a, i) for a, i in before)
    for row in changed.to_pylist():
        rows[row["a"], row["i"]] += 1 if row["__operation"] == 85 else -1
    assert min(rows.values(), default=0) >= 0
    return +rows
