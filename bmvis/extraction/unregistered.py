"""Find modules and trainable tensors of a model that are not registered with PyTorch.

`module.parameters()`, `state_dict()` and `to()` use registered submodules and parameters only. They omit modules in a
plain list, dictionary, method, closure or other object, and trainable tensors that are plain attributes, of the module
or of its class. Only the `__dict__` and the slots of objects are read: properties do not run.
"""

from __future__ import annotations

import functools
from collections import OrderedDict, defaultdict, deque
from collections.abc import Container, Iterable, Iterator, Sequence
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType, MethodType, ModuleType
from typing import Any, NamedTuple

import torch
from torch import nn

from bmvis.errors import a_type
from bmvis.extraction import introspection
from bmvis.extraction.lightning import is_copy_of_hyperparameters
from bmvis.model.preorder import child_path
from bmvis.untrusted import user_text

MAX_ITEMS = 10_000
"""Maximum number of items of one container that are searched."""
MAX_CONTAINERS = 100_000
"""Maximum number of containers of one model that are searched."""
MAX_NESTING = 6
"""Maximum nesting of containers in one attribute."""
MAX_NAMED = 3
"""Maximum number of classes that a note names."""
_SLOTS = frozenset(("_modules", "_parameters", "_buffers", "_actual_script_module"))
"""Attributes of PyTorch. The last one is another object for a traced module."""
_SEQUENCES = (list, tuple, set, frozenset, deque)
_CONTAINERS = frozenset((*_SEQUENCES, dict, OrderedDict, defaultdict))
_SCALARS = frozenset((bool, int, float, str, type(None)))
_FOUND = (nn.Module, torch.Tensor)
_LEAVES = (type, ModuleType)
"""Objects that are not searched, nor are those of torch."""


class Unregistered(NamedTuple):
    """An attribute with modules or trainable tensors that are not registered anywhere in the model."""

    owner: int
    """Index of the module that has the attribute, among the modules that were searched."""
    attribute: str
    path: str
    """Path of the attribute, such as `encoder.layers`."""
    container: str
    """Type of the container, such as `a list`; '' if the attribute is the module or tensor itself."""
    modules: tuple[nn.Module, ...]
    """The modules and their descendants, each once."""
    contained: int
    """Number of modules in the attribute, without descendants."""
    tensors: tuple[torch.Tensor, ...]
    """Trainable tensors, without the parameters of the modules."""
    parameters: int
    """Elements of the modules' parameters and of the tensors."""


def find_unregistered(
    named_modules: Sequence[tuple[str, nn.Module]], kinds: Iterable[int], tensors: Iterable[torch.Tensor]
) -> Iterator[Unregistered]:
    """Yield each attribute that has a module or trainable tensor that is not registered.

    A module or tensor in several attributes counts for the first one.

    Args:
        named_modules: all registered modules, with their paths.
        kinds: the number of each module from `AttributeKinds`. Of modules with one number, the first is searched.
        tensors: all registered parameters and buffers.
    """
    seen = {id(module) for _, module in named_modules}
    seen.update(map(id, tensors))
    classes: set[type] = set()
    searched: set[int] = set()
    containers: set[int] = set()
    searched_kinds: set[int] = set()
    for owner, ((path, module), kind) in enumerate(zip(named_modules, kinds, strict=True)):
        if kind in searched_kinds:
            continue
        searched_kinds.add(kind)
        attributes = list(introspection.module_attributes(module).items())
        if type(module) not in classes:
            classes.add(type(module))
            attributes += _class_attributes(type(module))
        for name, value in attributes:
            if type(value) in _SCALARS or (type(value) in _CONTAINERS and not value):
                continue  # nearly all attributes, so no function is called for them
            if id(value) in searched or name in _SLOTS or type(name) is not str or name.startswith("__"):
                continue  # many modules have one configuration; TorchScript copies methods of the original module
            if is_copy_of_hyperparameters(module, name):
                continue
            searched.add(id(value))
            if _may_contain(value):
                found = _look_into((owner, path, user_text.safe_text(name)), value, seen, containers)
                if found is not None:
                    yield found


