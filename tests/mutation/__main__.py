"""Plant small bugs in the product and list which of them the tests of the module catch.

    python tests/mutation                     # 40 bugs; writes tests/mutation/results-15.txt
    python tests/mutation --seed 7            # 40 others; writes tests/mutation/results-7.txt
    python tests/mutation --only bmvis/view   # bugs of some files; writes no file
    python tests/mutation --survivors         # only those that were not caught; updates the file

Each bug is planted in a copy of the sources, so that the checkout does not change. The tests of a module are those that
mirror its path (`MIRRORS` has the exceptions); the test file of the module itself runs first. They must pass in a copy
without a bug: if they do not, nothing counts as caught. On Linux, they run in a PID namespace of their own where that
is permitted (as root, usually): a bug in what ends processes can then end none but those of the tests. Which bug is
picked in a file depends on the seed and the file only, so that changes of other files leave it. A bug that changes
nothing that a test could see is in `EQUIVALENT` with the reason: it is planted and listed, but not expected to be
caught.
"""

from __future__ import annotations

import argparse
import ast
import functools
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent
PACKAGES = ("bmvis", "sphinx_bmvis", "mkdocs_bmvis")
SEED, COUNT = 15, 40
SECONDS = 1800
"""For the tests of one bug. A bug that makes them hang is caught, and listed as such: the limit allows for a busy
machine."""

MIRRORS = {
    "bmvis/extraction/adapters": [
        "tests/bmvis/extraction/test_adapters.py",
        "tests/bmvis/extraction/test_adapters_peft.py",
    ],
    "bmvis/extraction/call/macs.py": ["tests/bmvis/extraction/call/test_operation_counts.py"],
    "bmvis/extraction/outputs.py": ["tests/bmvis/extraction/call/test_forward.py"],
    "bmvis/extraction/meta_device/meta_failures.py": ["tests/bmvis/child/building/test_builder.py"],
    "bmvis/extraction/optimizers.py": ["tests/bmvis/view/test_param_groups.py"],
    "bmvis/child/tracking/import_tracker.py": ["tests/bmvis/source"],
    "bmvis/child": ["tests/bmvis/worker", "tests/bmvis/child"],
    "bmvis/worker": ["tests/bmvis/worker", "tests/bmvis/child"],
    "bmvis/render": ["tests/bmvis/render", "tests/bmvis/overviews/test_gallery.py", "tests/bmvis/view"],
    "bmvis/view": ["tests/bmvis/view", "tests/bmvis/render"],
    "bmvis/model": ["tests/bmvis/model", "tests/bmvis/view", "tests/bmvis/extraction/test_totals.py"],
    "bmvis/notebook.py": ["tests/bmvis/test_bigmodelvis.py", "tests/bmvis/render/test_terminal.py"],
    "bmvis/options/definitions.py": ["tests/bmvis", "-k", "option or address or param or show"],
    "bmvis/options/parsing.py": ["tests/bmvis", "-k", "option or address or param or show"],
    "bmvis/options/values.py": ["tests/bmvis", "-k", "option or address or param or show"],
    "bmvis/options/inputs.py": ["tests/bmvis/child/building/test_model_call.py"],
    "bmvis/reference.py": ["tests/bmvis/test_reference.py", "tests/bmvis/source"],
    "bmvis/child/transformers_config.py": ["tests/bmvis/source/test_transformers_config.py"],
    "bmvis/regex_search.py": ["tests/bmvis/test_address.py"],
    "bmvis/gc_pause.py": ["tests/bmvis/extraction/test_no_side_effects.py"],
}
"""By the start of a module's path, what pytest is given instead of the mirrored folder."""

ISOLATION = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", '"$@"; exit $?', "sh"]
"""Runs a command in a PID namespace. The shell is its process 1, which reaps the processes that tests leave behind."""

EQUIVALENT: dict[tuple[str, str, str], str] = {
    (
        "bmvis/child/processes/fork_template.py",
        "dropped statement",
        "part.socket.close()",
    ): "Python closes a socket that nothing refers to, and the process at its other end is killed",
    (
        "bmvis/view/occurrences.py",
        "boundary",
        "while index >= 0 and index not in found:",
    ): "module 0 is the root, which is in no group of several modules",
}
"""By file, kind of bug and source line, why no test can see it."""


