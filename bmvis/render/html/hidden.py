"""Write the attribute that gives the script the modules below the depth limit, for its filter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bmvis.model.labels import label
from bmvis.model.tree import Module, Parameter
from bmvis.render.html.markup import safe_name
from bmvis.view.page import Row


def modules(row: Row) -> str | None:
    """Return a line for each group of equal modules that a row hides, in preorder; None if it hides none.

    A line has the levels below the row, the names, the type, and words for tensors and states. Each part is without the
    characters that ids can't contain:

        1 0-11 BertLayer
        2 query,value Linear .weight .bias trainable
    """
    return "\n".join(" ".join(_words(one.depth, one.names, one.module)) for one in row.below) or None


def _words(depth: int, names: Sequence[str], module: Module) -> Iterator[str]:
    yield str(depth)
    yield _names(names)
    yield safe_name(module.type)
    names = [*(parameter.name for parameter in module.parameters), *(buffer.name for buffer in module.buffers)]
    yield from (f".{safe_name(name)}" for name in names)
    yield from dict.fromkeys(state for parameter in module.parameters for state in _states(parameter))
    yield from ("buffer" for _ in module.buffers[:1])


def _names(names: Sequence[str]) -> str:
    """Return the names, with a hyphen only in ranges of numbers."""
    ranges = label(names)
    is_exact = all(map(str.isdecimal, names)) and "..." not in ranges
    return ranges if is_exact else ",".join(safe_name(name).replace("-", "~2d~") for name in names)


def _states(parameter: Parameter) -> Iterator[str]:
    """Yield the words by which the filter finds a parameter's marks."""
    yield "trainable" if parameter.trainable else "frozen"
    if parameter.delta:
        yield "delta"
    if parameter.is_tied:
        yield "tied"
