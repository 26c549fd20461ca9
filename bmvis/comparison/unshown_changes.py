"""The changes that parameters, settings and the class of a row do not show, as text for the row. Internal.

They are those of buffers, of the order of modules and tensors, of code that changes a state dict, and of optimizers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from bmvis.comparison.alignment import AlignedPair
from bmvis.comparison.checkpoint import CODE
from bmvis.comparison.lines import fact_line
from bmvis.comparison.optimizer_changes import optimizer_changes
from bmvis.comparison.parametrized import parametrized_tensors
from bmvis.comparison.quantized import is_inner, is_quantized
from bmvis.comparison.state_code_changes import state_code_changes
from bmvis.comparison.structure_changes import StructureChanges
from bmvis.comparison.tensor_changes import ChangedFact, changed, facts_of, tensor_changes
from bmvis.model.tree import Model, Module, Parameter


class UnshownChanges:
    """The changes from one model to another that rows do not show otherwise.

    Args:
        before: the first model.
        after: the second model.
        pairs: the alignment of the two.
        key: a function that converts a state-dict key of the first model to the key in the second one.
    """

    def __init__(self, before: Model, after: Model, pairs: Sequence[AlignedPair], key: Callable[[str], str]) -> None:
        self._before, self._after, self._key = before, after, key
        structure = StructureChanges(before, after, pairs)
        self._orders = {line.path: line.text for line in structure.reordered()}
        self._common = frozenset(_common_dtypes(before, after, structure.now.items()))
        """Changes of data types that rows of parameters show."""

    def of_module(self, old: int, new: int) -> Iterator[str]:
        """Yield the changes of a module that both models have."""
        was, is_now = self._before.modules[old], self._after.modules[new]
        if was.shared_with is None and is_now.shared_with is None:
            yield from self._tensors(old, new)
            if CODE not in self._before.unrecorded:
                yield from (fact.text for fact in state_code_changes(was, is_now))
        if text := self._orders.get(self._after.paths[new]):
            yield text

    def of_optimizers(self) -> Iterator[str]:
        """Yield the changes of the optimizers, which belong to no module."""
        for line in optimizer_changes(self._before, self._after):
            verb = "" if line.kind == "changed" else f"{line.kind}: "
            yield f"{line.subject.replace(', ', ' ')} {verb}{line.text}"

    def _tensors(self, old: int, new: int) -> Iterator[str]:
        was, is_now = self._before.modules[old], self._after.modules[new]
        if is_quantized(was) or is_quantized(is_now) or is_inner(self._after, new):
            return
        alike: dict[ChangedFact, list[str]] = {}
        shown = {fact for one in _in_both(was, is_now) for fact in facts_of(*one, self._key)} | self._common
        hidden = {*parametrized_tensors(self._before, old), *parametrized_tensors(self._after, new)}
        buffers = _buffers(was) | _buffers(is_now)
        for name, fact in tensor_changes(was, is_now, self._key):
            if (name in buffers - hidden or not name) and fact not in shown:
                alike.setdefault(fact, []).append(name)
        for fact, names in alike.items():
            yield fact_line("", fact, names).text


def _buffers(module: Module) -> set[str]:
    return {buffer.name for buffer in module.buffers}


def _in_both(old: Module, new: Module) -> Iterator[tuple[Parameter, Parameter]]:
    """Yield the parameters that a module has in both models."""
    named = {parameter.name: parameter for parameter in old.parameters}
    yield from ((named[parameter.name], parameter) for parameter in new.parameters if parameter.name in named)


def _common_dtypes(before: Model, after: Model, kept: Iterable[tuple[int, int]]) -> Iterator[ChangedFact]:
    """Yield the change of each data type that all parameters with this type have in common."""
    found: dict[str, set[str]] = {}
    for old, new in kept:
        for one, other in _in_both(before.modules[old], after.modules[new]):
            found.setdefault(one.dtype, set()).add(other.dtype)
    for was, others in found.items():
        if len(others) == 1 and was not in others:
            yield changed(was, others.pop(), "numerics", topic="dtype", is_common=True)
