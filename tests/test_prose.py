"""The check of the wording: what it finds, and the list of paths that are not clean yet."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("codespell_lib", reason="codespell is not installed")

ROOT = Path(__file__).parents[1]
FILES = (".ci/prose.py", ".ci/prose-words.txt", "pyproject.toml")


@pytest.fixture
def project(tmp_path):
    """A repository with the project's settings, where only what a test adds has findings."""
    return make_project(tmp_path)


def make_project(tmp_path):
    (tmp_path / ".ci").mkdir()
    for name in FILES:
        shutil.copy(ROOT / name, tmp_path / name)
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    mark_unclean(tmp_path, "pyproject.toml")
    write(tmp_path, "pyproject.toml", f"# it says so\n{(tmp_path / 'pyproject.toml').read_text()}")
    return tmp_path


def write(folder, name, text):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    subprocess.run(["git", "add", name], cwd=folder, check=True)


def mark_unclean(folder, *paths):
    (folder / ".ci" / "prose-unclean.txt").write_text("\n".join(["# comment", *paths]) + "\n")


def check(folder, *arguments):
    """Return the exit code and the lines of a run."""
    command = [sys.executable, str(folder / ".ci" / "prose.py"), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


TEXTS = [
    ("The row stands for twelve modules.", ["stands"]),
    ("It says so, and nobody is told.", ["says", "told"]),
    ("Mend a warning", ["Mend"]),
    ("It is held in memory, beside the cache.", ["held", "beside"]),
    ("The build is silent.", ["is silent"]),
    ("A file is left as it is.", ["as it is."]),
    ("The behaviour of quantised colours", ["behaviour", "quantised", "colours"]),
    ("a mispelled paramter", ["mispelled", "paramter"]),
    ('raise ValueError("it was said")', ["said"]),
    ("This is meant to be run by hand.", []),
    ("These settings tell Sphinx to follow the theme.", []),
    ("As it is built on each host, bmvis silently understands standalone pages and holders.", []),
    ("The behavior of quantized colors, besides.", []),
    ("https://example.org/colour/says", []),
]


@pytest.fixture(scope="module")
def findings(tmp_path_factory):
    """Return the exit code of one run over a page with each text, and the words that it finds on each page."""
    project = make_project(tmp_path_factory.mktemp("project"))
    for number, (text, _) in enumerate(TEXTS):
        write(project, f"pages/{number}.md", f"{text}\n")
    code, lines = check(project, "pages")
    found = {number: [] for number in range(len(TEXTS))}
    for line in lines:
        place, finding = line.split(": ")
        found[int(place.split("/")[1].partition(".")[0])].append(finding.split(" ==> ")[0])
    return code, found


@pytest.mark.parametrize("number", range(len(TEXTS)), ids=[text for text, _ in TEXTS])
def test_words_to_avoid_are_found(findings, number):
    code, found = findings
    assert found[number] == TEXTS[number][1]
    assert code == 1


def test_texts_without_words_to_avoid_pass(project):
    for number, (text, found) in enumerate(TEXTS):
        if not found:
            write(project, f"pages/{number}.md", f"{text}\n")
    assert check(project, "pages") == (0, [])


def test_finding_fails_with_location_and_suggestions(project):
    write(project, "docs/page.md", "A title\n\nBuild it anew.\n")
    assert check(project) == (1, ["docs/page.md:3: anew ==> again, from scratch"])


@pytest.mark.parametrize("path", ["docs", "docs/", "docs/page.md"])
def test_listed_path_passes(project, path):
    write(project, "docs/page.md", "Build it anew.\n")
    mark_unclean(project, "pyproject.toml", path)
    assert check(project) == (0, [])


def test_listed_path_does_not_cover_paths_with_the_same_prefix(project):
    write(project, "docs/page.md", "Build it anew.\n")
    write(project, "docs2/page.md", "Build it anew.\n")
    mark_unclean(project, "pyproject.toml", "docs")
    assert check(project) == (1, ["docs2/page.md:1: anew ==> again, from scratch"])


@pytest.mark.parametrize("path", ["docs", "gone.md"])
def test_listed_path_without_findings_fails_until_pruned(project, path):
    write(project, "docs/page.md", "Build it again.\n")
    mark_unclean(project, "pyproject.toml", path)
    complaint = f".ci/prose-unclean.txt: {path} has no findings any more: run `.ci/prose.py --prune`"
    assert check(project) == (1, [complaint])
    assert check(project, "--prune") == (0, [])
    assert check(project) == (0, [])
    assert path not in (project / ".ci" / "prose-unclean.txt").read_text()


def test_files_that_git_does_not_track_are_not_checked(project):
    (project / "note.md").write_text("Build it anew.\n")
    assert check(project) == (0, [])
