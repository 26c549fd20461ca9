"""An edit of a source that changes no syntax tree makes no model out of date, unless its code can see the edit."""

import shutil
from pathlib import Path

import pytest

from bmvis.errors import BmvisError
from bmvis.source.source import Source
from bmvis.worker.client import Worker

BLOCKS = '''\
"""Blocks."""
from torch import nn

SIZE = 3  # columns
UNUSED = UNSEEN = 0
del UNUSED, UNSEEN


class Block(nn.Linear):
    """A block."""

    def __init__(self):
        """Create a block."""
        super().__init__(SIZE, 2)
'''
MODELS = {
    "plain": "return Block()",
    "located": "from pathlib import Path\n    root = Path(__file__).resolve().parent; return Block()",
    "signed": "import inspect\n    return nn.Linear(len(inspect.signature(Block).parameters) + 1, 1)",
    "documented": "return nn.Linear(len(Block.__doc__), 1)",
    "listed_by_vars": "return nn.Linear(sum(len(str(value)) for value in vars(Block).values()), 1)",
    "listed_by_dict": "return nn.Linear(sum(len(str(value)) for value in Block.__dict__.values()), 1)",
    "listed_by_dir": "return nn.Linear(sum(len(str(getattr(blocks, name))) for name in dir(blocks)), 1)",
    "listed_by_globals": "return nn.Linear(len(globals()), 1)",
    "seen_by_a_metaclass": "class Meta(type): pass\n    return Block()",
    "seen_by_click": "import click; return nn.Linear(len(click.command()(Block.__init__).help), 1)",
    "documented_by_inspect": "import inspect\n    return nn.Linear(len(inspect.getdoc(Block)), 1)",
    "read": "return nn.Linear(len(open(blocks.__file__).read()), 1)",
    "read_by_inspect": "import inspect\n    return nn.Linear(len(inspect.getsource(Block)), 1)",
    "read_by_loader": "return nn.Linear(len(getattr(blocks, '__load' + 'er__').get_source('blocks')), 1)",
    "read_as_resource": "import pkgutil\n    return nn.Linear(len(pkgutil.get_data('m_plain', 'blocks.py')), 1)",
    "measured": "import os\n    return nn.Linear(os.stat(blocks.__file__).st_size, 1)",
    "copied": "import shutil\n    shutil.copy(blocks.__file__, '/dev/null'); return Block()",
    "numbered": "return nn.Linear(Block.__init__.__code__.co_firstlineno, 1)",
    "profiled": "import cProfile; cProfile.Profile().runcall(Block); return Block()",
    "dumped": "import faulthandler; faulthandler.dump_traceback(open('/dev/null', 'w')); return Block()",
    "awaited": "import asyncio; return Block()",
    "framed": "import sys\n    return nn.Linear(sys._getframe().f_lineno, 1)",
    "scripted": "import torch\n    return torch.jit.script(Block())",
    "run": "import runpy\n    return runpy.run_path(blocks.__file__)['Block']()",
    "uncallable": "return Block()",
}
DOCUMENTED = {name for name in MODELS if name.startswith(("documented", "listed_", "seen_"))} - {
    "documented_by_inspect"
}
"""Models whose code sees docstrings, but no comments and line numbers."""
INPUTS = {"uncallable": "float32[1, 7]"}


def resolve(project: Path, names) -> dict[str, object]:
    found = {}
    with Source(project, path=["."], cache=Path(".cache")) as models:
        for name in names:
            try:
                found[name] = models.resolve(f"m_{name}:build", inputs=INPUTS.get(name, "")).model
            except BmvisError as error:
                found[name] = error.message
    return found


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    project = tmp_path_factory.mktemp("edited")
    (project / "pyproject.toml").touch()
    (project / "blocks.py").write_text(BLOCKS)
    for name, body in MODELS.items():
        (project / f"m_{name}.py").write_text(
            f"import blocks\nfrom blocks import Block\nfrom torch import nn\ndef build():\n    {body}\n"
        )
    models = resolve(project, MODELS)
    assert [name for name, model in models.items() if isinstance(model, str)] == []
    return project


@pytest.fixture
def edited(built, tmp_path, monkeypatch):
    """Return a function that edits blocks.py in a copy, and returns the models that would be built again."""

    def edit(old: str, new: str, names=MODELS) -> set[str]:
        project = Path(shutil.copytree(built, tmp_path / "copy"))
        file = project / "blocks.py"
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new, 1))
        asked = set()

        def ask(self, request):
            asked.add(request.reference.removeprefix("m_").removesuffix(":build"))
            raise BmvisError("asked")

        monkeypatch.setattr(Worker, "reply", ask)
        resolve(project, names)
        return asked

    return edit


SAME = {"plain", "located", "signed"}
"""Models whose code sees no more of a source than its syntax tree."""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("# columns", "# the number of columns", id="comment"),
        pytest.param("SIZE = 3", "\n\nSIZE  =  (3)", id="layout"),
        pytest.param('"""Blocks."""\n', "'''Blocks.'''\n# and more\n", id="quotes"),
        pytest.param('"""Blocks."""', 'u"""Blocks."""', id="prefix"),
        pytest.param("del UNUSED, UNSEEN", "del (UNUSED, UNSEEN)", id="parentheses after del"),
    ],
)
def test_edit_of_comments_and_layout(edited, old, new):
    assert edited(old, new) == MODELS.keys() - SAME - DOCUMENTED


@pytest.mark.parametrize(("old", "new"), [("A block.", "One block."), ('    """Create a block."""\n', "")])
def test_edit_of_docstrings_keeps_models_that_do_not_read_them(edited, old, new):
    assert edited(old, new) == MODELS.keys() - SAME


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("SIZE = 3", "SIZE = 4", id="value"),
        pytest.param("SIZE = 3", "SIZE = 3.0", id="type of a value"),
        pytest.param("(SIZE, 2)", "(in_features=SIZE, out_features=2)", id="call"),
        pytest.param("SIZE = 3", "SIZE = 3\nSIZE", id="statement"),
        pytest.param("SIZE = 3", "SIZE = 3 (", id="syntax error"),
        pytest.param("del UNUSED, UNSEEN", "del UNUSED, UNSEEN, SIZE", id="another name after del"),
        pytest.param('"""Blocks."""', '# coding: utf-7\n"""Blocks."""', id="another encoding"),
    ],
)
def test_edit_of_code_makes_all_models_out_of_date(edited, old, new):
    assert edited(old, new) == set(MODELS)


def test_source_that_this_python_cannot_parse_counts_by_its_bytes(tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "m_plain.py").write_text("from torch import nn\ndef build(): return nn.Linear(1, 1)\n")
    with monkeypatch.context() as other:
        other.setattr("bmvis.source.syntax.ast.parse", lambda text: compile("def", "", "exec"))
        resolve(tmp_path, ["plain"])
    (tmp_path / "m_plain.py").write_text("from torch import nn\ndef build(): return nn.Linear(1, 1)  # new\n")
    monkeypatch.setattr(Worker, "reply", lambda self, request: (_ for _ in ()).throw(BmvisError("asked")))
    assert resolve(tmp_path, ["plain"]) == {"plain": "asked"}
