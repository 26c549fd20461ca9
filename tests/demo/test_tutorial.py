"""The tutorial is followed on both hosts: files are written, commands are run, and their output is compared."""

import re

import programs
import pytest
import yaml
from bs4 import BeautifulSoup
from test_pages import DEMO, PAGES, dialects, load

filled = load("generated").filled
COMMAND = re.compile(r"^\$ (.+)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
EXITS = {"bmvis check": 1}
"""Of the commands that do not end with 0: the tutorial checks once, and the model has changed."""


def follow(text, folder):
    """Do what each fence asks for; return the commands that were run."""
    done = []
    for fence in dialects.FENCE.finditer(text):
        language, _, title = fence["info"].partition(" title=")
        file = folder / title.strip('"')
        if language == "diff":
            change(file, fence["body"])
        elif title:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(fence["body"])
        elif language == "console":
            done += [run(command, printed, folder) for command, printed in COMMAND.findall(fence["body"])]
    return done


def change(file, diff):
    removed, added = ("".join(line[1:] for line in diff.splitlines(True) if line[0] == sign) for sign in "-+")
    assert file.read_text().count(removed) == 1
    file.write_text(file.read_text().replace(removed, added))


def run(command, printed, folder):
    if command.startswith("pip install "):
        return command
    found = programs.run(command, folder)
    assert found.stdout.rstrip() == printed.rstrip(), found.stderr
    assert found.returncode == EXITS.get(command, 0), found.stderr
    return command


@pytest.mark.parametrize("host", ["sphinx", "mkdocs"])
def test_tutorial_steps_work(host, tmp_path):
    commands = follow(filled(dialects.chosen(PAGES["tutorial"], host), host), tmp_path)

    tree = BeautifulSoup((tmp_path / "site" / "index.html").read_text(), "html5lib").find(id="digits")
    assert [name.get_text() for name in tree.select(".bmvis-tree b")][:4] == ["root", "embed", "blocks", "0-3"]
    assert [name for name in commands if name.startswith("bmvis")] == [
        "bmvis show digits:classifier",
        "bmvis snapshot",
        "bmvis check",
        "bmvis snapshot",
    ]
    workflow = yaml.safe_load((tmp_path / ".github" / "workflows" / "models.yml").read_text())
    checks = [step["run"] for step in workflow["jobs"]["check"]["steps"] if step.get("run", "").startswith("bmvis")]
    assert checks == ["bmvis check --no-cache --format github"]
    run(checks[0], "", tmp_path)


@pytest.mark.parametrize("reference", ["digits:classifier", "prompts:prompted"])
def test_models_shown_as_code_are_used_by_their_pages(reference):
    module = reference.partition(":")[0]
    shown = [name for name, text in PAGES.items() if f"{{{{ file {module}.py }}}}" in text]
    assert all(f'factory="{reference}"' in PAGES[name] for name in shown)
    assert shown != []
    assert (DEMO / f"{module}.py").exists()