@dataclass(frozen=True)
class Bug:
    """One change of one line."""

    file: str
    line: int
    kind: str
    before: str
    after: str
    source: str
    """The whole file with the bug."""

    @property
    def text(self) -> str:
        return f"{self.file}:{self.line}: {self.kind}: {self.before.strip()}  =>  {self.after.strip()}"


class _Planter(ast.NodeTransformer):
    """Change the node at one place of a walk; `kind` is the kind of change, or '' if the node was not changed."""

    def __init__(self, place: int) -> None:
        self.place = place
        self.seen = -1
        self.kind = ""
        self.line = 0

    def _is_here(self, node: ast.AST) -> bool:
        self.seen += 1
        if self.seen == self.place:
            self.line = node.lineno  # type: ignore[attr-defined]  # statements and expressions have one
            return True
        return False

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        swaps = {
            ast.Lt: ast.LtE,
            ast.LtE: ast.Lt,
            ast.Gt: ast.GtE,
            ast.GtE: ast.Gt,
            ast.Eq: ast.NotEq,
            ast.NotEq: ast.Eq,
        }
        swaps |= {ast.In: ast.NotIn, ast.NotIn: ast.In}  # codespell:ignore notin
        swap = swaps.get(type(node.ops[0]))
        if swap and self._is_here(node):
            self.kind = "boundary" if swap in (ast.Lt, ast.LtE, ast.Gt, ast.GtE) else "inverted comparison"
            node.ops[0] = swap()
        return self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        if self._is_here(node):
            self.kind = "and for or"
            node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        return self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST:
        if self._is_here(node):
            self.kind = "swapped branch"
            node.test = ast.UnaryOp(ast.Not(), node.test)
        return self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        if self._is_here(node):
            self.kind = "swapped branch"
            node.body, node.orelse = node.orelse, node.body
        return self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        droppable = isinstance(node.value, ast.Yield | ast.YieldFrom | ast.Call)
        if droppable and self._is_here(node):
            self.kind = "dropped statement"
            return ast.Pass()
        return self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        if isinstance(node.op, ast.Add | ast.Sub) and self._is_here(node):
            self.kind = "minus for plus"
            node.op = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
        return self.generic_visit(node)


def bugs_of(file: str) -> Iterator[Bug]:
    """Yield every bug that can be planted in a file."""
    text = (ROOT / file).read_text(encoding="utf-8")
    lines = text.splitlines()
    place = 0
    while True:
        tree, planter = ast.parse(text), _Planter(place)
        planted = ast.fix_missing_locations(planter.visit(tree))
        if planter.seen < place:
            return
        place += 1
        line = lines[planter.line - 1]
        if planter.kind and "TYPE_CHECKING" not in line:
            source = ast.unparse(planted)
            yield Bug(file, planter.line, planter.kind, line, _changed(ast.parse(text), planted), source)


def _changed(before: ast.AST, after: ast.AST) -> str:
    """Return the first statement that differs, on one line."""
    old, new = ast.unparse(before).splitlines(), ast.unparse(after).splitlines()
    return next((b for a, b in zip(old, new, strict=False) if a != b), "")


