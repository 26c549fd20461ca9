"""Note the operations of the threads that a call starts, which are not counted.

The operations of several threads have no order, and nothing shows to which module's call one belongs. So the modules
that run meanwhile have a minimum, with a note. The threads of a pool can outlive a call and work for the next one, so
that each operation is noted for the call that runs then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

from bmvis.extraction.call import macs
from bmvis.extraction.call.call_recorder import Recorder
from bmvis.extraction.meta_device.torch_entry_points import entered_by_threads
from bmvis.model.call_summary import OTHER_THREADS

_recorders: list[Recorder] = []
"""The recorder of the call that runs. The threads of earlier calls have no other way to it."""


@contextmanager
def noted_threads(recorder: Recorder) -> Iterator[None]:
    """Note for a call what the threads compute that start while the context is active, or in an earlier one."""
    _recorders.append(recorder)
    try:
        with entered_by_threads(_ThreadOperations):
            yield
    finally:
        _recorders.remove(recorder)


class _ThreadOperations(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's own
    """Notes whether one thread computes. Made in that thread, while the one that starts it waits."""

    supports_higher_order_operators = True

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._starter = _recorders[-1] if _recorders else None
        self._running = list(self._starter.running) if self._starter else []

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if macs.is_size_query(func):
            return NotImplemented
        for recorder in _recorders[-1:]:
            self._note(recorder, func)
        return func(*args, **kwargs or {})

    def _note(self, recorder: Recorder, operation: Any) -> None:
        if recorder.dataflow:
            recorder.dataflow.threads.has_operations = True
        if macs.formula_of(operation) or macs.uncounted_name(operation):
            started_in = self._running if recorder is self._starter else ()
            recorder.missed(OTHER_THREADS, (*started_in, *recorder.running))
