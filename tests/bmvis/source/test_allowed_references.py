"""The setting `allow` is checked against the text of a reference and against the object that it refers to."""

import inspect
from pathlib import Path

import pytest
from workers import build as build_in

from bmvis.errors import BmvisError, InvalidReferenceError
from bmvis.reference import parse_reference
from bmvis.source.allowed_references import AllowList
from bmvis.source.source import Source
from bmvis.worker.client import Worker
from bmvis.worker.protocol import Request
from bmvis.worker.reply_errors import answered

FILES = {
    "zoo/__init__.py": """
        import functools, os, operator, subprocess, sys
        import zoo.build_helpers
        import zoo as build_self
        from functools import partial
        from os import system, system as build_system
        from torch import nn
        from torch.nn import Linear as build_linear
        from torch.hub import load as build_hub
        from zoo import build_helpers
        from zoo.nets import Net, build_net, build_net as build_again, Net as build_class
        from outside import build_outside

        build_eval, build_exec, build_import = eval, exec, __import__
        build_partial_system = partial(os.system)
        build_nested_partial = partial(partial(os.system))
        build_cached = functools.lru_cache(os.system)
        build_getter = operator.attrgetter("x")
        build_bound = [].append
        build_path = sys.path.insert
        build_registry = {"system": os.system}
        build_lazy = type("Lazy", (type(os),), {})("lazy")
        build_alias = subprocess.Popen
        build_generic = list[int]
        build_small = partial(build_net, width=2)
        model = nn.Linear(3, 4)
        def build(width=1): return nn.Linear(width, 1)
        def _private(): return nn.Linear(1, 1)
        def __dunder__(): return nn.Linear(1, 1)
        def build_wrapped(f=os.system): return nn.Linear(1, 1)
        build_method = Net.create
        class Registry(dict): pass
        build_nested = {"deep": {"net": build_net, "system": os.system}}
        build_registered = Registry(net=build_net, system=os.system, popen=subprocess.Popen, os=os)
        class Factory:
            def __call__(self): return nn.Linear(5, 5)
        build_instance = Factory()
        """,
    "zoo/build_helpers.py": "import os\nfrom torch import nn\ndef build(): return nn.Linear(1, 1)\n",
    "zoo/nets.py": """
        import os
        from torch import nn
        class Base(nn.Module):
            @classmethod
            def create(cls, width=3): return cls()
        class Net(Base):
            shell = staticmethod(os.system)
            helpers = os
            class Config:
                def __init__(self, *_): pass
            @staticmethod
            def small(): return Net()
        def build_net(width=1): return nn.Linear(width, 7)
        """,
    "zoo/shells.py": "from os import system as build_shell\nshells = {'build': build_shell}\n",
    "zoo/_hidden.py": "from torch import nn\ndef build(): return nn.Linear(1, 1)\n",
    "zoo/deep/__init__.py": "",
    "zoo/deep/nets.py": "from torch import nn\ndef build_deep(): return nn.Linear(1, 1)\n",
    "outside.py": """
        from torch import nn
        def build_outside(): return nn.Linear(1, 1)
        def create_model(name): return nn.Linear(1, 1)
        """,
    "listed.py": """
        import os
        from os import system
        from outside import build_outside
        from torch import nn
        __all__ = ["build_outside", "build_listed", "_secret", "os", "os.system", "HOOKS", "NETS", 3]
        HOOKS = {"system": system}
        NETS = {"deep": {"system": system, "os": os, "net": nn.Identity()}, "environment": os.environ}
        def build_listed(): return nn.Linear(1, 1)
        def _secret(): return nn.Linear(1, 1)
        def build_unlisted(): return nn.Linear(1, 1)
        """,
}


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("allow")
    for name, text in FILES.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(inspect.cleandoc(text))
    return folder


@pytest.fixture(scope="module")
def worker(project):
    with Worker(project) as opened:
        yield opened


def build(worker: Worker, project: Path, entry: str, reference: str) -> str:
    """Build a reference as a `Source` does for a page; return the type of the model."""
    allow = AllowList([entry], project).entries_for(parse_reference(reference))
    return build_in(worker, reference, project, allow=allow).model.root.type


