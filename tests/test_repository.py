"""What holds for the repository as a whole."""

from __future__ import annotations

import ast
import inspect
import re
import tomllib
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

import odps_frames

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOP_LEVEL = {
    "LICENSE",
    "README.md",
    "docs",
    "notebooks",
    "odps_frames",
    "pyproject.toml",
    "tests",
}
TEXT = {".cfg", ".ini", ".ipynb", ".json", ".md", ".py", ".toml", ".txt", ".yml", ".yaml", ""}
MACHINE_PATH = re.compile(r"(?<![\w.:/-])/(?:home|Users|root|tmp|work|farm|opt|mnt)/\w")
UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b|raise NotImplemented" r"Error")
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 40


@pytest.fixture(scope="module")
def project(repository: Path) -> dict[str, object]:
    settings = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    project: dict[str, object] = settings["project"]
    return project


def files(repository: Path) -> Iterator[Path]:
    for name in sorted({*TOP_LEVEL, ".ci"}):
        place = repository / name
        for file in (place, *place.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                yield file


def modules(repository: Path) -> list[Path]:
    return sorted((repository / "odps_frames").rglob("*.py"))


def test_the_top_level_holds_what_it_is_meant_to(repository: Path) -> None:
    ignored = (repository / ".gitignore").read_text(encoding="utf-8").split()
    ignored_names = {entry.strip("/") for entry in ignored}
    found = {
        entry.name
        for entry in repository.iterdir()
        if not entry.name.startswith(".") and entry.name not in ignored_names
    }
    assert found == TOP_LEVEL


def test_no_file_names_a_place_on_a_machine(repository: Path) -> None:
    found = [
        f"{file.relative_to(repository)}:{number}"
        for file in files(repository)
        if file.suffix in TEXT
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert not found


def test_nothing_is_left_unfinished(repository: Path) -> None:
    found = [
        f"{file.relative_to(repository)}:{number}"
        for file in files(repository)
        if file.suffix == ".py"
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if UNFINISHED.search(line)
    ]
    assert not found


def test_modules_stay_small(repository: Path) -> None:
    lengths = {
        str(module.relative_to(repository)): module.read_text(encoding="utf-8").count("\n")
        for module in modules(repository)
    }
    assert not {name: n for name, n in lengths.items() if n > MAX_FILE_LINES}


def test_functions_stay_small(repository: Path) -> None:
    long = []
    for module in modules(repository):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node, clean=False) else node.body
                n_lines = (node.end_lineno or 0) - body[0].lineno + 1 if body else 0
                if n_lines > MAX_FUNCTION_LINES:
                    long.append(f"{module.relative_to(repository)}:{node.name}: {n_lines}")
    assert not long


def test_the_licence_is_the_one_declared(repository: Path, project: dict[str, object]) -> None:
    text = (repository / "LICENSE").read_text(encoding="utf-8")
    assert project["license"] == "Apache-2.0"
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_the_changelog_begins_with_this_version(
    repository: Path, project: dict[str, object]
) -> None:
    changelog = (repository / "docs" / "changelog.md").read_text(encoding="utf-8")
    latest = re.search(r"^## \[(\d[^\]]*)\]", changelog, flags=re.MULTILINE)
    assert latest
    assert latest[1] == project["version"] == version("odps-frames")


def test_public_names_are_sorted_and_exist() -> None:
    names = odps_frames.__all__
    assert list(names) == sorted(names)
    assert [name for name in names if not hasattr(odps_frames, name)] == []


def reference(repository: Path) -> str:
    return (repository / "docs" / "reference.md").read_text(encoding="utf-8")


def test_the_reference_has_every_public_name_and_no_other(repository: Path) -> None:
    text = reference(repository)
    functions = re.findall(r"^### `(\w+)`", text, flags=re.MULTILINE)
    others = re.findall(r"^\| `([A-Z_]\w*)` \|", text, flags=re.MULTILINE)
    assert sorted([*functions, *others]) == sorted(odps_frames.__all__)


@pytest.mark.parametrize(
    "name",
    [name for name in odps_frames.__all__ if inspect.isfunction(getattr(odps_frames, name))],
)
def test_the_reference_has_every_parameter_in_order(name: str, repository: Path) -> None:
    section = reference(repository).split(f"### `{name}`", 1)[1].split("\n#", 1)[0]
    documented = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", section, flags=re.MULTILINE)
    parameters = [parameter.strip("`") for row in documented for parameter in row.split(", ")]
    assert parameters == list(inspect.signature(getattr(odps_frames, name)).parameters)
