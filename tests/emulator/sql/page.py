"""Write docs/sql.md: the SQL of the embedded service, each part with a statement that proves it.

The statements stand in the folder ``corpus`` beside this file and say what they cover: functions
by their names, everything else in capitals. Run it without arguments to write the page, and with
``--check`` to learn what no statement proves, what is unknown, and whether the page is out of date.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from odps_frames.emulator.sql.aggregates import AGGREGATES, GROUPINGS
from odps_frames.emulator.sql.functions import FUNCTIONS
from odps_frames.emulator.sql.known_functions import KNOWN_FUNCTIONS
from odps_frames.emulator.sql.rankings import RANKINGS
from odps_frames.emulator.sql.table_functions import TABLE_FUNCTIONS

FOLDER = Path(__file__).resolve().parent / "corpus"
PAGE = FOLDER.parents[3] / "docs" / "sql.md"
SHOWN_LETTERS = 110
TABLE = ("| | example | gives | statements |", "|---|---|---|---|")
ORDER = (
    *("select", "joins", "groups", "windows", "lateral", "operators", "decimals", "casts"),
    *("text", "patterns", "numbers", "bytes", "dates", "date_texts", "arrays", "maps", "json"),
    *("choices", "insert", "update", "merge", "ddl", "views", "show"),
)
HEAD = """# SQL of the embedded service

What the embedded service understands of MaxCompute SQL. Made by
`python tests/emulator/sql/page.py` from the statements that the tests run, each with the answer of
MaxCompute's documentation; the tests fail when a function has no statement, or this page is out of
date. Whatever is not here is refused by name with `ODPS-0130071`; nothing is ever handed on to mean
something else.
"""


def main(arguments: list[str]) -> int:
    """Write the page, or tell what is wrong with it."""
    areas = read_areas()
    functions = all_functions()
    covered = {name for area in areas for case in area["cases"] for name in case["covers"]}
    faults = [
        *(f"no statement covers {name!r}" for name in sorted(functions - covered)),
        *(
            f"no such function: {name!r}"
            for name in sorted(covered - functions)
            if name.lower() == name
        ),
    ]
    page = page_of(areas)
    if "--check" not in arguments:
        PAGE.write_text(page, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page:
        faults.append("docs/sql.md is out of date; run python tests/emulator/sql/page.py")
    for fault in faults:
        sys.stderr.write(fault + "\n")
    return 1 if faults else 0


def read_areas() -> list[dict[str, Any]]:
    """Return the files of the corpus in the order of the page.

    Raises
    ------
    ValueError
        For a file that has no place there.
    """
    if wrong := {path.stem for path in FOLDER.glob("*.json")}.symmetric_difference(ORDER):
        msg = f"the corpus and the order of the page differ by {sorted(wrong)}"
        raise ValueError(msg)
    paths = [FOLDER / f"{stem}.json" for stem in ORDER]
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def page_of(areas: list[dict[str, Any]]) -> str:
    """Return the page."""
    n_statements = sum(len(area["cases"]) for area in areas)
    lines = [HEAD, f"There are {n_statements:,} such statements.", ""]
    for area in areas:
        lines += [f"## {area['note']}", "", *TABLE]
        for name, cases in by_name(area).items():
            shown = min(cases, key=lambda case: ("error" in case, len(str(case))))
            lines.append(f"| `{name}` | {example_of(name, shown)} | {len(cases)} |")
        lines.append("")
    missing = sorted(KNOWN_FUNCTIONS - all_functions())
    lines += ["## Functions that MaxCompute has and this service does not", ""]
    lines += ["Refused by name: " + ", ".join(f"`{name}`" for name in missing) + ".", ""]
    return "\n".join(lines)


def all_functions() -> set[str]:
    """Return the names of all functions that there are."""
    return {*FUNCTIONS, *AGGREGATES, *GROUPINGS, *RANKINGS, *TABLE_FUNCTIONS}


def by_name(area: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the statements of each part, parts in alphabetical order."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for case in area["cases"]:
        for name in case["covers"]:
            found[name].append(case)
    return dict(sorted(found.items()))


def example_of(name: str, case: dict[str, Any]) -> str:
    """Return the statement that does it, and what it gives, as two cells."""
    first = name.partition(" ")[0].lower()
    before = [*case.get("does", ()), *case.get("given", ())]
    does = next((sql for sql in before if sql.lower().startswith(first)), None)
    asks = case["sql"].lower().startswith(first)
    if does is None or asks or name.islower():
        return f"{code(case['sql'])} | {code(answer_of(case))}"
    return f"{code(does)} | then {code(case['sql'])}: {code(answer_of(case))}"


def answer_of(case: dict[str, Any]) -> str:
    """Return what a statement gives, on one line."""
    if "error" in case:
        return f"error: {case['error']}"
    if "text" in case:
        return str(case["text"])
    return "; ".join(", ".join(map(value_text, row)) for row in case["rows"]) or "no rows"


def value_text(value: Any) -> str:
    """Return a value; a tag says its type and is left out."""
    if value is None:
        return "NULL"
    if isinstance(value, dict) and len(value) == 1:
        return value_text(next(iter(value.values())))
    return json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value


def code(text: str) -> str:
    """Return a text as code in a cell of a table, cut where it is long."""
    line = " ".join(text.split())
    short = line if len(line) <= SHOWN_LETTERS else line[: SHOWN_LETTERS - 1] + "…"
    fence = "``" if "`" in short else "`"
    pad = " " if fence == "``" else ""
    return f"{fence}{pad}{short}{pad}{fence}".replace("|", "\\|") if short else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
