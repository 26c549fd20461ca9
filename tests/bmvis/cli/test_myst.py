"""`bmvis myst`: the protocol of executable plugins, and mystmd itself if it is installed (`make test-hosts`)."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from commands import bmvis

from bmvis.options.definitions import OPTIONS

MODELS = """from torch import nn

def net(width=3):
    return nn.Sequential(nn.Linear(width, 2), nn.Linear(2, 2).requires_grad_(False))

def raising():
    raise ValueError("no weights")
"""
MYST = shutil.which("myst") or str(Path(__file__).parents[3] / ".venv/myst/node_modules/.bin/myst")


@pytest.fixture
def project(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "models.py").write_text(MODELS)
    return tmp_path


def ask(project, *arguments, code=0, **request):
    """Return the reply to a request, and the standard error output."""
    done = bmvis(project, "myst", "--path", "src", *arguments, stdin=json.dumps(request))
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout) if done.stdout else None, done.stderr


def text_of(node):
    if isinstance(node, list):
        return "".join(map(text_of, node))
    return node.get("value", "") + text_of(node.get("children", []))


def find(node, kind):
    """Yield the nodes of a kind, in document order."""
    for child in node if isinstance(node, list) else node.get("children", []):
        if child["type"] == kind:
            yield child
        yield from find(child, kind)


def test_specification_has_each_directive_with_the_options_of_all_hosts(project):
    specification, _ = ask(project)
    declared = {directive["name"]: directive["options"] for directive in specification["directives"]}
    assert list(declared) == ["model-structure", "model-compare", "model-optimizer", "model-gallery", "model-table"]
    assert set(declared["model-structure"]) == {option.name for option in OPTIONS}
    assert declared["model-structure"]["non-params"]["type"] == "boolean"
    assert {"before", "after"} <= set(declared["model-compare"])
    assert [role["name"] for role in specification["roles"]] == ["model-fact", "params", "macs", "size"]


def test_tree_has_labels_states_and_numbers(project):
    request = {"arg": "models:net", "options": {"name": "Net", "non-params": True, "caption": "A net"}}
    ([box], _) = ask(project, "--directive", "model-structure", **request)
    assert box["label"] == "Net"
    rows = [text_of(row) for row in find(box, "summary")] + [
        text_of(item["children"][0]) for item in find(box, "listItem") if item["children"][0]["type"] == "paragraph"
    ]
    assert rows == [
        "root (Sequential) 14",
        "0 (Linear) weight:[2, 3] bias:[2] 8",
        "1 (Linear) weight:[2, 2] (frozen) bias:[2] (frozen) 6",
    ]
    labels = [node["label"] for node in find(box, "paragraph") if "label" in node]
    assert labels == ["Net.0", "Net.1"]
    assert [node["class"] for node in find(box, "span")][-2] == "bmvis-frozen"
    assert text_of(box["children"][0]) == "Sequential 14 parameters, 8 trainable (57.1 %); float32, 56 bytes"
    assert text_of(box["children"][-1]) == "A net"


@pytest.mark.parametrize(
    ("directive", "request_", "text"),
    [
        ("model-compare", {"options": {"before": "models:net", "after": "models:net(width=4)"}}, "[2, 3] → [2, 4]"),
        ("model-gallery", {"body": "models:net | Net | tag\nmodels:raising"}, "Net"),
        ("model-table", {"body": "models:net | Net", "options": {"columns": "name, parameters"}}, "Net14"),
    ],
)
def test_directive_is_answered_with_its_content(project, directive, request_, text):
    reply, _ = ask(project, "--directive", directive, **request_)
    assert text in text_of(reply)


def test_gallery_shows_the_error_of_a_model_on_its_card(project):
    reply, log = ask(project, "--directive", "model-gallery", body="models:net\nmodels:raising")
    good, bad = find(reply, "card")
    assert text_of(good) == "netSequential · 14 parameters · 57.1 % trainable · 56 bytes"
    assert "no weights" in text_of(list(find(bad, "admonition")))
    assert "no weights" in log


def test_role_is_a_number_and_an_unknown_one_is_marked(project):
    assert ask(project, "--role", "params", body="models:net")[0] == [{"type": "text", "value": "14"}]
    reply, log = ask(project, "--role", "params", body="models:raising")
    assert text_of(reply) == "[unknown: models:raising]"
    assert "no weights" in log


@pytest.mark.parametrize(
    ("arguments", "request_", "message"),
    [
        (["--directive", "model-structure"], {"arg": "models:raising"}, "no weights"),
        (["--directive", "model-structure"], {"arg": "models:net", "options": {"depth": "x"}}, "depth"),
        (["--directive", "model-tree"], {}, "unknown directive 'model-tree'"),
    ],
)
def test_error_is_a_box_or_with_strict_a_failure(project, arguments, request_, message):
    reply, log = ask(project, *arguments, **request_)
    assert [node["type"] for node in reply] == ["admonition"]
    assert message in text_of(reply)
    assert message in log
    nothing, log = ask(project, *arguments, "--strict", code=2, **request_)
    assert nothing is None
    assert message in log


def test_text_that_is_no_request_is_an_error(project):
    done = subprocess.run(
        [sys.executable, "-m", "bmvis", "myst", "--role", "params"],
        cwd=project,
        input="{",
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "list the script in myst.yml" in done.stderr


INDEX = """# Models

```{model-structure} models:net
:name: net
:depth: 3
```

It has {params}`models:net` parameters, see [the first layer](#net.0).

```{model-gallery}
models:net | A net
```

```{model-structure} models:raising
```
"""


@pytest.mark.builds
@pytest.mark.skipif(not Path(MYST).exists(), reason="mystmd is not installed: `make test-hosts` installs it with npm")
def test_mystmd_reads_the_nodes(project):
    plugin = project / "bmvis-myst"
    plugin.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bmvis myst --path src "$@"\n')
    plugin.chmod(0o755)
    (project / "myst.yml").write_text(
        "version: 1\nproject:\n  plugins: [{type: executable, path: bmvis-myst}]\nsite:\n  template: none\n"
    )
    (project / "index.md").write_text(INDEX)
    # Without a network there is no theme: the build ends after it has written the pages as document trees.
    environment = os.environ | {"MYSTMD_READTHEDOCS": "0", "API_URL": "http://127.0.0.1:9"}
    done = subprocess.run(
        [MYST, "build", "--site", "--ci"], cwd=project, env=environment, capture_output=True, text=True, timeout=300
    )
    log = done.stdout + done.stderr
    assert "5 directives, 4 roles" in log
    assert "⚠️" not in log
    page = json.loads((project / "_build/site/content/index.json").read_text())["mdast"]
    (root,) = find(page, "summary")
    assert text_of(root) == "root (Sequential) 14"
    assert "It has 14 parameters" in text_of(page)
    (link,) = find(page, "crossReference")  # codespell:ignore crossreference
    assert (link["label"], link["html_id"]) == ("net.0", "net.0")
    assert [text_of(card["children"][0]) for card in find(page, "card")] == ["A net"]
    assert "no weights" in text_of(list(find(page, "admonition")))
