"""Find which modules have a parameter or buffer, whether their code runs, and what depends on parameters alone.

A module can use the weights of another one, as `other.weight`: the operation is that of the owner then.
"""

from __future__ import annotations

from collections.abc import Sequence

from bmvis.extraction.dataflow.call_stack import CallStack


class TensorOwners:
    """The owners of the parameters and buffers of a model, by references in `bmvis.model.dataflow`.

    Args:
        stack: the calls that run.
    """

    def __init__(self, stack: CallStack) -> None:
        self._stack = stack
        self.paths: dict[int, tuple[str, ...]] = {}
        """For the reference of a parameter or buffer, the paths of the modules that have it."""
        self.parameters: set[int] = set()
        """The references of the parameters."""
        self.of_weights: dict[int, tuple[int, ...]] = {}
        """For each operation that depends on parameters alone, those parameters."""

    def is_source(self, ref: int) -> bool:
        """Return whether a value counts as a source: a buffer only in a call of the module that has it."""
        return ref in self.parameters or ref not in self.paths or self._stack.path in self.paths[ref]

    def are_plain(self, sources: Sequence[int]) -> bool:
        """Return whether all sources are values, or tensors of the running module. Most are, and others take longer."""
        if not sources or self.has_of_weights(sources):
            return False
        path, known = self._stack.path, self.paths
        has_value = False
        for ref in sources:
            owners = known.get(ref) if ref < 0 else None
            if owners is not None and path not in owners:
                return False
            has_value = has_value or owners is None
        return has_value

    def foreign_owner(self, ref: int) -> str | None:
        """Return the path of the module that has a parameter if its code does not run; else None."""
        owners = self.paths[ref] if ref in self.parameters else ()
        return self._stack.nearest(owners) if owners and self._stack.holder(owners) is None else None

    def nearest(self, ref: int) -> str:
        """Return the path of the owner of a parameter that is nearest to the running module."""
        return self._stack.nearest(self.paths[ref])

    def holders(self, sources: Sequence[int]) -> dict[int, int | None]:
        """Return the call of the owner of each parameter among the sources; None if no owner runs."""
        return {ref: self._stack.holder(self.paths[ref]) for ref in sources if ref in self.parameters}

    def is_of_weights(self, ref: int) -> bool:
        """Return whether a value depends on parameters alone."""
        return ref in self.of_weights if ref >= 0 else ref in self.parameters

    def has_of_weights(self, sources: Sequence[int]) -> bool:
        """Return whether operations that depend on parameters alone are among the sources."""
        return bool(self.of_weights) and not self.of_weights.keys().isdisjoint(sources)

    def parameters_behind(self, sources: Sequence[int]) -> tuple[int, ...]:
        """Return the parameters that values depend on."""
        return tuple(dict.fromkeys(one for ref in sources for one in self.of_weights.get(ref, (ref,))))

    def own_parameters_behind(self, ref: int) -> tuple[int, ...]:
        """Return the parameters that an operation depends on, if the running module has all of them; else none."""
        behind, path = self.of_weights.get(ref, ()), self._stack.path
        return behind if all(path in self.paths[one] for one in behind) else ()