def chosen(only: str, seed: int) -> list[Bug]:
    """Return the bugs to plant: spread over all modules, the same in every run of the same sources."""
    files = sorted(str(path.relative_to(ROOT)) for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    pickers = {file: random.Random(f"{seed} {file}") for file in files}  # not for secrets
    order = {file: picker.random() for file, picker in pickers.items()}
    found: list[Bug] = []
    for file in sorted(files, key=order.__getitem__):
        if file.startswith(only) and (possible := list(bugs_of(file))):
            found.append(pickers[file].choice(possible))
        if len(found) == COUNT:
            break
    return found


def tests_of(file: str) -> list[list[str]]:
    """Return the arguments of pytest for the tests of a module, for each run: the tests most likely to fail first."""
    path = Path("tests", file)
    known = next((start for start in sorted(MIRRORS, key=len, reverse=True) if file.startswith(start)), "")
    folder = next((above for above in path.parents if (ROOT / above).exists()), Path("tests"))
    last = MIRRORS[known] if known else [str(folder)]
    own = path.with_name(f"test_{path.name}")
    module = path.stem if path.stem != "__init__" else path.parent.name
    naming = [
        str(test.relative_to(ROOT))
        for place in last
        for test in sorted((ROOT / place).rglob("test_*.py"))
        if re.search(rf"\bimport .*\b{module}\b|\b{module} import\b", test.read_text(encoding="utf-8"))
    ]
    runs = [[str(own)]] if (ROOT / own).exists() else []
    return [*runs, *([naming] if naming and naming != [str(own)] else []), last]


def outcome_of(bug: Bug) -> str:
    """Return the result of the module's tests with the bug: "caught", "hangs", "survived", or why it is unknown."""
    with tempfile.TemporaryDirectory(prefix="bmvis-mutation-") as folder:
        copy = Path(folder, "checkout")
        ignored = shutil.ignore_patterns(".git", ".venv*", "_build", "build", "__pycache__", ".*_cache")
        shutil.copytree(ROOT, copy, ignore=ignored, symlinks=True)
        original = (copy / bug.file).read_text(encoding="utf-8")
        for tests in tests_of(bug.file):
            (copy / bug.file).write_text(bug.source, encoding="utf-8")
            try:
                failed = _failures(copy, tests)
            except subprocess.TimeoutExpired:
                return "hangs"
            if failed:
                (copy / bug.file).write_text(original, encoding="utf-8")
                try:
                    without_bug = _failures(copy, failed)
                except subprocess.TimeoutExpired:
                    return f"unknown, for this takes too long without the bug: {failed}"
                return f"unknown, for this fails without the bug too: {without_bug}" if without_bug else "caught"
    return "survived"


def _failures(checkout: Path, tests: list[str]) -> list[str]:
    """Run tests until one fails, and return the failed test as an argument of pytest; [] if all pass."""
    command = [*_isolation(), sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    ran = subprocess.run(
        command, cwd=checkout, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    # Without the parameters, whose texts can have spaces: all cases of the test are run.
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+?\.py(?:::[^\s\[]+)?)", ran.stdout, re.MULTILINE)
    if ran.returncode and not failed:  # for example, a conftest.py cannot be imported
        return tests
    return failed


@functools.cache
def _isolation() -> list[str]:
    """Return what a command of tests starts with: `ISOLATION`, or nothing where that does not run."""
    try:
        works = subprocess.run([*ISOLATION, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        works = False
    if not works:
        print(
            "Without a PID namespace: bugs in bmvis/worker/process_tree.py can end processes of others", file=sys.stderr
        )
    return ISOLATION if works else []


def main() -> None:
    """Plant the bugs and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="start of the paths of the files to plant bugs in")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--survivors", action="store_true", help="plant again what the last run did not catch")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    bugs = chosen(given.only, given.seed)
    results = FOLDER / f"results-{given.seed}.txt"
    lines: list[str] = []
    if given.survivors:
        caught = {f"caught    {bug.text}" for bug in bugs}.intersection(
            results.read_text(encoding="utf-8").splitlines()
        )
        lines = sorted(caught)
        bugs = [bug for bug in bugs if f"caught    {bug.text}" not in caught]
    with ThreadPoolExecutor(given.jobs) as pool:
        planted = {pool.submit(outcome_of, bug): bug for bug in bugs}
        for done in as_completed(planted):
            bug, outcome = planted[done], done.result()
            reason = EQUIVALENT.get((bug.file, bug.kind, bug.before.strip()), "")
            lines.append(f"{outcome:9} {bug.text}" + (f"  [changes nothing: {reason}]" if reason else ""))
            print(lines[-1], flush=True)
            if not given.only:  # after each bug, so that a run that is stopped leaves what it found
                results.write_text("\n".join([_summary(lines, given.seed), *sorted(lines), ""]), encoding="utf-8")
    print(_summary(lines, given.seed))


def _summary(lines: list[str], seed: int) -> str:
    caught = sum(line.startswith(("caught", "hangs")) for line in lines)
    return f"# Seed {seed}: {caught} of {len(lines)} planted bugs were caught."


if __name__ == "__main__":
    main()