def _class_attributes(cls: type) -> list[tuple[str, Any]]:
    """Return the attributes of a class and its bases that are plain containers, modules or tensors."""
    above = cls.__mro__[: cls.__mro__.index(nn.Module)]
    return [
        (name, value)
        for one in above
        for name, value in list(type.__getattribute__(one, "__dict__").items())
        if type(value) in _CONTAINERS or isinstance(value, _FOUND)
    ]


def note(found: Unregistered) -> str:
    """Return a note for the build log."""
    verb = f"is {found.container} with" if found.container else "is"
    return (
        f"{found.path} {verb} {contents_text(found)} that PyTorch doesn't "
        f"register: not in the tree, in parameters(), or in the state dict"
    )


def contents_text(found: Unregistered) -> str:
    """Return what an attribute has: `2 modules (42 parameters)`."""
    what = [_counted(found.contained, "module")] if found.contained else []
    what += [_counted(len(found.tensors), "trainable tensor")] if found.tensors else []
    return f"{' and '.join(what)} ({_counted(found.parameters, 'parameter')})"


def call_note(found: Unregistered, called: Container[int]) -> str:
    """Return a note on how many of the modules a call of the model ran; `called` has the ids of those that ran."""
    ran = sum(id(module) in called for module in found.modules)
    return f"{found.path}: with these inputs, {ran:,} of {_counted(len(found.modules), 'module')} ran"


def frozen_notes(named_modules: Sequence[tuple[str, nn.Module]]) -> Iterator[str]:
    """Yield a note for each outermost module of frozen TorchScript, whose weights are constants in its code.

    https://docs.pytorch.org/docs/stable/generated/torch.jit.freeze.html
    """
    classes = {cls for cls in {type(module) for _, module in named_modules} if issubclass(cls, torch.jit.ScriptModule)}
    for path, module in named_modules if classes else ():
        if type(module) in classes and introspection.attribute(module, "training") is None:
            yield f"{path or 'the model'} is frozen TorchScript: its weights are constants, which are not counted"


def outside_modules_note(modules: Sequence[nn.Module]) -> str:
    """Return a note on modules that ran and were found nowhere in the model."""
    names = list(dict.fromkeys(user_text.class_name(type(module)) for module in modules))
    named = ", ".join([*names[:MAX_NAMED], *(["…"] if names[MAX_NAMED:] else [])])
    own = {id(parameter): parameter for module in modules for _, parameter in introspection.parameters(module)}
    return (
        f"with these inputs, {_counted(len(modules), 'module')} ran that the model doesn't contain ({named}, "
        f"{_counted(sum(map(_elements, own.values())), 'parameter')}): not in the tree, in parameters(), or in the "
        f"state dict"
    )


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _may_contain(value: object) -> bool:
    kind = type(value)
    if kind in _SCALARS:
        return False
    return bool(value) if kind in _CONTAINERS else isinstance(value, _FOUND) or _is_container(value)


def _is_container(value: object) -> bool:
    """Return whether an object of another class has contents that can be read without its code."""
    kind = type(value)
    if kind is FunctionType:
        return bool(value.__closure__ or value.__defaults__)  # type: ignore[attr-defined]  # a function
    if issubclass(kind, (*_SEQUENCES, dict, functools.partial, MethodType)):
        return True
    if issubclass(kind, _LEAVES) or _is_of_torch(kind):
        return False
    return bool(_fields(kind))  # type: ignore[arg-type]  # a class, which has a hash


@functools.lru_cache(maxsize=10_000)
def _fields(kind: type) -> tuple[GetSetDescriptorType | MemberDescriptorType, ...]:
    """Return the descriptors of the `__dict__` and of the slots of a class. None of them runs code of the class."""
    # Kept for each class, unlike `introspection.attributes_of`: a model can have 100,000 such objects.
    if all(cls.__module__ == "builtins" for cls in kind.__mro__):
        return ()
    holder = next((vars(cls)["__dict__"] for cls in kind.__mro__ if "__dict__" in vars(cls)), None)
    return (*introspection.slot_members(kind), *([holder] if type(holder) is GetSetDescriptorType else []))


