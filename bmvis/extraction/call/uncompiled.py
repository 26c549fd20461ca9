"""Run compiled functions eagerly: `torch.compile` can take minutes, and its code does not call modules.

`torch.compiler.set_stance` does that, but it imports PyTorch's compiler, which takes a second. So nothing happens until
something else imports the compiler: `torch.compile` does.
https://docs.pytorch.org/docs/stable/generated/torch.compiler.set_stance.html
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib.machinery import ModuleSpec
from types import ModuleType

_COMPILER = "torch._dynamo"


@contextmanager
def uncompiled() -> Iterator[None]:
    """Run functions uncompiled, also if the compiler is imported later. PyTorch before 2.6 compiles them."""
    with ExitStack() as stack:
        if _COMPILER in sys.modules:
            _set_stance(sys.modules[_COMPILER], stack)
        else:
            finder = CompilerFinder(stack)
            sys.meta_path.insert(0, finder)
            stack.callback(finder.remove)
        yield


class CompilerFinder:
    """Sets the stance of the compiler right after its import."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Find the compiler with the other finders, and return None for all other modules."""
        if name != _COMPILER:
            return None
        self.remove()
        found = (finder.find_spec(name, path, target) for finder in list(sys.meta_path))
        spec = next((one for one in found if one), None)
        if spec and spec.loader:
            execute = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                _set_stance(module, self._stack)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec

    def remove(self) -> None:
        """Remove this finder, if it is still there."""
        with suppress(ValueError):
            sys.meta_path.remove(self)


def _set_stance(compiler: ModuleType, stack: ExitStack) -> None:
    set_stance = getattr(compiler, "set_stance", None)  # since PyTorch 2.6
    if set_stance is not None:
        stack.enter_context(set_stance("force_eager"))
