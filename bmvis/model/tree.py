"""The module tree of a PyTorch model as plain data: no torch, no layout, no host.

A tree is stored flat, in preorder: a module, then everything below it, each with its `depth`.
Flat data has no recursion limit (models nest a thousand deep), serialises row by row, and is
quick to walk. `Module.depth` is the only link between rows; `parents` and `sizes` derive the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Literal, TypeVar

import msgspec

_Told = TypeVar("_Told")


class Change(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What became of a module or parameter from one model to another; see `bmvis.comparison.changes`."""

    kind: Literal["added", "removed", "changed"]
    details: tuple[str, ...] = ()
    """From what to what, to be read: `trainable → frozen`, `[512, 768] → [1024, 768]`, `wrapped`."""


class Parameter(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One entry of `nn.Module._parameters`, or one weight that a quantised module packs away.

    `trainable` and `delta` are two facts, not one state: a delta parameter can be frozen.
    """

    name: str
    """The name in its module, the last part of its state-dict key."""
    shape: tuple[int, ...] | None
    """Logical shape; None while the parameter is uninitialised (lazy). In a nested tensor a side that varies is -1."""
    dtype: str
    """As PyTorch prints it, without the `torch.` prefix, such as `float32` or `qint8`."""
    count: int
    """Logical number of elements; for a packed 4-bit weight, that of the unpacked matrix."""
    stored_bytes: int
    """Bytes of storage that the elements take, packed where they are packed."""
    trainable: bool = True
    """Whether it requires a gradient."""
    delta: bool = False
    """Whether a delta method added it, or took it over."""
    adapter: str = ""
    """What the delta library says of a delta that is not simply in use, such as `inactive`, `merged` or `disabled`."""
    quantization: str = ""
    """The storage scheme, where logical and stored form differ, such as `nf4`, `int8` or `qint8 per channel`."""
    device: str = "meta"
    """Where the tensor is, as PyTorch prints it."""
    tied_to: str = ""
    """State-dict key under which the same tensor is first met; empty at that first place."""
    tied_by: tuple[str, ...] = ()
    """State-dict keys of the later places, kept at the first one."""
    change: Change | None = None
    """In a comparison, how it differs from before."""
    groups: tuple[int, ...] | None = None
    """Numbers of the parameter groups that hold it, as `Model.groups` counts them; None where the model came without
    an optimizer."""

    @property
    def is_tied(self) -> bool:
        """Return whether the tensor stands elsewhere as well."""
        return bool(self.tied_to or self.tied_by)

    @property
    def stored_as(self) -> str:
        """Return the data type, or the scheme that the parameter is quantised by."""
        return self.quantization or self.dtype


class Buffer(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One entry of `nn.Module._buffers`."""

    name: str
    """The name in its module."""
    shape: tuple[int, ...] | None
    """Its shape; None while it is uninitialised (lazy)."""
    dtype: str
    """As PyTorch prints it, without the `torch.` prefix."""
    stored_bytes: int
    """Bytes of storage that the elements take."""
    persistent: bool = True
    """Whether the buffer is part of the state dict."""
    device: str = "meta"
    """Where the tensor is, as PyTorch prints it."""
    tied_to: str = ""
    """State-dict key under which the same tensor is first met; empty at that first place."""


class Output(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A tensor that a module returned."""

    name: str
    """Its key, where a dictionary was returned; else ''."""
    shape: tuple[int, ...] | None
    """The least size of each dimension; None where even their number varies."""
    most: tuple[int, ...] = ()
    """The greatest, where calls differ."""


class Call(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What one forward pass of the model did with a module; see `bmvis.extraction.forward`."""

    calls: int = 0
    """How often it was called; 0 for a module that was not, and no module below it either."""
    order: int = 0
    """Rank of its first call among those of all modules."""
    outputs: tuple[Output, ...] = ()
    macs: int = 0
    """Multiply-accumulates of all calls, with those of the modules called from it."""
    bytes: int = 0
    """Bytes of the tensors that its operations made, likewise."""
    uncounted: tuple[str, ...] = ()
    """Names of operations that `macs` does not include, likewise, such as `mylib::mm`; sorted."""


class Module(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One `nn.Module` at one place in the model."""

    name: str
    """The attribute name in the parent; empty for the root. May hold any text."""
    depth: int
    """Levels below the root, which has 0."""
    type: str
    """Class name; '' where it is not known, below the root of a checkpoint."""
    package: str = ""
    """The Python module that defines the class, such as `torch.nn.modules.linear`."""
    qualname: str = ""
    """The class's `__qualname__`, where it differs from `type`."""
    parameters: tuple[Parameter, ...] = ()
    """Those of the module itself, in its order."""
    buffers: tuple[Buffer, ...] = ()
    """Those of the module itself, in its order."""
    extra_repr: str = ""
    """What the module says of itself, one line, such as `p=0.1, inplace=False`. No part of what folding compares."""
    shared_with: str | None = None
    """Path at which the same module object is first met. A shared module lists its own parameters
    (as ties) but not its children, which stand at the first place. The root's path is ''."""
    change: Change | None = None
    """In a comparison, how it differs from before, apart from its parameters and from what is below it."""
    origin: str | None = None
    """In a common structure, the path of the module in the model itself; name and place are the structure's."""
    common: Literal["", "virtual", "other"] = ""
    """In a common structure, that there is no such module in the model, or no name for this one."""
    call: Call | None = None
    """What a forward pass did with it, where one was asked for. No part of what folding compares."""

    @property
    def import_path(self) -> str:
        """Return the class's full dotted name, as an API reference names it."""
        return ".".join(part for part in (self.package, self.qualname or self.type) if part)

    @property
    def documented_as(self) -> str:
        """Return the dotted name that an API reference lists: torch re-exports the layers it defines."""
        if self.package.startswith("torch.nn.modules."):
            return f"torch.nn.{self.qualname or self.type}"
        return self.import_path


class ParameterGroup(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of an optimizer's `param_groups`; which parameters it holds is said by those."""

    name: str = ""
    """What the group calls itself, by a key `name`."""
    settings: dict[str, str] = {}
    """Hyperparameters in the optimizer's order, as text: `{"lr": "0.001", "betas": "(0.9, 0.999)"}`."""
    tensors: int = 0
    """Number of tensors in it."""
    strangers: int = 0
    """How many of them are no parameters of the model."""


class Optimizer(msgspec.Struct, frozen=True, omit_defaults=True):
    """An optimizer that the factory returned with the model."""

    type: str
    """Class name."""
    groups: tuple[ParameterGroup, ...] = ()
    schedulers: tuple[str, ...] = ()
    """Class names of the schedulers that came with it and change its rates."""


class Problem(msgspec.Struct, frozen=True):
    """Why something that was asked for beside the tree is missing; the fields are those of `BmvisError`."""

    message: str
    hint: str = ""
    detail: str = ""


class Model(msgspec.Struct, frozen=True, omit_defaults=True, dict=True):
    """A captured model: its modules in preorder; `modules[0]` is the root."""

    modules: tuple[Module, ...]
    """In preorder, so that a module stands before those below it."""
    device: str = "meta"
    """Where the factory built it, `meta`, or `cpu` where it could not be built on meta."""
    notes: tuple[str, ...] = ()
    """What the reader of the page's build log should know of the capture."""
    is_checkpoint: bool = False
    """Whether only names, shapes and data types are known. What stands among the parameters may then be a buffer, and
    `trainable` says nothing."""
    untraced: Problem | None = None
    """Why there are no calls, though they were asked for."""
    incomplete: Problem | None = None
    """Why modules or parameters may be missing: what failed on the meta device and was not built on the CPU."""
    optimizers: tuple[Optimizer, ...] = ()
    """Those that the factory returned with the model. Their groups are counted through, from 0."""

    @cached_property
    def paths(self) -> Sequence[str]:
        """The dotted path of each module, the root's being ''."""
        return paths(self.modules)

    @cached_property
    def parents(self) -> Sequence[int]:
        """The index of each module's parent; -1 for the root."""
        return parents(self.modules)

    @cached_property
    def children(self) -> Sequence[Sequence[int]]:
        """The indices of the modules right below each module, in order."""
        found: list[list[int]] = [[] for _ in self.modules]
        for index in range(1, len(found)):
            found[self.parents[index]].append(index)
        return found

    @cached_property
    def sizes(self) -> Sequence[int]:
        """How many modules each subtree holds, itself included: `[i, i + size)` is the subtree."""
        return sizes(self.modules)

    @cached_property
    def index_of(self) -> Mapping[str, int]:
        """The index of the first module at each path."""
        return {path: index for index, path in reversed(list(enumerate(self.paths)))}

    @cached_property
    def shared(self) -> Sequence[int]:
        """The indices of modules that are met there again."""
        return [index for index, module in enumerate(self.modules) if module.shared_with is not None]

    @cached_property
    def parameter_lists(self) -> tuple[Sequence[int], Sequence[tuple[Parameter, ...]]]:
        """For each module the number of its `parameters` among the distinct ones, and those.

        They are told apart as objects: modules of a captured model that are alike share one.
        """
        identities = [id(module.parameters) for module in self.modules]
        distinct = {id(module.parameters): module.parameters for module in self.modules}
        number = {identity: index for index, identity in enumerate(distinct)}
        return [number[identity] for identity in identities], list(distinct.values())

    @property
    def root(self) -> Module:
        """Return the outermost module."""
        return self.modules[0]


def join(parent: str, name: str) -> str:
    """Return the dotted path of `name` inside `parent` ('' is the root)."""
    return f"{parent}.{name}" if parent else name


def paths(modules: Sequence[Module]) -> list[str]:
    """Return the dotted path of each module in its model, the root's being ''."""
    trail: list[str] = []
    found = []
    for module in modules:
        del trail[module.depth :]
        path = module.origin
        if path is None:
            path = join(trail[-1], module.name) if trail else ""
        trail.append(path)
        found.append(path)
    return found


def parameter_facts(model: Model, tell: Callable[[tuple[Parameter, ...]], _Told]) -> list[_Told]:
    """Return what `tell` says of each module's parameters; it is asked once for those that several modules share."""
    numbers, distinct = model.parameter_lists
    told = [tell(parameters) for parameters in distinct]
    return [told[number] for number in numbers]


def parents(modules: Sequence[Module]) -> list[int]:
    """Return the index of each module's parent; -1 for the root."""
    trail: list[int] = []
    found = []
    for index, module in enumerate(modules):
        del trail[module.depth :]
        found.append(trail[-1] if trail else -1)
        trail.append(index)
    return found


def sizes(modules: Sequence[Module]) -> list[int]:
    """Return how many modules each subtree holds, itself included: `[i, i + size)` is the subtree."""
    found = [1] * len(modules)
    above = parents(modules)
    for index in range(len(modules) - 1, 0, -1):
        found[above[index]] += found[index]
    return found
