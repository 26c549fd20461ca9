"""The module tree of a PyTorch model as plain data: no torch, no layout, no host.

A tree is stored flat, in preorder: a module, then everything below it, each with its `depth`.
Flat data has no recursion limit (models can be a thousand levels deep), serializes row by row, and is
fast to traverse. `Module.depth` is the only link between modules. `bmvis.model.preorder` derives the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Literal, TypeAlias, TypeVar

import msgspec

from bmvis.model.call import Call
from bmvis.model.dataflow import Dataflow
from bmvis.model.optimizer import Optimizer
from bmvis.model.preorder import module_paths, parents, subtree_sizes
from bmvis.model.settings import Configuration
from bmvis.model.state_code import StateCode

_Fact = TypeVar("_Fact")


class Change(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """How a module or parameter differs between two models; see `bmvis.comparison.changes`."""

    kind: Literal["added", "removed", "changed"]
    details: tuple[str, ...] = ()
    """Descriptions for people: `trainable → frozen`, `[512, 768] → [1024, 768]`, `wrapped`."""


def is_sparse(quantization: str) -> bool:
    """Return whether the storage scheme of a parameter is a sparse layout."""
    return quantization.startswith("sparse_")


class Parameter(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A parameter of a module, or a weight that a quantized module stores packed.

    `trainable` and `delta` are independent: an adapter parameter ("delta") can be frozen.

    Examples:
        >>> weight = bmvis.capture(nn.Linear(2, 3)).root.parameters[0]
        >>> weight.name, weight.shape, weight.dtype, weight.count, weight.stored_bytes
        ('weight', (3, 2), 'float32', 6, 24)
    """

    name: str
    """The name in its module: the last part of its state-dict key."""
    shape: tuple[int, ...] | None
    """Logical shape. None if uninitialized (lazy). -1 is a varying dimension of a nested tensor."""
    dtype: str
    """Data type as PyTorch prints it, without the `torch.` prefix, such as `float32` or `qint8`."""
    count: int
    """Logical number of elements. For a packed 4-bit weight, the number of elements of the unpacked matrix."""
    stored_bytes: int
    """Size of the stored elements in bytes. For a packed weight, the packed size."""
    trainable: bool = True
    """Whether the parameter requires a gradient."""
    delta: bool = False
    """Whether an adapter library added the parameter, or trains it as part of an adapter."""
    adapter: str = ""
    """The state of an adapter parameter that is not active, such as `inactive`, `merged` or `disabled`."""
    quantization: str = ""
    """The storage scheme if logical and stored form differ, such as `nf4`, `int8`, `qint8 per channel`, or the layout
    `sparse_coo`."""
    parametrized: str = ""
    """On a row, the parametrizations that compute the tensor, such as `weight_norm`, or `pruned`."""
    device: str = "meta"
    """The device of the tensor, as PyTorch prints it."""
    tied_to: str = ""
    """For a tied parameter, the state-dict key of the first occurrence of the same tensor; '' at that occurrence."""
    tied_by: tuple[str, ...] = ()
    """At the first occurrence of a tied parameter, the state-dict keys of the others."""
    change: Change | None = None
    """In a comparison, how the parameter changed."""
    groups: tuple[int, ...] | None = None
    """Indices of the optimizer parameter groups that include it, counted through all of `Model.optimizers`. None if
    the model has no optimizer."""

    @property
    def is_tied(self) -> bool:
        """Return whether the same tensor has other occurrences in the model."""
        return bool(self.tied_to or self.tied_by)

    @property
    def stored_as(self) -> str:
        """Return the data type, or the quantization scheme of a quantized parameter, or both with a sparse layout."""
        return f"{self.dtype} {self.quantization}" if is_sparse(self.quantization) else self.quantization or self.dtype


