"""Write docs/engines_table.md: which engine answers which question, as the tests hold it to.

Run it without arguments to write the page, and with ``--check`` to learn whether it is out of
date. ``test_questions.py`` asks every question that stands in it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.integrations.engines import ENGINES
from tests.integrations.questions import QUESTIONS

if TYPE_CHECKING:
    from tests.integrations.questions import Question

PAGE = Path(__file__).resolve().parents[2] / "docs" / "engines_table.md"
HEAD = """# Engines and questions

Every engine is asked the same questions, and its answer is held to what pandas says of the whole
frame: row by row, value by value. Made by `python tests/integrations/table.py` from the tests;
they fail when an answer differs, or this page is out of date.
"""


def main(arguments: list[str]) -> int:
    """Write the page, or tell that it is out of date."""
    page = page_of()
    if "--check" not in arguments:
        PAGE.write_text(page, encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == page:
        return 0
    sys.stderr.write("docs/engines_table.md is out of date; run tests/integrations/table.py\n")
    return 1


def page_of() -> str:
    """Return the page."""
    names = [engine.name for engine in ENGINES]
    lines = [HEAD, f"| question | {' | '.join(names)} |", f"|---{'|---' * len(names)}|"]
    lines += [f"| {question.name} | {' | '.join(cells(question))} |" for question in QUESTIONS]
    return "\n".join(lines) + "\n"


def cells(question: Question) -> list[str]:
    """Say of each engine whether it is asked."""
    return ["same" if question.name in engine.ways else "not asked" for engine in ENGINES]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
