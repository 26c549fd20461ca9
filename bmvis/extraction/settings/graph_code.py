"""Record the code of TorchScript and of graphs of `torch.fx` and `torch.export`, which is a part of such models.

Only its length and a digest are recorded. No code of a model runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from bmvis.extraction import introspection
from bmvis.extraction.settings.callable_names import callable_name
from bmvis.extraction.settings.setting_values import text_of
from bmvis.extraction.shortened import digest
from bmvis.model.settings import CODE

MAX_CODE = 5_000_000
"""Characters of code that count."""
_MANGLED = re.compile(r"___torch_mangle_\d+\.?")
"""What PyTorch adds to the name of a class that it compiles again in one process."""
_ATTRIBUTE = re.compile(r'prim::GetAttr\[name="(\w+)"\]')
_SCALARS = (bool, int, float, str, list, tuple, dict)


def code_settings(module: nn.Module) -> dict[str, str]:
    """Return the settings for the code of a module, and the constants that its code reads; {} for other modules."""
    if issubclass(type(module), torch.jit.ScriptModule):
        return dict(_of_script(module))
    if issubclass(type(module), torch.fx.GraphModule):
        graph = introspection.attribute(module, "_graph")
        lines = [_node_text(node) for node in introspection.attribute(graph, "nodes") or ()]
        return {CODE: _shortened("\n".join(lines))} if lines else {}
    return {}


def _of_script(module: Any) -> Iterator[tuple[str, str]]:
    try:
        graph: str = module.graph.str(False)  # without the places in sources
        text = module.code if introspection.children(module) else module.inlined_graph.str(False)
    except (AttributeError, RuntimeError):
        return  # it has no `forward`, as an `nn.ModuleList`
    yield CODE, _shortened(_MANGLED.sub("", text))
    for name in sorted(set(_ATTRIBUTE.findall(graph)) - {"training", CODE}):
        value = module._c.getattr(name) if module._c.hasattr(name) else None
        if type(value) in _SCALARS and (shown := text_of(value, name)) is not None:
            yield name, shown


def _node_text(node: Any) -> str:
    """Return an operation of a graph with its arguments, in which other operations have their names."""
    target = node.target if isinstance(node.target, str) else callable_name(node.target)
    return f"{node.name} = {node.op} {target} {_argument(node.args)} {_argument(node.kwargs)}"


def _argument(value: Any) -> str:
    if isinstance(value, torch.fx.Node):
        return f"%{value.name}"
    if isinstance(value, tuple | list):
        return f"({', '.join(map(_argument, value))})"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name}: {_argument(item)}' for name, item in value.items())}}}"
    return str(text_of(value))


def _shortened(text: str) -> str:
    return f"{len(text)} characters {digest(text[:MAX_CODE])}"