TOUCH = "('touch ran')"
TRIES = {
    "another module": [("zoo:*", f"os:system{TOUCH}"), ("zoo:build", "outside:build_outside")],
    "module that only starts alike": [("zoo:*", "zoo.nets:build_net"), ("zoo:*", "zoo2:build")],
    "function of another package": [
        ("zoo:*", f"zoo:system{TOUCH}"),
        ("zoo:build_*", f"zoo:build_system{TOUCH}"),
        ("zoo:build_*", "zoo:build_outside"),
        ("zoo:*", "zoo:build_hub('a/b', 'c')"),
    ],
    "class of another package": [
        ("zoo:build_*", f"zoo:build_alias{TOUCH}"),
        ("zoo:*", "zoo:build_linear(1, 1)"),
        ("zoo:*", "zoo:partial"),
    ],
    "builtin": [
        ("zoo:*", "zoo:build_eval('1')"),
        ("zoo:build_*", "zoo:build_exec('1')"),
        ("zoo:build_*", "zoo:build_import('os')"),
    ],
    "step through a module": [
        ("zoo:*", f"zoo:os.system{TOUCH}"),
        ("zoo:build_*", f"zoo:build_helpers.os.system{TOUCH}"),
        ("zoo:build_*", "zoo:build_helpers.build"),
        ("zoo:*", "zoo:build_self.build"),
        ("zoo:os.system", f"zoo:os.system{TOUCH}"),
        ("zoo:build_*.*", "zoo:build_helpers.build"),
        ("zoo:*.*", f"zoo:os.system{TOUCH}"),
    ],
    "module object": [
        ("zoo:*", "zoo:os"),
        ("zoo:build_*", "zoo:build_helpers"),
        ("zoo:build_*", "zoo:build_self"),
        ("zoo:*", "zoo:build_lazy"),
    ],
    "step through a function": [
        ("zoo:build.*", "zoo:build.__globals__"),
        ("zoo:build.__globals__.get", "zoo:build.__globals__.get('os')"),
        ("zoo:*.*.*", "zoo:build.__code__.replace"),
    ],
    "step through an instance": [
        ("zoo:model.forward", "zoo:model.forward(1)"),
        ("zoo:build_registry.get", "zoo:build_registry.get('system')"),
        ("zoo:build_small.func", "zoo:build_small.func()"),
    ],
    "value of a dictionary": [
        ("zoo:build_*", f"zoo:build_registered['system']{TOUCH}"),
        ("zoo:build_*", f"zoo:build_registered['popen']{TOUCH}"),
        ("zoo:build_*", "zoo:build_registered['os']"),
        ("zoo:build_*", f"zoo:build_registry['system']{TOUCH}"),
        ("listed:*", f"listed:HOOKS['system']{TOUCH}"),
        ("listed:*", f"listed:NETS['deep']['system']{TOUCH}"),
        ("listed:*", "listed:NETS['deep']['os']"),
        ("listed:*", "listed:NETS['environment']['HOME']"),
    ],
    "another key": [
        ("zoo:build_nested['deep']['net']", f"zoo:build_nested['deep']['system']{TOUCH}"),
        ("zoo:build_nested['deep']['net']", "zoo:build_nested['deep']"),
        ("zoo:build_nested['deep']['net']", "zoo:build_nested"),
        ("zoo:build_registry['net']", f"zoo:build_registry['system']{TOUCH}"),
        ("zoo:build_*['net']", f"zoo:build_registered['system']{TOUCH}"),
        ("zoo:*", f"zoo:os.environ['HOME']{TOUCH}"),
    ],
    "dunder of a class": [
        ("zoo:Net.__subclasses__", "zoo:Net.__subclasses__()"),
        ("zoo:Net.*", "zoo:Net.__init__"),
        ("zoo:Net.__init__.__globals__", "zoo:Net.__init__.__globals__"),
    ],
    "attribute of a class that is defined elsewhere": [
        ("zoo:Net.*", f"zoo:Net.shell{TOUCH}"),
        ("zoo:Net.*", "zoo:Net.helpers"),
        ("zoo:Net.*.*", f"zoo:Net.helpers.system{TOUCH}"),
        ("zoo:Net.*", "zoo:Net.mro()"),
        ("zoo:Net.*", "zoo:Net.register_buffer('a', 1)"),
    ],
    "dot in a wildcard": [("zoo:*", "zoo:Net.small"), ("*:build_*", "zoo.nets:build_net")],
    "private name": [
        ("zoo:*", "zoo:_private"),
        ("zoo:?private", "zoo:_private"),
        ("zoo:[_]private", "zoo:_private"),
        ("zoo:*", "zoo:__dunder__"),
        ("zoo.*:build", "zoo._hidden:build"),
        ("listed:*", "listed:_secret"),
    ],
    "partial": [
        ("zoo:build_*", f"zoo:build_partial_system{TOUCH}"),
        ("zoo:build_*", f"zoo:build_nested_partial{TOUCH}"),
    ],
    "wrapper": [("zoo:build_*", f"zoo:build_cached{TOUCH}"), ("zoo:build_*", "zoo:build_generic()")],
    "bound method of another package": [
        ("zoo:build_*", "zoo:build_bound(1)"),
        ("zoo:build_*", "zoo:build_path(0, '.')"),
        ("zoo:build_*", "zoo:build_getter(1)"),
    ],
    "name that __all__ leaves out": [
        ("listed:*", "listed:build_unlisted"),
        ("listed:*", f"listed:system{TOUCH}"),
    ],
    "module that __all__ lists": [("listed:*", "listed:os"), ("listed:*", f"listed:os.system{TOUCH}")],
    "wildcard only in the module": [
        ("zoo.*:build_shell", f"zoo.shells:build_shell{TOUCH}"),
        ("*:build_system", f"zoo:build_system{TOUCH}"),
        ("zoo.*:shells", f"zoo.shells:shells['build']{TOUCH}"),
        ("*:build", "zoo.nets:build"),
    ],
    "deeper module": [("zoo.*:build_*", "zoo.deep.nets:build_deep"), ("zoo:**", "zoo.nets:build_net")],
    "spelling": [
        ("zoo:build", "zoo:Build"),
        ("zoo:build", "zoo:build_net"),
        ("zoo", "zoo:build"),
        ("zoo:", "zoo:build"),
        (":build", "zoo:build"),
        ("", "zoo:build"),
        ("**", "zoo:build"),
    ],
}


