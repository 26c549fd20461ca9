"""OpenDelta, in the environment of `make test-opendelta`, compared with the images of the source document.

OpenDelta needs an old release of transformers. So one site with models of the old and a new release is tested too.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from bmvis.model.preorder import child_path, module_paths
from bmvis.options.definitions import Options
from bmvis.render.text import to_text
from bmvis.source.source import Source
from bmvis.view.layout import layout

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "demo_docs"
PYTHON = ROOT / ".venv-opendelta" / "bin" / "python"
DATA = ROOT / "tests" / "data"

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="no environment with OpenDelta: make test-opendelta")


@pytest.fixture(scope="module")
def opendelta():
    with Source(DEMO, path=["."], python=str(PYTHON)) as source:
        yield source


@pytest.fixture(scope="module")
def bert_delta(opendelta):
    return opendelta.build("bert-delta").model


@pytest.mark.parametrize(
    ("reference", "options", "file"),
    [
        pytest.param("opendelta_models:bert(attention='eager')", Options(), "ref_bert.txt", id="the backbone"),
        pytest.param("bert-delta", Options(), "ref_delta.txt", id="with delta modules"),
        pytest.param(
            "bert-delta", Options(non_params=True), "ref_delta_nonparams.txt", id="modules without parameters"
        ),
    ],
)
def test_rows_equal_the_source_document(opendelta, bert_delta, reference, options, file):
    model = bert_delta if reference == "bert-delta" else opendelta.resolve(reference).model
    drawn = to_text(layout(model, options), marks=False)
    assert drawn.splitlines() == (DATA / file).read_text().splitlines()


def test_parameters_have_the_state_set_by_opendelta(bert_delta):
    states = [
        [child_path(path, p.name), list(p.shape), p.trainable, p.delta]
        for path, module in zip(module_paths(bert_delta.modules), bert_delta.modules, strict=True)
        for p in module.parameters
        if not p.tied_to
    ]
    assert states == json.loads((DATA / "ref_delta_params.json").read_text())


def test_snapshot_of_the_demo_is_up_to_date():
    run = subprocess.run([sys.executable, "-m", "bmvis", "check", "--project", DEMO], capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (0, ""), run.stdout + run.stderr


def test_tree_is_the_same_on_meta(opendelta):
    """Adapters of OpenDelta run the model and catch every error, so a failure on meta could lose them."""
    on_meta, on_cpu = (opendelta.resolve("opendelta_models:bert_delta", device).model for device in ("meta", "cpu"))
    assert [
        (parameter.name, parameter.shape, parameter.delta)
        for module in on_meta.modules
        for parameter in module.parameters
    ] == [
        (parameter.name, parameter.shape, parameter.delta)
        for module in on_cpu.modules
        for parameter in module.parameters
    ]
    assert any(parameter.delta for module in on_meta.modules for parameter in module.parameters)


SITES = {
    "sphinx": {
        "conf.py": "extensions = ['sphinx_bmvis']\n",
        "index.rst": "Models\n======\n\n"
        ".. model-structure:: old\n   :name: old\n\n.. model-structure:: new\n   :name: new\n",
    },
    "mkdocs": {
        "mkdocs.yml": "site_name: Models\nuse_directory_urls: false\nplugins: [bmvis]\n",
        "docs/index.md": '<model-structure factory="old" name="old"></model-structure>\n\n'
        '<model-structure factory="new" name="new"></model-structure>\n',
    },
}
BUILDS = {
    "sphinx": ["-m", "sphinx", "-q", "-W", ".", "site"],
    "mkdocs": ["-m", "mkdocs", "build", "-q", "--strict"],
}


@pytest.mark.parametrize("host", SITES)
def test_site_shows_models_with_conflicting_dependencies(host, tmp_path):
    for name, text in SITES[host].items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "zoo.py").write_text(
        "import transformers\nfrom opendelta_models import bert_delta\n"
        "def old():\n    assert transformers.__version__.startswith('4.')\n    return bert_delta()\n"
    )
    (tmp_path / "new_zoo.py").write_text(
        "import transformers\nfrom transformers import Qwen3Config, Qwen3ForCausalLM\n"
        "def new():\n    assert transformers.__version__.startswith('5.')\n    return Qwen3ForCausalLM(Qwen3Config())\n"
    )
    (tmp_path / "pyproject.toml").write_text(
        f"[tool.bmvis]\npath = ['.', '{DEMO}']\n"
        f"[tool.bmvis.models]\nold = {{reference = 'zoo:old', python = '{PYTHON}', device = 'cpu'}}\n"
        "new = 'new_zoo:new'\n"
    )
    run = subprocess.run([sys.executable, *BUILDS[host]], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    page = BeautifulSoup((tmp_path / "site" / "index.html").read_text(), "html.parser")
    assert "LowRankAdapter" in page.find(id="old").get_text()
    assert len(page.find(id="old").select(".bmvis-delta.bmvis-frozen")) == 12
    assert "Qwen3Attention" in page.find(id="new").get_text()
