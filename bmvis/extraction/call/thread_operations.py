"""Note the operations of the threads that a call starts, which are not counted.

The operations of several threads have no order, and nothing shows to which module's call one belongs. So the modules
that run meanwhile have a minimum, with a note.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

from bmvis.extraction.call import macs
from bmvis.extraction.call.call_recorder import Recorder
from bmvis.model.call_summary import OTHER_THREADS


class ThreadOperations(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's own
    """Notes whether one thread computes. Make it in that thread, while the one that starts it waits."""

    supports_higher_order_operators = True

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._recorder = recorder
        self._starters = list(recorder.running)

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if macs.is_size_query(func):
            return NotImplemented
        if self._recorder.dataflow:
            self._recorder.dataflow.threads.has_operations = True
        if macs.formula_of(func) or macs.uncounted_name(func):
            self._recorder.missed(OTHER_THREADS, (*self._starters, *self._recorder.running))
        return func(*args, **kwargs or {})