class Buffer(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A buffer of a module.

    Examples:
        >>> [(b.name, b.shape, b.persistent) for b in bmvis.capture(nn.BatchNorm1d(4)).root.buffers][:1]
        [('running_mean', (4,), True)]
    """

    name: str
    """The name in its module: the last part of its state-dict key."""
    shape: tuple[int, ...] | None
    """The shape. None if the buffer is uninitialized (lazy)."""
    dtype: str
    """Data type as PyTorch prints it, without the `torch.` prefix."""
    stored_bytes: int
    """Size of the stored elements in bytes."""
    persistent: bool = True
    """Whether the buffer is part of the state dict."""
    device: str = "meta"
    """The device of the tensor, as PyTorch prints it."""
    tied_to: str = ""
    """For a tied buffer, the state-dict key of the first occurrence of the same tensor; '' at that occurrence."""


Tensor: TypeAlias = Parameter | Buffer


class Module(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One occurrence of an `nn.Module` in a model.

    Examples:
        >>> linear = bmvis.capture(nn.Sequential(nn.Linear(2, 3))).modules[1]
        >>> linear.name, linear.depth, linear.type, linear.import_path
        ('0', 1, 'Linear', 'torch.nn.modules.linear.Linear')
    """

    name: str
    """The attribute name in the parent; '' for the root. Can be any text."""
    depth: int
    """Number of levels below the root. The root has 0."""
    type: str
    """Class name; '' if unknown, as for the modules of a checkpoint."""
    package: str = ""
    """The Python module that defines the class, such as `torch.nn.modules.linear`."""
    qualname: str = ""
    """The `__qualname__` of the class, if it differs from `type`."""
    parameters: tuple[Parameter, ...] = ()
    """Parameters of the module itself, in order, without those of its children."""
    buffers: tuple[Buffer, ...] = ()
    """Buffers of the module itself, in order, without those of its children."""
    extra_repr: str = ""
    """The result of the module's `extra_repr()` on one line, such as `p=0.1, inplace=False`. Folding ignores it."""
    shared_with: str | None = None
    """For a shared module, the path of the first occurrence of the same object ('' is the root). A shared module lists
    its own parameters, as tied ones, but not its children. The first occurrence lists them."""
    change: Change | None = None
    """In a comparison, how the module itself changed, without its parameters and children."""
    origin: str | None = None
    """After renaming to common names, the path of the module in the original model."""
    common: Literal["", "virtual", "other"] = ""
    """After renaming: `virtual` for a level that the model does not have, `other` for a module without common name."""
    call: Call | None = None
    """The record of a forward pass, if one was requested. Folding ignores it."""
    state_code: StateCode | None = None
    """What its own code does to its state dict; None if it leaves that to PyTorch. Folding ignores it."""
    settings: dict[str, str] | None = None
    """Values that decide its behavior and aren't tensors, as text, without those in `extra_repr`: see
    `bmvis.model.settings`. None for a shared module. Folding ignores it."""

    @property
    def import_path(self) -> str:
        """Return the full dotted name of the class."""
        return ".".join(part for part in (self.package, self.qualname or self.type) if part)

    @property
    def documented_as(self) -> str:
        """Return the dotted name in API references, such as `torch.nn.Linear`, where torch re-exports its layers."""
        if self.package.startswith("torch.nn.modules."):
            return f"torch.nn.{self.qualname or self.type}"
        return self.import_path


class Problem(msgspec.Struct, frozen=True):
    """Why requested data is missing from a model. The fields are those of `BmvisError`."""

    message: str
    hint: str = ""
    detail: str = ""


class Model(msgspec.Struct, frozen=True, omit_defaults=True, dict=True):
    """A captured model: its modules in preorder. `modules[0]` is the root.

    Examples:
        >>> model = bmvis.capture(nn.Sequential(nn.Linear(2, 3), nn.ReLU()))
        >>> [(path, module.type) for path, module in zip(model.paths, model.modules)]
        [('', 'Sequential'), ('0', 'Linear'), ('1', 'ReLU')]
    """

    modules: tuple[Module, ...]
    """The modules in preorder: each one precedes the modules below it."""
    device: str = "meta"
    """The device on which the factory built the model: `meta`, or `cpu` if that failed."""
    notes: tuple[str, ...] = ()
    """Messages about the capture for the build log."""
    is_checkpoint: bool = False
    """Whether the model was read from a checkpoint, which has only names, shapes and data types. `parameters` can then
    include buffers, and `trainable` is meaningless."""
    active: int = 0
    """Number of parameters that one token uses in a mixture of experts. 0 if there are no experts, or it is unknown."""
    inputs: str = ""
    """The inputs of the forward pass that was requested, as `options.inputs` writes them; '' if there was none."""
    untraced: Problem | None = None
    """Why there is no record of a forward pass although one was requested."""
    incomplete: Problem | None = None
    """Why modules or parameters may be missing: the failure on the meta device, if the CPU did not build the model."""
    optimizers: tuple[Optimizer, ...] = ()
    """The optimizers that the factory returned with the model. Their groups are numbered consecutively from 0."""
    configurations: tuple[Configuration, ...] = ()
    """Configuration objects of libraries, such as `BertConfig` and `LoraConfig`."""
    versions: dict[str, str] = {}
    """The version of torch and of the packages that define the classes of the modules. They aren't facts of a model."""
    dataflow: Dataflow | None = None
    """Which operation of a call uses the results of which others, if that was requested."""
    undrawn: Problem | None = None
    """Why there is no dataflow although it was requested, if `untraced` does not explain it."""
    unrecorded: tuple[str, ...] = ()
    """Facts that are unknown because the snapshot has an older format, such as `state_code`. They are not compared."""
    is_recorded: bool = False
    """Whether a page draws it from a snapshot. `versions` are then those of the time when it was recorded."""

    def __hash__(self) -> int:
        # Dictionaries, as in `versions` and in the settings of modules, have no hash.
        return hash(tuple([(module.depth, module.name, module.type, module.parameters) for module in self.modules]))

    @cached_property
    def paths(self) -> Sequence[str]:
        """The dotted path of each module; '' for the root."""
        return module_paths(self.modules)

    @cached_property
    def parents(self) -> Sequence[int]:
        """The index of each module's parent; -1 for the root."""
        return parents(module.depth for module in self.modules)

    @cached_property
    def children(self) -> Sequence[Sequence[int]]:
        """The indices of the children of each module, in order."""
        found: list[list[int]] = [[] for _ in self.modules]
        for index in range(1, len(found)):
            found[self.parents[index]].append(index)
        return found

    @cached_property
    def sizes(self) -> Sequence[int]:
        """The number of modules in each subtree, including its root: `[i, i + size)` is the subtree of module `i`."""
        return subtree_sizes(self.modules)

    @cached_property
    def index_of(self) -> Mapping[str, int]:
        """The index of the first module at each path."""
        return {path: index for index, path in reversed(list(enumerate(self.paths)))}

    @cached_property
    def shared(self) -> Sequence[int]:
        """The indices of shared modules, without their first occurrences."""
        return [index for index, module in enumerate(self.modules) if module.shared_with is not None]

    @cached_property
    def parameter_lists(self) -> tuple[Sequence[int], Sequence[tuple[Parameter, ...]]]:
        """For each module, the index of its `parameters` in the list of distinct ones; and that list.

        Tuples are compared by identity, because equal modules of a captured model share one tuple.
        """
        identities = [id(module.parameters) for module in self.modules]
        distinct = {id(module.parameters): module.parameters for module in self.modules}
        number = {identity: index for index, identity in enumerate(distinct)}
        return [number[identity] for identity in identities], list(distinct.values())

    @property
    def root(self) -> Module:
        """Return the outermost module."""
        return self.modules[0]


def parameter_facts(model: Model, fact: Callable[[tuple[Parameter, ...]], _Fact]) -> list[_Fact]:
    """Return the value of `fact` for the parameters of each module, calling it once for each distinct tuple."""
    numbers, distinct = model.parameter_lists
    values = [fact(parameters) for parameters in distinct]
    return [values[number] for number in numbers]
