"""Join the parts of a call whose weights other code uses apart.

Code can use the parameters of a module without calling it, such as `layer.weight @ x`, and later `+ layer.bias`. It
can also change weights, and call the module with `torch.func.functional_call`. The recorder notes a call for each part.
They are one if a later part uses a value of an earlier one, and no parameter that the earlier one used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bmvis.extraction.dataflow.dataflow_recorder import DataflowRecorder
from bmvis.extraction.dataflow.raw_operations import WeightPart, are_apart, reordered

_Place = tuple[int, int, int]
"""Where an operation is in the new order."""


def join_split_calls(recorder: DataflowRecorder) -> dict[int, int]:
    """Join calls, and return the new reference of each operation; {} if no call is split.

    The operations of a call are consecutive: those of one part move to the other one.
    """
    if not recorder.parts:
        return {}
    joining = _Joining(recorder)
    for index, operation in enumerate(recorder.operations):
        for source in operation.sources:
            joining.try_to_join(source, index)
    if not joining.has_joined:
        return {}
    return reordered(recorder.operations, joining.places)


class _Joining:
    """The state of `join_split_calls`."""

    def __init__(self, recorder: DataflowRecorder) -> None:
        self.calls = recorder.stack.calls
        self.operations = recorder.operations
        self.implied = recorder.parts.keys()
        self.places: list[_Place] = [(index, 0, 0) for index in range(len(self.operations))]
        self.has_joined = False
        self.members: dict[int, list[int]] = {}
        """The operations of each call."""
        self.users: dict[int, list[int]] = {}
        """For each operation, those that use its result."""
        self.parts: dict[int, list[WeightPart]] = {}
        """What each call uses of parameters."""
        for index, operation in enumerate(self.operations):
            self.members.setdefault(operation.call, []).append(index)
            for ref in operation.sources:
                if ref >= 0:
                    self.users.setdefault(ref, []).append(index)
                elif operation.call not in self.implied:
                    self.parts.setdefault(operation.call, []).append(WeightPart(ref, None))
        self.parts |= {call: list(parts) for call, parts in recorder.parts.items()}

    def try_to_join(self, source: int, index: int) -> None:
        """Join the call of an operation with the one that a source comes from, if they are parts of one call."""
        later = self.operations[index].call
        chain: list[int] = []
        while source >= 0 and self.operations[source].call == self.calls[later].parent:
            before = self.operations[source].sources
            if len(before) != 1:
                return
            chain.append(source)
            source = before[0]
        earlier = self.operations[source].call if source >= 0 else later
        if earlier == later or not self.implied & {earlier, later} or not self._are_at_one_place(earlier, later):
            return
        if not are_apart(self.parts.get(earlier, ()), self.parts.get(later, ())):
            return
        if later in self.implied and self._is_free(later, chain, self._end(earlier)):
            last = self._end(earlier)
            self._merge(later, earlier, chain, lambda at: (last[0], 1, at))
        elif earlier in self.implied and self._is_used_by(earlier, chain, later):
            first = min(self.places[at] for at in self.members[later])
            self._merge(earlier, later, chain, lambda at: (first[0], -1, at))

    def _are_at_one_place(self, one: int, other: int) -> bool:
        """Return whether calls are of one module, also those around them up to a common one."""
        while one != other:
            if one < 0 or other < 0 or self.calls[one].path != self.calls[other].path:
                return False
            one, other = self.calls[one].parent, self.calls[other].parent
        return True

    def _end(self, call: int) -> _Place:
        return max(self.places[at] for at in self.members[call])

    def _is_free(self, call: int, chain: Sequence[int], end: _Place) -> bool:
        """Return whether the operations of a call, and a chain, use nothing that comes after a place."""
        moved = {*self.members[call], *chain}
        sources = {ref for at in moved for ref in self.operations[at].sources if ref >= 0} - moved
        return all(self.places[ref] <= end for ref in sources)

    def _is_used_by(self, call: int, chain: Sequence[int], user: int) -> bool:
        """Return whether nothing but one call uses the values of a call and a chain."""
        moved = {*self.members[call], *chain}
        used = {at for index in moved for at in self.users.get(index, ())} - moved
        return all(self.operations[at].call == user for at in used)

    def _merge(self, call: int, other: int, chain: Sequence[int], place: Callable[[int], _Place]) -> None:
        """Move the operations of a call, and a chain, to another call."""
        moved = [*self.members.pop(call), *chain]
        for at in moved:
            self.operations[at].call = other
            self.places[at] = place(at)
        self.members[other] += moved
        self.parts.setdefault(other, []).extend(self.parts.pop(call, ()))
        self.has_joined = True
