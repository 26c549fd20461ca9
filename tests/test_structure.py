"""The structure of the product: sizes of files and functions, and the code map in CONTRIBUTING.md."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ["bmvis", "sphinx_bmvis", "mkdocs_bmvis"]
FILES = sorted(
    file.relative_to(ROOT)
    for package in PACKAGES
    for file in (ROOT / package).rglob("*")
    if file.suffix in (".py", ".js", ".css")
)
MODULES = [file for file in FILES if file.suffix == ".py"]
FOLDERS = sorted({file.parent.as_posix() for file in FILES})
CODE_MAP = (ROOT / "CONTRIBUTING.md").read_text().partition("## Where things are")[2]
ROWS = dict(re.findall(r"^\| `([\w/]+)/` \| (.*) \|$", CODE_MAP, re.MULTILINE))
MAX_LINES = 350
MAX_TEST_LINES = 600
MAX_FUNCTION_LINES = 40


@cache
def parsed(file: Path) -> ast.Module:
    return ast.parse((ROOT / file).read_text())


@cache
def nodes(file: Path) -> list[ast.AST]:
    return list(ast.walk(parsed(file)))


def lines_of(node: ast.AST) -> int:
    return (node.end_lineno or 0) - node.lineno + 1


def test_product_files_have_a_maximum_length():
    lines = {str(file): len((ROOT / file).read_text().splitlines()) for file in FILES}
    assert {file: count for file, count in lines.items() if count > MAX_LINES} == {}


def test_test_files_have_a_maximum_length():
    lines = {file.name: len(file.read_text().splitlines()) for file in (ROOT / "tests").rglob("test_*.py")}
    assert len(lines) > 200
    assert {file: count for file, count in lines.items() if count > MAX_TEST_LINES} == {}


def test_functions_have_a_maximum_length():
    functions = {
        f"{file}:{node.name}": lines_of(node)
        for file in MODULES
        for node in nodes(file)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert len(functions) > 1000
    assert {name: count for name, count in functions.items() if count > MAX_FUNCTION_LINES} == {}


def test_class_names_are_unique():
    files: dict[str, list[str]] = {}
    for file in MODULES:
        for node in nodes(file):
            if isinstance(node, ast.ClassDef):
                files.setdefault(node.name.lstrip("_"), []).append(str(file))
    assert len(files) > 100
    assert {name: found for name, found in files.items() if len(found) > 1} == {}


SAME_THING = {
    # One for each file of a folder, or for each host.
    "setup", "to_text", "to_markdown", "main", "gallery_key", "needs_arguments", "preview_session", "read_file",
    # The public function, and what it calls.
    "capture", "compare", "share_assets",
    # HTML and LaTeX, a page and its hosts, text with an ellipsis in the middle.
    "error_box", "model_pages", "shortened",
}  # fmt: skip
"""Functions that several modules define for the same purpose."""


def test_function_names_mean_one_thing():
    files: dict[str, list[str]] = {}
    for file in MODULES:
        for node in parsed(file).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                files.setdefault(node.name, []).append(str(file))
    assert len(files) > 500
    repeated = {name: found for name, found in files.items() if len(found) > 1}
    assert {name: found for name, found in repeated.items() if name not in SAME_THING} == {}
    assert repeated.keys() >= SAME_THING


@pytest.mark.parametrize("folder", FOLDERS)
def test_code_map_lists_each_folder(folder):
    parent, _, name = folder.rpartition("/")
    assert folder in ROWS or f"`{name}/`" in ROWS.get(parent, "")


@pytest.mark.parametrize("folder", ROWS)
def test_code_map_names_files_that_exist(folder):
    assert (ROOT / folder).is_dir()
    names = re.findall(r"`([\w/]+\.(?:py|js|css))`", ROWS[folder])
    there = {file.name for file in (ROOT / folder).rglob("*") if file.is_file()}
    assert [name for name in names if Path(name).name not in there and not (ROOT / "bmvis" / name).exists()] == []
