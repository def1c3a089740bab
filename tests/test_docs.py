"""Every page is run: its Python blocks in one namespace, in a folder of their own."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [
    str(page.relative_to(ROOT)) for page in (ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md")))
]
BLOCK = re.compile(
    r"^```python\n(?P<code>.*?)^```$(?:\n\n```text\n(?P<output>.*?)^```$)?",
    flags=re.MULTILINE | re.DOTALL,
)


class Example(NamedTuple):
    code: str
    output: str | None
    """What it must print, where the page says so in a text block below it."""
    line: int


def examples(page: str) -> list[Example]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return [
        Example(found["code"], found["output"], text.count("\n", 0, found.start()) + 1)
        for found in BLOCK.finditer(text)
    ]


@pytest.mark.parametrize("page", [page for page in PAGES if examples(page)])
def test_a_page_does_what_it_says(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "__main__"}
    for example in examples(page):
        if 'if __name__ == "__main__":' in example.code:
            assert run_as_program(example.code, tmp_path) == example.output
            continue
        # Line numbers of the page stand in tracebacks.
        source = compile("\n" * example.line + example.code, page, "exec")
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                exec(source, namespace)  # noqa: S102  the page is ours
        finally:
            print(printed.getvalue(), end="")  # for the report of a failure  # noqa: T201
        if example.output is not None:
            assert printed.getvalue() == example.output, f"{page}, line {example.line}"


def run_as_program(code: str, folder: Path) -> str:
    """Run a block that is a whole program, as one that starts other processes must be."""
    program = folder / "program.py"
    program.write_text(code, encoding="utf-8")
    run = subprocess.run(  # noqa: S603  the page is ours
        [sys.executable, "-W", "error", str(program)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_the_pages_that_teach_have_code() -> None:
    assert examples("README.md")
    assert examples("docs/quick_start.md")


@pytest.mark.parametrize("page", PAGES)
def test_links_within_the_repository_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?://|#)([^)#\s]+)", text)
    missing = [link for link in links if not (ROOT / page).parent.joinpath(link).exists()]
    assert not missing