@pytest.mark.parametrize(
    ("entry", "reference"),
    [pytest.param(*attempt, id=f"{kind}-{attempt[1]}") for kind, tries in TRIES.items() for attempt in tries],
)
def test_reference_that_the_entry_does_not_allow_is_an_error(worker, project, entry, reference):
    with pytest.raises(InvalidReferenceError, match="is not allowed by `allow`"):
        build(worker, project, entry, reference)
    assert not (project / "ran").exists()


def test_cases_cover_many_kinds_of_attempts():
    assert len(TRIES) >= 16
    assert sum(map(len, TRIES.values())) >= 48


@pytest.mark.parametrize(
    ("entry", "reference", "root"),
    [
        pytest.param("*", "zoo:build_linear(1, 2)", "Linear", id="everything"),
        pytest.param("zoo:build", " zoo:build", "Linear", id="exact"),
        pytest.param("zoo:build", "zoo:build(width=2)", "Linear", id="exact with arguments"),
        pytest.param("zoo:build_*", "zoo:build_net", "Linear", id="re-export of the package"),
        pytest.param("zoo:build_*", "zoo:build_small", "Linear", id="partial"),
        pytest.param("zoo:build_*", "zoo:build_method", "Net", id="bound classmethod"),
        pytest.param("zoo:build_*", "zoo:build_instance", "Linear", id="instance with __call__"),
        pytest.param("zoo:*", "zoo:Net", "Net", id="class"),
        pytest.param("zoo:*", "zoo:model", "Linear", id="module instance"),
        pytest.param("zoo:model", "zoo:model", "Linear", id="exact module instance"),
        pytest.param("zoo.*:build_*", "zoo.nets:build_net", "Linear", id="wildcard in the module"),
        pytest.param("zoo.*:build_net", "zoo.nets:build_net", "Linear", id="wildcard only in the module"),
        pytest.param("zoo:Net.small", "zoo:Net.small", "Net", id="method"),
        pytest.param("zoo:Net.create", "zoo:Net.create", "Net", id="inherited classmethod"),
        pytest.param("zoo:Net.s*", "zoo:Net.small", "Net", id="wildcard for methods"),
        pytest.param("zoo:build_outside", "zoo:build_outside", "Linear", id="exact re-export of another package"),
        pytest.param("zoo:build_nested['deep']['net']", 'zoo:build_nested["deep"]["net"](2)', "Linear", id="exact key"),
        pytest.param(
            "zoo:build_nested['deep']", "zoo:build_nested['deep']['net']", "Linear", id="key and any below it"
        ),
        pytest.param("zoo:build_nested", "zoo:build_nested['deep']['net']", "Linear", id="dictionary"),
        pytest.param("listed:*", "listed:NETS['deep']['net']", "Identity", id="module in a nested dictionary"),
        pytest.param("zoo:build_*['net']", "zoo:build_registered['net']", "Linear", id="key with a wildcard"),
        pytest.param("zoo:build_linear", "zoo:build_linear(1, 2)", "Linear", id="exact foreign class"),
        pytest.param("zoo:_private", "zoo:_private", "Linear", id="exact private name"),
        pytest.param("outside:create_model", "outside:create_model('x')", "Linear", id="exact, as timm:create_model"),
        pytest.param("listed:*", "listed:build_outside", "Linear", id="listed in __all__"),
        pytest.param("zoo:build_*", "zoo:build_registered['net']", "Linear", id="own value of an own dictionary"),
    ],
)
def test_reference_that_the_entry_allows_is_built(worker, project, entry, reference, root):
    assert build(worker, project, entry, reference) == root


