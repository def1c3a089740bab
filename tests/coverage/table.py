"""Write docs/coverage.md: where each part of the data model is, and which tests prove it.

The parts and their places stand in model.toml beside this file; the tests say what they prove by
``@pytest.mark.covers("ClassName.field")``. Run it without arguments to write the page, and with
``--check`` to learn what is missing, unknown or out of date.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

TESTS = Path(__file__).resolve().parent.parent
PAGE = TESTS.parent / "docs" / "coverage.md"
NEWER = "newer"
SHOWN_TESTS = 3
HEAD = """# Coverage of the data model

One row for every class, field and option of the data model of the Storage API: where it is in the
package, and the tests that prove it end to end. Made by `python tests/coverage/table.py` from the
`covers` markers of the tests; the tests fail when a row has no test, or this page is out of date.
"""


def main(arguments: list[str]) -> int:
    """Write the page, or tell what is wrong with it."""
    places = read_places()
    tests = read_tests()
    faults = [
        *(
            f"no such part of the model: {name!r}, in {tests[name][0]}"
            for name in sorted(tests)
            if name not in places
        ),
        *(f"no test covers {name!r}" for name in places if name not in tests),
        *(
            f"{name!r} is said to be at {place!r}; {fault}"
            for name, place in places.items()
            if (fault := fault_of(place))
        ),
    ]
    page = page_of(places, tests)
    if "--check" not in arguments:
        PAGE.write_text(page, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page:
        faults.append("docs/coverage.md is out of date; run python tests/coverage/table.py")
    for fault in faults:
        sys.stderr.write(fault + "\n")
    return 1 if faults else 0


def read_places() -> dict[str, str]:
    """Return the place of every part, by ``ClassName.field``; what is newer has no class."""
    text = Path(__file__).with_name("model.toml").read_text(encoding="utf-8")
    return {
        name if section == NEWER else f"{section}.{name}": place
        for section, rows in tomllib.loads(text).items()
        for name, place in rows.items()
    }


def read_tests() -> dict[str, list[str]]:
    """Return the tests that cover each part, without running any of them."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(TESTS.rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        where = path.relative_to(TESTS.parent).as_posix()
        common = [
            name
            for node in tree.body
            if isinstance(node, ast.Assign) and _assigns(node, "pytestmark")
            for name in _covered(node.value)
        ]
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                names = [name for mark in node.decorator_list for name in _covered(mark)]
                for name in dict.fromkeys([*names, *common]):
                    found[name].append(f"{where}::{node.name}")
    return found


def _assigns(node: ast.Assign, name: str) -> bool:
    return any(isinstance(target, ast.Name) and target.id == name for target in node.targets)


def _covered(node: ast.expr) -> Iterator[str]:
    """Yield the names in every ``pytest.mark.covers(...)`` below a node."""
    for call in ast.walk(node):
        function = getattr(call, "func", None)
        if isinstance(call, ast.Call) and getattr(function, "attr", None) == "covers":
            for argument in call.args:
                yield from (
                    one.value
                    for one in ast.walk(argument)
                    if isinstance(one, ast.Constant) and isinstance(one.value, str)
                )


def fault_of(place: str) -> str | None:
    """Tell why a place is none; None where it is there."""
    module, _, names = place.partition(":")
    try:
        found: Any = importlib.import_module(f"odps_frames.{module}")
    except ImportError as error:
        return str(error)
    for name in filter(None, names.split(".")):
        if not _has(found, name):
            return f"{name!r} is not there"
        found = getattr(found, name, None)
    return None


def _has(holder: Any, name: str) -> bool:
    if hasattr(holder, name) or name in getattr(holder, "__annotations__", {}):
        return True
    return callable(holder) and name in inspect.signature(holder).parameters


def page_of(places: dict[str, str], tests: dict[str, list[str]]) -> str:
    """Return the page."""
    lines = [HEAD, "| part | where | tests |", "|---|---|---|"]
    for name, place in places.items():
        shown = [f"`{test.removeprefix('tests/')}`" for test in tests.get(name, [])]
        more = f" and {len(shown) - SHOWN_TESTS} more" if len(shown) > SHOWN_TESTS else ""
        listed = "<br>".join(shown[:SHOWN_TESTS]) + more
        lines.append(f"| `{name}` | `{place.replace(':', ' ')}` | {listed} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
