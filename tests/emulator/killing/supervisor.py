"""Kills a service over and over, at moments that it chooses, and lets the next one judge.

Called with a folder, a number of kills and a seed; prints what was met as one line of JSON. Every
service is a fork of this process, which has imported everything, so that a kill costs little. The
moment is a random time, or that of an event in the folder, which the system tells: no line of the
service knows of it.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import json
import os
import random
import select
import signal
import struct
import sys
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import sqlglot

from odps_frames.emulator.app import Emulator
from odps_frames.emulator.sql import planning, running

actors: Any = importlib.import_module("actors")  # it stands beside this script
judging: Any = importlib.import_module("judging")
HERE = Path(__file__).parent
PRELOADED = (duckdb, sqlglot, planning, running)
MODIFY, MOVED, CREATE, DELETE = 0x2, 0x80, 0x100, 0x200
EVENTS = {
    "file begun": ("files", CREATE, ".part"),
    "file named": ("files", MOVED, ""),
    "file deleted": ("files", DELETE, ""),
    "blob begun": ("blobs", CREATE, ".part"),
    "blob named": ("blobs", MOVED, ""),
    "log of the catalog written": (".", MODIFY, "-wal"),
    "catalog written": (".", MODIFY, "catalog.sqlite"),
}
COMMITS = {f"commit of {kind}": kind for kind in ("plain", "over", "keyed", "pics", "old")}
PATIENCE = 0.4
COMMIT_SECONDS = 0.05
SESSION_SECONDS = 30


class Watch:
    """Tells what happens in a folder, as the system sees it."""

    def __init__(self, folder: Path) -> None:
        self._system = ctypes.CDLL(None, use_errno=True)
        self.handle = self._system.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self._names = {}
        for name in ("files", "blobs", ".", ".."):
            mask = MODIFY | MOVED | CREATE | DELETE
            path = str(folder / name).encode()
            self._names[self._system.inotify_add_watch(self.handle, path, mask)] = name

    def happened(self, seconds: float) -> list[tuple[str, int, str]]:
        """Wait for events and return them: where, what, and the name of the file."""
        if not select.select([self.handle], [], [], seconds)[0]:
            return []
        data, found, place = os.read(self.handle, 1 << 16), [], 0
        while place < len(data):
            watch, mask, _, length = struct.unpack_from("iIII", data, place)
            name = data[place + 16 : place + 16 + length].rstrip(b"\0").decode()
            found.append((self._names.get(watch, ""), mask, name))
            place += 16 + length
        return found

    def wait_for(self, kind: str, count: int, seconds: float) -> bool:
        """Wait until something happened so often."""
        where, what, ending = EVENTS[kind]
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            for folder, mask, name in self.happened(left):
                count -= folder == where and bool(mask & what) and name.endswith(ending)
                if count <= 0:
                    return True
        return False

    def wait_for_commit(self, log: str, kind: str, seconds: float) -> bool:
        """Wait until a caller says that it is about to commit."""
        start = os.stat(log).st_size  # noqa: PTH116  as it is opened
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if any(name == "log" for _, _, name in self.happened(left)):
                lines = actors.said(log, start)
                if any((one.get("step"), one.get("kind")) == ("commit", kind) for one in lines):
                    return True
        return False

    def close(self) -> None:
        os.close(self.handle)


def service_over(folder: Path) -> Any:
    """Open the folder, and speak to it in the words of the other tests."""
    spec: Any = importlib.util.spec_from_file_location("words", HERE.parent / "conftest.py")
    words = importlib.util.module_from_spec(spec)
    sys.modules["words"] = words
    spec.loader.exec_module(words)
    emulator = Emulator(folder, session_seconds=SESSION_SECONDS)
    return words.Service(emulator.send, emulator, words.Clock())


def live(folder: Path, log_path: str, seed: int, ready: int, *, last: bool) -> None:
    """Be the service: judge what is there, and go on until the kill."""
    log = actors.Log(log_path)
    try:
        service = service_over(folder / "tables")
        for sql in actors.TABLES.values():
            service.sql(sql)
        callers = actors.Actors(service, log, judged(service, folder, log_path, log), seed)
        os.write(ready, b".")
        if last:
            callers.take_turns()
            judged(service, folder, log_path, log)
            service.emulator.close()
            os._exit(0)
        callers.start()
        signal.pause()
    except BaseException:  # noqa: BLE001  whatever it is, it must be seen
        log.say(failure=traceback.format_exc())
    os._exit(3)


def judged(service: Any, folder: Path, log_path: str, log: Any) -> dict[str, Any]:
    """Judge what is there, and return what became of operations that nobody was told about."""
    judge = judging.Judge(service, actors.said(log_path), folder / "notes.json")
    judge.judge()
    log.say(resolved=judge.resolved)
    found: dict[str, Any] = judge.resolved
    return found


class Supervisor:
    """Starts services and kills them."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self._log = str(folder / "log")
        Path(self._log).touch()
        for name in ("files", "blobs"):
            (folder / "tables" / name).mkdir(parents=True, exist_ok=True)
        self._random = random.Random(seed)  # noqa: S311  nothing secret
        self.moments: Counter[str] = Counter()
        self.cut: Counter[str] = Counter()

    def kill_one(self, number: int) -> None:
        """Start a service and kill it at a moment that depends on the number."""
        start = os.stat(self._log).st_size  # noqa: PTH116  as it is opened
        watch = Watch(self._folder / "tables")
        told, ready = os.pipe()
        child = self._start(number, ready)
        try:
            self._await_moment(number, watch, told)
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os.close(told)
            watch.close()
        self._note(start)

    def finish(self) -> None:
        """Let a last service judge and end in peace."""
        told, ready = os.pipe()
        child = self._start(1 << 20, ready, last=True)
        os.close(told)
        _, status = os.waitpid(child, 0)
        self._note(0, count=False)
        assert status == 0, status

    def _start(self, number: int, ready: int, *, last: bool = False) -> int:
        child = os.fork()
        if not child:
            live(self._folder, self._log, number + 1, ready, last=last)
        os.close(ready)
        return child

    def _await_moment(self, number: int, watch: Watch, told: int) -> None:
        kinds = [*EVENTS, *COMMITS, "time", "opening"]
        kind = kinds[number % len(kinds)]
        if kind == "opening":  # also while files are swept and the judge reads
            time.sleep(self._random.uniform(0.002, 0.15))
        else:
            if os.read(told, 1) != b".":
                return  # it ended by itself, and says why
            watch.happened(0)
            if kind == "time":
                time.sleep(self._random.uniform(0.0, 0.12))
            elif kind in COMMITS:
                if watch.wait_for_commit(self._log, COMMITS[kind], PATIENCE):
                    n_writes = self._random.randint(0, 12)
                    watch.wait_for("log of the catalog written", n_writes, COMMIT_SECONDS)
                else:
                    kind = "time"
            elif not watch.wait_for(kind, self._random.randint(1, 5), PATIENCE):
                kind = "time"
        self.moments[kind] += 1

    def _note(self, start: int, *, count: bool = True) -> None:
        """Count what was under way, and stop where something was wrong."""
        steps: dict[tuple[str, int], str] = {}
        for line in actors.said(self._log, start):
            if "failure" in line:
                raise RuntimeError(line["failure"])
            if "begin" in line:
                steps[line["kind"], line["begin"]] = "begin"
            elif "step" in line:
                steps[line["kind"], line["number"]] = line["step"]
            elif "ack" in line:
                steps.pop((line["kind"], line["ack"]), None)
        if count:
            self.cut.update(f"{kind} {step}" for (kind, _), step in steps.items())


def main(folder: str, n_kills: str, seed: str) -> None:
    began = time.monotonic()
    supervisor = Supervisor(Path(folder), int(seed))
    for number in range(int(n_kills)):
        supervisor.kill_one(number)
    supervisor.finish()
    done = Counter(line["kind"] for line in actors.said(f"{folder}/log") if "ack" in line)
    facts = {
        "seconds": round(time.monotonic() - began, 1),
        "moments": supervisor.moments,
        "cut": supervisor.cut,
        "done": done,
    }
    sys.stdout.write(json.dumps(facts) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
