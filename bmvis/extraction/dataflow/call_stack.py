"""The stack of module calls while a model runs, with calls that PyTorch's hooks do not report.

If code calls `module.forward` directly, as PEFT does with the wrapped model, no hook reports it. The submodules that
it calls then have a path with modules in between that have no call on the stack. Those get an implied call.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import NamedTuple

from torch import nn

from bmvis.extraction.dataflow.raw_operations import RawOperation
from bmvis.extraction.modules import LiveModel
from bmvis.model.dataflow import ModuleCall
from bmvis.model.preorder import child_path

_PARAMETRIZATIONS = "parametrizations"
"""Modules below this attribute compute a weight: their operations are those of the module that has the weight."""
_NONE: Sequence[str] = ()


class _Implied(NamedTuple):
    """An implied call."""

    path: str
    frame: FrameType | None
    """The frame of the `forward` that runs; None if code calls other methods, or modules inside."""
    call: int


class _Running:
    """A call that runs."""

    __slots__ = ("call", "implied", "module", "path", "since")

    def __init__(self, module: int, path: str, call: int) -> None:
        self.module = module
        self.path = path
        self.call = call
        self.implied: list[_Implied] = []
        """Implied calls that may still run, the outermost one first."""
        self.since = 0
        """The number of operations when the last implied call was entered."""


class CallStack:
    """All calls, and those that run."""

    def __init__(self, live: LiveModel) -> None:
        self.calls: list[ModuleCall] = []
        self.call = 0
        """The index of the innermost call."""
        self.path = ""
        """The path of the module of the innermost call."""
        self._running: list[_Running] = []
        self._places: dict[int, list[str]] = {}
        self._known: dict[tuple[str, str], list[str]] = {}
        """Results of `_between`."""
        self._is_container: dict[str, bool] = {}
        self._uses_inner_weights: set[str] = set()
        """Paths of modules that use the weights of submodules that they do not call."""
        self._tables: set[str] = set()
        """Paths of embeddings."""
        self._modules: dict[str, nn.Module] = {}
        for _, _, path, module, *_ in live.occurrences:
            if isinstance(module, nn.Embedding):
                self._tables.add(path)
            self._places.setdefault(id(module), []).append(path)
            self._modules[path] = module
            self._is_container[path] = is_container(module)
            if isinstance(module, nn.MultiheadAttention):
                self._uses_inner_weights.add(path)

    def uses_own_tensors(self, path: str) -> bool:
        """Return whether a module uses its own tensors. A `ParameterList` and those of a parametrization do not."""
        if _PARAMETRIZATIONS in path and _PARAMETRIZATIONS in path.split("."):
            return False
        return not path or not self._is_container.get(path)

    def owner(self, path: str, name: str) -> tuple[str, str]:
        """Return the path of the module that uses a tensor, and its name there."""
        while not self.uses_own_tensors(path):
            path, _, last = path.rpartition(".")
            name = child_path(last, name)
        return path, name

    def holder(self, owners: Sequence[str]) -> int | None:
        """Return the innermost call of a module that has a parameter; None if none of them runs.

        `nn.MultiheadAttention` uses the weights of a submodule without calling it.
        """
        path = self.path
        if path in owners or (path in self._uses_inner_weights and any(_is_below(owner, path) for owner in owners)):
            return self.call
        outer = self._running[:-1]
        around = [
            one
            for running in outer
            for one in ((running.path, running.call), *((implied.path, implied.call) for implied in running.implied))
        ]
        return next((call for path, call in reversed(around) if path in owners), None)

    def is_outside(self, path: str) -> bool:
        """Return whether a module is not inside that of the innermost call."""
        return not _is_below(path, self.path)

    def is_table(self, path: str) -> bool:
        """Return whether a module is an embedding."""
        return path in self._tables

    def call_around(self, path: str) -> int:
        """Return the innermost call of a module that contains the one at a path."""
        return next(running.call for running in reversed(self._running) if _is_below(path, running.path))

    def add_call(self, path: str, around: int) -> int:
        """Return a new call, below another one, of a module that no hook reported."""
        self.calls.append(ModuleCall(path, around))
        return len(self.calls) - 1

    def call_elsewhere(self, module: nn.Module) -> int:
        """Return a new call of a module that another thread runs."""
        path = self.nearest(self._places.get(id(module), [self.path]))
        around = [running.call for running in list(self._running) if _is_below(path, running.path)]
        return self.add_call(path, around[-1] if around else 0)

    def resume(self, module: nn.Module) -> None:
        """Go on with the call of the model, for what it has returned computes when it is read."""
        self.path, self.call = "", 0
        self._running.append(_Running(id(module), "", 0))

    def nearest(self, paths: Sequence[str]) -> str:
        """Return the path that shares the most with the path of the innermost call."""
        here = self.path.split(".")
        return max(paths, key=lambda path: _common(here, path.split(".")))

    def enter(self, module: nn.Module, operations: Sequence[RawOperation]) -> None:
        """Begin a call. Modules that are not in the tree belong to the module that calls them."""
        paths = self._places.get(id(module))
        path = "" if not paths else paths[0] if len(paths) == 1 else self.nearest(paths)
        if self._running and (not paths or (_PARAMETRIZATIONS in path and _PARAMETRIZATIONS in path.split("."))):
            self._running.append(_Running(id(module), self.path, self.call))
            return
        parent = self._parent(path, operations) if self._running else -1
        self.path, self.call = path, self.add_call(path, parent)
        self._running.append(_Running(id(module), path, self.call))

    def leave(self, module: nn.Module) -> None:
        """End a call."""
        number = id(module)
        if self._running and self._running[-1].module == number:
            self._running.pop()
        elif any(running.module == number for running in self._running):
            while self._running.pop().module != number:
                pass  # a module whose hook, from user code, raised before
        if self._running:
            self.path, self.call = self._running[-1].path, self._running[-1].call
        else:
            self.path, self.call = "", 0

    def implied_call(
        self,
        path: str,
        operations: Sequence[RawOperation],
        frame: FrameType | None,
        may_go_on: Callable[[int], bool],
    ) -> int:
        """Return a call, below the innermost one, of a module that no hook reported.

        If its `forward` runs, it is the call with the same frame: operations in between belong to it. Else it is the
        one of the last operation, if that is of the same module and `may_go_on`.
        """
        if frame is not None:
            return self._innermost([*self._between(path), path], operations)
        parent = self._parent(path, operations)
        if operations and self.calls[last := operations[-1].call] == ModuleCall(path, parent) and may_go_on(last):
            return last
        return self.add_call(path, parent)

    def forward_frame(self, path: str) -> FrameType | None:
        """Return the frame of the `forward` of a module that code calls directly; None if it does not run."""
        module, caller = self._modules[path], self._running[-1].module
        found = None
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            code = frame.f_code
            if code.co_name == "forward" and code.co_argcount:
                owner = frame.f_locals.get(code.co_varnames[0])
                if id(owner) == caller:
                    break
                found = frame if owner is module else found
            frame = frame.f_back
        return found

    def close(self) -> None:
        """Release the frames, which keep tensors alive."""
        self._running.clear()

    def _parent(self, path: str, operations: Sequence[RawOperation]) -> int:
        """Return the call below which a call of the module at `path` belongs; with implied calls in between."""
        caller = self._running[-1]
        between = self._between(path)
        return self._innermost(between, operations) if between or caller.implied else caller.call

    def _innermost(self, paths: Sequence[str], operations: Sequence[RawOperation]) -> int:
        """Return the call of the last of some modules, each of which runs inside the one before it.

        Those that do not run yet get implied calls, and implied calls of other modules end.
        """
        caller = self._running[-1]
        wanted = [(one, self.forward_frame(one)) for one in paths]
        common = _common([(one.path, one.frame) for one in caller.implied], wanted)
        del caller.implied[common:]
        if common:  # the code between two calls in a module is that of the module
            for operation in operations[caller.since :]:
                if operation.call == caller.call:
                    operation.call = caller.implied[-1].call
        for path, frame in wanted[common:]:
            parent = caller.implied[-1].call if caller.implied else caller.call
            caller.implied.append(_Implied(path, frame, self.add_call(path, parent)))
        caller.since = len(operations)
        return caller.implied[-1].call if caller.implied else caller.call

    def _between(self, below: str) -> Sequence[str]:
        """Return the paths of the modules between the innermost call and a module that code can call."""
        above = self.path
        outer = below.rpartition(".")[0]
        while outer != above and self._is_container.get(outer):
            outer = outer.rpartition(".")[0]
        if outer == above:
            return _NONE
        key = (above, below)
        if key not in self._known:
            parts = below.split(".")
            first = len(above.split(".")) + 1 if above else 1
            paths = [".".join(parts[:length]) for length in range(first, len(parts))]
            is_inside = _is_below(below, above)
            self._known[key] = [path for path in paths if is_inside and not self._is_container.get(path, True)]
        return self._known[key]


def is_container(module: nn.Module) -> bool:
    """Return whether code calls the modules in a module, but seldom the module itself."""
    return type(module) is nn.Sequential or getattr(type(module), "forward", None) is nn.Module.forward


def _is_below(path: str, outer: str) -> bool:
    return not outer or path.startswith(f"{outer}.")


def _common(one: Sequence[object], other: Sequence[object]) -> int:
    """Return the number of equal items at the beginning."""
    count = 0
    for here, there in zip(one, other, strict=False):
        if here != there:
            break
        count += 1
    return count
