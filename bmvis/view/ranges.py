"""How the modules of one row differ, if they are equal but for sizes: the ranges, and each module exactly."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar, cast

import msgspec

from bmvis.model.call_summary import CallSummary
from bmvis.model.preorder import child_path
from bmvis.model.totals import Totals, of_parameter
from bmvis.model.tree import Buffer, Model, Parameter
from bmvis.view.folding import Folding, Group
from bmvis.view.similarity import names_by_parent

_Tensor = TypeVar("_Tensor", Parameter, Buffer)


class RangedParameter(Parameter, frozen=True, gc=False, omit_defaults=True):
    """The parameters of one name of several modules. `shape` has the least size of each dimension."""

    most: tuple[int, ...] = ()
    """The maximum size of each dimension."""


class RangedBuffer(Buffer, frozen=True, gc=False, omit_defaults=True):
    """The buffers of one name of several modules. `shape` has the least size of each dimension."""

    most: tuple[int, ...] = ()
    """The maximum size of each dimension."""


class Member(msgspec.Struct, frozen=True, gc=False):
    """One module of a row, exactly; or one tensor, for a row of a single tensor."""

    path: str
    totals: Totals
    parameters: tuple[Parameter, ...] = ()
    buffers: tuple[Buffer, ...] = ()
    hidden: int = 0
    """Number of modules below it that the depth limit hides."""
    signature: int = 0
    """Equal for modules that are equal in everything shown but their names."""
    extra_repr: str = ""
    groups: str = ""
    """The groups of a convolution, as in `Row.groups`."""
    call_summary: CallSummary | None = None


class Variation(msgspec.Struct, frozen=True, kw_only=True):
    """The modules of a row that are equal but for sizes."""

    is_similar: bool = False
    """Whether siblings differ, and not only the modules above them."""
    names: tuple[tuple[str, ...], ...] = ()
    """The names of the siblings, in each of the modules above that the row is drawn for."""
    members: tuple[Member, ...]
    """In the order of `names`."""

    @property
    def siblings(self) -> tuple[int, int]:
        """Return the least and greatest number of siblings."""
        numbers = [len(names) for names in self.names]
        return min(numbers, default=1), max(numbers, default=1)

    @property
    def is_uniform(self) -> bool:
        """Return whether the modules are equal in everything that a row shows, and in number."""
        facts = {(one.signature, one.extra_repr, one.groups, one.call_summary) for one in self.members}
        return not self.is_similar and len(facts) == 1

    @property
    def counts(self) -> tuple[int, int]:
        """Return the least and greatest number of elements."""
        return _bounds(member.totals.count for member in self.members)

    @property
    def stored_bytes(self) -> tuple[int, int]:
        """Return the least and greatest size in bytes."""
        return _bounds(member.totals.stored_bytes for member in self.members)

    @property
    def hidden(self) -> tuple[int, int]:
        """Return the least and greatest number of modules that the depth limit hides."""
        return _bounds(member.hidden for member in self.members)


def find_variation(group: Group, model: Model, folding: Folding, totals: Sequence[Totals]) -> Variation | None:
    """Return how the modules of a group differ; None if they are equal, also in number."""
    if folding.forms is None or not group.depth:
        return None
    names = names_by_parent(group.members, group.above, model.modules, model.parents)
    is_one_list = all(one == names[0] for one in names)
    if not group.varies and is_one_list:
        return None
    return Variation(
        is_similar=not is_one_list or _do_siblings_differ(group, model, folding),
        names=tuple(names),
        members=tuple(
            Member(
                model.paths[member],
                totals[member],
                model.modules[member].parameters,
                model.modules[member].buffers,
                folding.below[member] if folding.cut[member] else 0,
                folding.signatures[member],
            )
            for member in group.members
        ),
    )


def _do_siblings_differ(group: Group, model: Model, folding: Folding) -> bool:
    """Return whether any two modules of a group that have one parent differ."""
    first: dict[int, int] = {}
    return any(
        folding.signatures[member] != first.setdefault(model.parents[member], folding.signatures[member])
        for member in group.members
    )


def of_tensor(variation: Variation, number: int) -> Variation:
    """Return how one tensor varies, given its number among the parameters and buffers of its modules."""
    return Variation(members=tuple(_tensor_member(member, number) for member in variation.members))


def _tensor_member(module: Member, number: int) -> Member:
    if number < len(module.parameters):
        parameter = module.parameters[number]
        return Member(child_path(module.path, parameter.name), of_parameter(parameter), (parameter,))
    buffer = module.buffers[number - len(module.parameters)]
    return Member(child_path(module.path, buffer.name), Totals(), buffers=(buffer,))


def _bounds(numbers: Iterable[int]) -> tuple[int, int]:
    known = list(numbers)
    return min(known), max(known)


def with_ranges(tensors: Sequence[_Tensor], lists: Sequence[Sequence[_Tensor]]) -> tuple[_Tensor, ...]:
    """Return the tensors of one of several similar modules, with ranges where the sizes of the modules differ.

    Args:
        tensors: those of one module, as the row shows them.
        lists: those of each module.
    """
    return tuple(_ranged(tensor, [one[number] for one in lists]) for number, tensor in enumerate(tensors))


def _ranged(tensor: _Tensor, column: Sequence[_Tensor]) -> _Tensor:
    least, most = _shapes(column)
    if least == most:
        return tensor
    kind = RangedParameter if isinstance(tensor, Parameter) else RangedBuffer
    facts = {field: getattr(tensor, field) for field in tensor.__struct_fields__}
    smallest = min(column, key=lambda one: one.stored_bytes)
    sizes = {field: getattr(smallest, field) for field in ("count", "stored_bytes") if field in facts}
    return cast(_Tensor, kind(**{**facts, **sizes, "shape": least}, most=most))


def _shapes(column: Sequence[_Tensor]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    sides = list(zip(*[tensor.shape or () for tensor in column], strict=True))
    return tuple(map(min, sides)), tuple(map(max, sides))


def greatest(tensor: Parameter | Buffer) -> tuple[int, ...]:
    """Return the maximum size of each dimension of a tensor; () if its shape is one."""
    return tensor.most if isinstance(tensor, RangedParameter | RangedBuffer) else ()