def _is_of_torch(kind: type) -> bool:
    return introspection.class_module(kind).partition(".")[0] == "torch"


def _look_into(
    owner_path_name: tuple[int, str, str], value: Any, seen: set[int], containers: set[int]
) -> Unregistered | None:
    contained = [thing for thing in _things(value, MAX_NESTING, containers) if id(thing) not in seen]
    modules = _with_children([thing for thing in contained if isinstance(thing, nn.Module)], seen)
    tensors = [thing for thing in contained if isinstance(thing, torch.Tensor) and _is_trainable(thing)]
    distinct = {id(tensor): tensor for tensor in tensors if id(tensor) not in seen}
    if not modules and not distinct:
        return None
    own = {id(parameter): parameter for module in modules for _, parameter in introspection.parameters(module)}
    parameters = {key: tensor for key, tensor in (own | distinct).items() if key not in seen}
    seen.update(map(id, modules), parameters)
    container = "" if isinstance(value, _FOUND) else a_type(value)
    count = len({id(thing) for thing in contained if isinstance(thing, nn.Module)})
    elements = sum(map(_elements, parameters.values()))
    owner, path, name = owner_path_name
    whole = child_path(path, name)
    return Unregistered(owner, name, whole, container, tuple(modules), count, tuple(distinct.values()), elements)


def _things(value: Any, levels: int, containers: set[int]) -> Iterator[Any]:
    """Yield the modules and tensors in an attribute. `containers` has the ids of those that were searched before."""
    if isinstance(value, _FOUND):
        yield value
    elif levels and _is_searched(value, containers):
        containers.add(id(value))
        for item in _items(value)[:MAX_ITEMS]:
            yield from _things(item, levels - 1, containers)


def _is_searched(value: object, containers: set[int]) -> bool:
    is_new = type(value) not in _SCALARS and id(value) not in containers and len(containers) < MAX_CONTAINERS
    return is_new and _is_container(value)


def _items(value: Any) -> list[Any]:
    """Return the contents of a container. A subclass of `list` or `dict` is read without its own code."""
    if isinstance(value, dict):
        return [*dict.values(value), *dict.keys(value)]
    for cls in _SEQUENCES:
        if isinstance(value, cls):
            return list(cls.__iter__(value))  # type: ignore[arg-type]  # an instance of `cls`
    if isinstance(value, functools.partial):
        return [value.func, *value.args, *value.keywords.values()]
    if isinstance(value, MethodType):
        return [value.__self__]
    if isinstance(value, FunctionType):
        return [*(value.__defaults__ or ()), *(inner for _, inner in introspection.closure_values(value))]
    return [_field(value, field) for field in _fields(type(value))]  # type: ignore[arg-type]


def _field(value: object, field: GetSetDescriptorType | MemberDescriptorType) -> Any:
    try:
        return field.__get__(value)
    except AttributeError:
        return None  # an empty slot


def _with_children(roots: list[nn.Module], seen: set[int]) -> list[nn.Module]:
    """Return the modules and their descendants that are not registered, each once."""
    found: dict[int, nn.Module] = {}
    pending = list(reversed(roots))
    while pending:
        module = pending.pop()
        if id(module) in seen or id(module) in found:
            continue
        found[id(module)] = module
        pending += [child for _, child in reversed(introspection.children(module))]
    return list(found.values())


def _is_trainable(tensor: torch.Tensor) -> bool:
    """Return whether an optimizer can train it. An intermediate result requires a gradient too, but is not a leaf."""
    return bool(tensor.requires_grad and tensor.is_leaf)


def _elements(tensor: torch.Tensor) -> int:
    try:
        return 0 if nn.parameter.is_lazy(tensor) else tensor.numel()
    except RuntimeError:
        return 0  # a nested tensor
