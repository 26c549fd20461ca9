"""The files for GitHub, PyPI and Read the Docs agree with the project, and their steps call existing commands."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import bmvis

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
WORKFLOWS = {path.stem: yaml.safe_load(path.read_text()) for path in sorted((ROOT / ".github/workflows").glob("*.yml"))}
JOBS = {f"{name}-{job}": WORKFLOWS[name]["jobs"][job] for name in WORKFLOWS for job in WORKFLOWS[name]["jobs"]}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
URL = PROJECT["urls"]["Source"]
PYTHONS = ["3.10", "3.11", "3.12", "3.13", "3.14"]


def commands(job):
    """Yield each command of a job's steps, with its matrix filled in."""
    values = job.get("strategy", {}).get("matrix", {}).get("target", [])
    for line in (line for step in job["steps"] for line in step.get("run", "").splitlines()):
        yield from [line.replace('"$TARGET"', value) for value in values] if "$TARGET" in line else [line]


@pytest.mark.parametrize("job", JOBS)
def test_each_step_is_a_make_target_or_a_script_that_exists(job):
    makefile = (ROOT / "Makefile").read_text()
    for command in commands(JOBS[job]):
        program, *arguments = command.removeprefix("sudo ").split()
        if program == "make":
            assert re.search(rf"^(?:\S+ )*{re.escape(arguments[0])}(?: \S+)*:(?!=)", makefile, re.MULTILINE), command
        else:
            assert program.startswith(".ci/"), command
            assert os.access(ROOT / program, os.X_OK), command


def test_tests_named_by_make_and_scripts_exist():
    script = 'source .ci/without-torch; printf "%s\\n" "${in_all[@]}" "${briefly[@]}" "${widely[@]}"'
    listed = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    paths = [*listed.stdout.split(), *re.findall(r"tests/[\w/.]+", (ROOT / "Makefile").read_text())]
    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert len(paths) > 20


@pytest.mark.parametrize("job", JOBS)
def test_actions_are_pinned_to_a_commit(job):
    for step in JOBS[job]["steps"]:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step.get("uses", "a/b@" + 40 * "0"))


def test_only_the_publishing_step_has_write_access():
    for name, workflow in WORKFLOWS.items():
        assert workflow["permissions"] == {"contents": "read"}, name
    more = {name: job["permissions"] for name, job in JOBS.items() if "permissions" in job}
    assert more == {"release-publish": {"id-token": "write"}}


def test_every_supported_python_has_a_classifier_and_a_job():
    classifiers = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    suite = [
        step["with"]["python-version"]
        for step in JOBS["tests-suite"]["steps"]
        if "setup-python" in step.get("uses", "")
    ]
    assert classifiers == PYTHONS
    assert sorted([*suite, *JOBS["tests-pythons"]["strategy"]["matrix"]["python"]]) == PYTHONS


@pytest.mark.parametrize(
    "file",
    [
        "CITATION.cff",
        "CODE_OF_CONDUCT.md",
        "SECURITY.md",
        ".github/ISSUE_TEMPLATE/config.yml",
        "demo_docs/pages/check-models-in-ci.md",
    ],
)
def test_links_to_the_repository_have_the_address_of_pyproject(file):
    links = re.findall(r"https://github\.com/[\w-]*bmvis[\w-]*/[\w-]+", (ROOT / file).read_text())
    assert set(links) == {URL}


CHANGELOG = "# Changelog\n\n## Unreleased\n\n## {} - 2026-12-01\n"


@pytest.mark.parametrize(
    ("tag", "cited", "logged", "complaints"),
    [
        ("v1.2.3", "1.2.3", "1.2.3", []),
        ("1.2.3", "1.2.3", "1.2.3", ["tag 1.2.3: bmvis/__init__.py has version 1.2.3"]),
        ("v1.2.4", "1.2.3", "1.2.4", ["tag v1.2.4: bmvis/__init__.py has version 1.2.3"]),
        ("v1.2.3", "1.2.2", "1.2.3", ["CITATION.cff has version 1.2.2, bmvis/__init__.py 1.2.3"]),
        ("v1.2.3", "1.2.3", "1.2.2", ["CHANGELOG.md has no entry '## 1.2.3 - YYYY-MM-DD'"]),
    ],
    ids=["agrees", "no-v", "other-tag", "other-citation", "no-entry"],
)
def test_tag_is_compared_with_files_that_have_a_version(tmp_path, tag, cited, logged, complaints):
    for folder in (".ci", "bmvis"):
        (tmp_path / folder).mkdir()
    script = tmp_path / ".ci" / "check-tag"
    script.write_text((ROOT / ".ci" / "check-tag").read_text())
    (tmp_path / "bmvis" / "__init__.py").write_text('"""A package."""\n\n__version__ = "1.2.3"\n')
    (tmp_path / "CITATION.cff").write_text(f"cff-version: 1.2.0\nversion: {cited}\n")
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG.format(logged))
    done = subprocess.run(["bash", str(script), tag], capture_output=True, text=True)
    assert done.stderr.splitlines() == complaints
    assert done.returncode == bool(complaints)


def test_citation_has_the_version_of_the_package():
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == bmvis.__version__


def test_changelog_has_the_format_of_keep_a_changelog():
    text = (ROOT / "CHANGELOG.md").read_text()
    versions = re.findall(r"^## (.*)$", text, re.MULTILINE)
    kinds = set(re.findall(r"^### (.*)$", text, re.MULTILINE))
    assert versions[0] == "Unreleased"
    assert [version for version in versions[1:] if not re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", version)] == []
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_links_and_images_of_the_long_description_are_urls_of_files():
    """PyPI and the sdist have no folder next to the README."""
    core = pytest.importorskip("hatchling.metadata.core", reason="hatchling is not installed")
    plugins = pytest.importorskip("hatchling.plugin.manager").PluginManager()
    text = core.ProjectMetadata(str(ROOT), plugins).core.readme
    links, images = re.findall(r"\]\((\S+?)\)", text), re.findall(r'\s(?:src|srcset)="([^"]+)"', text)
    for prefix, urls in ((f"{URL}/blob/main/", links), (f"{URL}/raw/main/", images)):
        paths = [url.removeprefix(prefix) for url in urls]
        ours = [path for path, url in zip(paths, urls, strict=True) if path != url]
        assert len(ours) >= 4
        assert [path for path in ours if not (ROOT / path).is_file()] == []
        assert [path for path in paths if "://" not in path and path not in ours] == []
