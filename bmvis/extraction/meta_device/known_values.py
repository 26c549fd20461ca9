"""Give values to the small constants that a factory computes on the meta device.

A constructor can compute numbers with tensors, such as `[x.item() for x in torch.linspace(0, rate, depth)]`. Under
`KnownValues`, tensors stay on the meta device, and each small tensor that is computed from constants only has a
*value*: a tensor on the CPU that the same operations are applied to. Code that reads the tensor gets the value.

If a value is not certain, the tensor has none, and reading it fails as without this mode. No value depends on a
parameter, a random number, or uninitialized memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

from bmvis.extraction.meta_device.device_moves import MOVES, Move, target_device

MAX_ELEMENTS = 2**16
"""Maximum number of elements of a tensor that has a value."""
MAX_VALUES = 2**14
"""Maximum number of tensors of one model that have a value."""
_CONSTRUCTORS = frozenset(
    getattr(torch, name)
    for name in (
        "arange", "as_tensor", "asarray", "bartlett_window", "blackman_window", "eye", "full", "hamming_window",
        "hann_window", "kaiser_window", "linspace", "logspace", "ones", "range", "scalar_tensor", "tensor",
        "tril_indices", "triu_indices", "zeros",
    )
) | {torch.fft.fftfreq, torch.fft.rfftfreq}  # fmt: skip
"""Functions whose result depends on their arguments only."""
_UNTRACKED = frozenset(
    ("__deepcopy__", "resize_", "resize_as_", "set_", "share_memory_", "as_subclass", "register_hook")
)
_PLAIN = (torch.Tensor, nn.Parameter)
_NESTED = (list, tuple, dict)
_SCALARS = frozenset((bool, int, float, str, type(None), torch.dtype, torch.device))
_IS_META = vars(torch._C.TensorBase)["is_meta"].__get__
"""Code that reads it can leave out what it writes on the CPU, as functions of `torch.nn.init` do."""
_UNCERTAIN = object()
"""Result of `_answer` if the value of a call is not certain."""


class _Known(NamedTuple):
    tensor: torch.Tensor
    """A reference that keeps the tensor alive, so that its id stays unique."""
    value: torch.Tensor
    storage: torch.UntypedStorage
    """The memory of the tensor. `x.data = y` gives it another one."""
    lead: int
    """Version counter of the tensor minus that of the value. An in-place operation, also on a view, increases both, so
    a different result means that one was missed."""


class KnownValues(TorchFunctionMode):
    """Function mode in which small constants on the meta device have values, and meta tensors can be moved.

    Enter it inside `torch.device("meta")`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[int, _Known] = {}
        self._storages: dict[int, list[int]] = {}
        """Ids of the known tensors, by the identity of their storage."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return self.call(func, args, kwargs or {})

    def call(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a function of PyTorch. Another mode that calls this saves the time of entering two modes."""
        name = getattr(func, "__name__", "")
        if name in MOVES and args and _is_plain_meta(args[0]):
            moved = MOVES[name](args, kwargs)
            if moved is not None:
                return self._moved(func, moved, args, kwargs)
        if func is torch.Tensor.__iter__ and id(args[0]) in self._known:
            with self:
                return iter(args[0].unbind(0))
        if name == "__get__" and func == _IS_META:
            self._forget(args[0])
        values = None
        if func in _CONSTRUCTORS or (self._known and self._is_known(args, kwargs)):
            values = self._values(func, name, args, kwargs)
        if values is None:
            self._forget_written(name, args, kwargs)
            return func(*args, **kwargs)
        try:
            result = func(*args, **kwargs)
        except Exception:
            answer = _answer(func, values, may_write=False)
            if answer is _UNCERTAIN or answer is None:  # without a result, the call is there for what it changes
                self._forget_all(args, kwargs)
                raise
            return tree_map(self._on_meta, answer)
        self._learn(func, result, values, args, kwargs)
        return result

    def _moved(self, func: Any, moved: Move, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return the result of a move. A move to the CPU returns the tensor itself, as a tensor on the CPU does."""
        values = self._values(func, func.__name__, args, kwargs)
        result = moved.func(*moved.args, **moved.kwargs)
        if moved.is_copy and result is args[0]:
            result = result.clone()
        if values is not None:
            operation = _Operation(moved.args, moved.kwargs, values.tensors).on_cpu(self.value)
            self._learn(moved.func, result, operation, args, kwargs)
        return result

    def _values(self, func: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Operation | None:
        """Return the call with the values of its tensors; None if a tensor has none, or the result is not certain."""
        if name in _UNTRACKED or "empty" in name or kwargs.get("generator") is not None:
            return None
        device = kwargs.get("device")
        if func in _CONSTRUCTORS and device is not None and not _is_meta_device(device):
            return None
        tensors = [leaf for leaf in _leaves(args, kwargs) if isinstance(leaf, torch.Tensor)]
        if not tensors and func not in _CONSTRUCTORS:
            return None
        if any(self.value(tensor) is None for tensor in tensors):
            return None
        if tensors and all(id(tensor) not in self._known for tensor in tensors) and func not in _CONSTRUCTORS:
            return None
        if func in _CONSTRUCTORS:
            kwargs = {**kwargs, "device": "cpu"}
        return _Operation(args, kwargs, tensors).on_cpu(self.value)

    def _is_known(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Return whether an argument is a tensor that has a value, or can contain one. It runs for each operation."""
        known = self._known
        for given in (*args, *kwargs.values()) if kwargs else args:
            if isinstance(given, _NESTED) or (type(given) not in _SCALARS and id(given) in known):
                return True  # `id` raises an audit event
        return False

    def value(self, tensor: torch.Tensor) -> torch.Tensor | None:
        """Return the value of a tensor. A small tensor on the CPU is its own value."""
        with torch._C.DisableTorchFunction():
            if not tensor.is_meta:
                is_small = type(tensor) is torch.Tensor and tensor.device.type == "cpu" and _is_small(tensor)
                return tensor if is_small else None
            known = self._known.get(id(tensor))
            if known is None or not _agree(tensor, known.value) or _lead(tensor, known.value) != known.lead:
                return None
            return known.value if tensor.untyped_storage()._cdata == known.storage._cdata else None

    def _learn(self, func: Any, result: Any, values: _Operation, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Store the values of the tensors that a call returned."""
        if result is not None and not isinstance(result, torch.Tensor | tuple | list):
            return
        made = [leaf for leaf in tree_leaves(result) if isinstance(leaf, torch.Tensor)]
        if (result is not None and not made) or not all(_is_plain_meta(leaf) and _is_small(leaf) for leaf in made):
            return
        answer = _answer(func, values, may_write=True)
        if answer is _UNCERTAIN:
            self._forget_all(args, kwargs)
            return
        found = [leaf for leaf in tree_leaves(answer) if isinstance(leaf, torch.Tensor)]
        if len(found) == len(made):
            for tensor, value in zip(made, found, strict=True):
                self._keep(tensor, value)

    def _keep(self, tensor: torch.Tensor, value: torch.Tensor) -> None:
        with torch._C.DisableTorchFunction():
            if len(self._known) >= MAX_VALUES or not _is_small(value) or not _agree(tensor, value):
                self._known.pop(id(tensor), None)
                return
            lead = _lead(tensor, value)
            known = self._known.get(id(tensor))
            if lead is None or (known is not None and known.value is value and known.lead != lead):
                return  # the in-place operation increased only one of the counters
            storage = tensor.untyped_storage()
            self._known[id(tensor)] = _Known(tensor, value, storage, lead)
            self._storages.setdefault(storage._cdata, []).append(id(tensor))

    def _on_meta(self, leaf: Any) -> Any:
        """Return a tensor on the meta device that has this value. Other objects are returned unchanged."""
        if not isinstance(leaf, torch.Tensor):
            return leaf
        with torch._C.DisableTorchFunction():
            tensor = leaf.detach().to("meta")
        self._keep(tensor, leaf)
        return tensor

    def _forget_written(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Remove the values of tensors that share memory with one that is written to, such as a parameter's `data`."""
        if not self._known:
            return
        written = (args[:1] or tuple(kwargs.values())) if _writes(name) or kwargs.get("inplace") else ()
        for leaf in _leaves((*written, kwargs.get("out")), {}):
            self._forget(leaf)

    def _forget_all(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Remove the values of the arguments of a call: a call that failed or was random can have changed them."""
        for leaf in _leaves(args, kwargs):
            self._forget(leaf)

    def _forget(self, tensor: Any) -> None:
        """Remove the values of a tensor and of those that share its memory."""
        if not _is_plain_meta(tensor):
            return
        with torch._C.DisableTorchFunction():
            if tensor.layout is not torch.strided:
                return
            for known in self._storages.pop(tensor.untyped_storage()._cdata, ()):
                self._known.pop(known, None)
            self._known.pop(id(tensor), None)


class _Operation(NamedTuple):
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    tensors: list[torch.Tensor]

    def on_cpu(self, value_of: Callable[[torch.Tensor], torch.Tensor | None]) -> _Operation:
        """Return the call with its tensors' values, on the CPU."""

        def translate(leaf: Any) -> Any:
            if isinstance(leaf, torch.Tensor):
                return value_of(leaf)
            return "cpu" if isinstance(leaf, torch.device) and leaf.type == "meta" else leaf

        kwargs = {
            name: "cpu" if name == "device" else tree_map(translate, given) for name, given in self.kwargs.items()
        }
        args = tuple(
            "cpu" if _is_text(given) and given == "meta" else tree_map(translate, given) for given in self.args
        )
        return _Operation(args, kwargs, [value for tensor in self.tensors if (value := value_of(tensor)) is not None])


def _answer(func: Any, values: _Operation, *, may_write: bool) -> Any:
    """Return the result of a call with values; `_UNCERTAIN` if it fails, is random, or writes although it must not."""
    with torch._C.DisableTorchFunction():
        versions = [_version(value) for value in values.tensors]
        state = torch.get_rng_state()
        try:
            answer = func(*values.args, **values.kwargs)
        except Exception:
            return _UNCERTAIN
        if not torch.equal(state, torch.get_rng_state()):
            torch.set_rng_state(state)
            return _UNCERTAIN
        is_written = versions != [_version(value) for value in values.tensors]
        return _UNCERTAIN if is_written and not may_write else answer


def _leaves(args: Any, kwargs: dict[str, Any]) -> Iterator[Any]:
    for given in (*args, *kwargs.values()):
        if isinstance(given, _NESTED):
            yield from tree_leaves(given)
        else:
            yield given


def _writes(name: str) -> bool:
    """Return whether a function of this name changes its first argument, by PyTorch's naming rules."""
    return (
        (name.endswith("_") and not name.endswith("__")) or name.startswith("__i") or name in ("__setitem__", "__set__")
    )


def _is_plain_meta(thing: Any) -> bool:
    if type(thing) not in _PLAIN:
        return False
    with torch._C.DisableTorchFunction():
        return bool(thing.is_meta)


def _is_small(tensor: torch.Tensor) -> bool:
    with torch._C.DisableTorchFunction():
        return tensor.layout is torch.strided and tensor.numel() <= MAX_ELEMENTS


def _agree(tensor: torch.Tensor, value: torch.Tensor) -> bool:
    return tensor.shape == value.shape and tensor.dtype == value.dtype and value.device.type == "cpu"


def _lead(tensor: torch.Tensor, value: torch.Tensor) -> int | None:
    versions = _version(tensor), _version(value)
    return None if None in versions else versions[0] - versions[1]  # type: ignore[operator]


def _version(tensor: torch.Tensor) -> int | None:
    return None if tensor.is_inference() else tensor._version


def _is_meta_device(device: Any) -> bool:
    found = target_device(device)
    return found is not None and found.type == "meta"


def _is_text(given: Any) -> bool:
    return isinstance(given, str)