def find_all(worker, project, pattern):
    return answered(worker.reply(Request(0, pattern, "auto", (str(project),), listing=True))).references


def test_gallery_pattern_matches_what_a_wildcard_allows(worker, project):
    found = find_all(worker, project, "zoo:*")
    assert {"zoo:build", "zoo:build_net", "zoo:model", "zoo:Net"} <= set(found)
    for reference in found:
        build(worker, project, "zoo:*", reference)
    assert find_all(worker, project, "listed:*") == ("listed:build_outside", "listed:build_listed")


@pytest.mark.parametrize("pattern", ["zoo:build(*os.environ)", "zoo:build(*sys.path)", "zoo:os.environ[*]"])
def test_gallery_pattern_reads_no_other_module(pattern, project):
    with Source(project, path=["."], allow=["zoo:*"]) as source, pytest.raises(InvalidReferenceError, match="allowed"):
        source.find_all(pattern)


def test_inputs_function_is_checked_too(project):
    with Source(project, path=["."], allow=["zoo:*"]) as source:
        with pytest.raises(InvalidReferenceError, match="not allowed"):
            source.resolve("zoo:build", inputs="outside:build_outside")
        untraced = source.resolve("zoo:build", inputs=f"zoo:system{TOUCH}").model.untraced
    assert untraced is not None
    assert "is not allowed by `allow`" in untraced.message
    assert not (project / "ran").exists()


def test_cached_model_is_not_shown_under_a_stricter_list(project):
    with Source(project, path=["."], cache=Path(".cache")) as source:
        source.resolve("zoo:build_linear(1, 2)")
    with (
        Source(project, path=["."], cache=Path(".cache"), allow=["zoo:*"]) as source,
        pytest.raises(InvalidReferenceError),
    ):
        source.resolve("zoo:build_linear(1, 2)")


def test_empty_list_allows_only_names(project):
    with pytest.raises(InvalidReferenceError) as caught:
        AllowList([], project).entries_for(parse_reference("zoo:build"))
    assert caught.value.hint == "allowed: none"


@pytest.fixture
def weights(tmp_path) -> Path:
    """Create weights/a.safetensors, a link weights/link to a file outside, and a link shelf to weights."""
    (tmp_path / "site" / "weights" / "deep").mkdir(parents=True)
    (tmp_path / "secret" / "deep").mkdir(parents=True)
    (tmp_path / "secret" / "x.safetensors").touch()
    site = tmp_path / "site"
    (site / "weights" / "a.safetensors").touch()
    (site / "weights" / "link").symlink_to(tmp_path / "secret" / "deep")
    (site / "weights" / "out.safetensors").symlink_to(tmp_path / "secret" / "x.safetensors")
    (site / "shelf").symlink_to("weights")
    return site


@pytest.mark.parametrize(
    ("entry", "reference", "is_allowed"),
    [
        ("checkpoint:weights/*", "checkpoint:weights/a.safetensors", True),
        ("checkpoint:weights/*", "checkpoint:./weights/deep/../a.safetensors", True),
        ("checkpoint:shelf/*", "checkpoint:weights/a.safetensors", True),
        ("checkpoint:weights/*", "checkpoint:shelf/a.safetensors", True),
        ("checkpoint:weights/a*", "checkpoint:weights/a.safetensors", True),
        ("checkpoint:weights/a.safetensors", "checkpoint:weights/a.safetensors", True),
        ("checkpoint:weights/out.safetensors", "checkpoint:weights/out.safetensors", True),
        ("config:weights/*", "config:weights/config.json", True),
        ("checkpoint:weights/*", "checkpoint:weights/out.safetensors", False),
        ("checkpoint:weights/*", "checkpoint:weights/link/x.safetensors", False),
        ("checkpoint:weights/*", "checkpoint:weights/link/../x.safetensors", False),
        ("checkpoint:weights/*", "checkpoint:weights/../../secret/x.safetensors", False),
        ("checkpoint:weights/*", "checkpoint:/etc/passwd", False),
        ("checkpoint:weights/b*", "checkpoint:weights/a.safetensors", False),
        ("checkpoint:weights/a.safetensors", "checkpoint:weights/out.safetensors", False),
        ("config:weights/*", "checkpoint:weights/a.safetensors", False),
        ("bmvis.child.transformers_config:build_from_config", "config:weights/config.json", False),
        ("weights/*", "checkpoint:weights/a.safetensors", False),
    ],
)
def test_entries_of_files_resolve_links(weights, entry, reference, is_allowed):
    listed = AllowList([entry], weights)
    if is_allowed:
        assert listed.entries_for(parse_reference(reference)) == (entry,)
    else:
        with pytest.raises(BmvisError, match="not allowed"):
            listed.entries_for(parse_reference(reference))
