"""Call a model once, and record the outputs, order and multiply-accumulates of its modules.

Outputs and order come from global module hooks, which are not stored in the model. Multiply-accumulates come from a
dispatch mode that sees each operation (`bmvis.extraction.call.operation_counts`). Only the code of the model itself can
change the model.
"""

from __future__ import annotations

import inspect
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import Any

import msgspec
import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

from bmvis.extraction import introspection
from bmvis.extraction.attribute_kinds import AttributeKinds
from bmvis.extraction.call.call_recorder import Recorder, Seen
from bmvis.extraction.call.operation_counts import OperationCounts
from bmvis.extraction.call.thread_operations import noted_threads
from bmvis.extraction.call.uncompiled import uncompiled
from bmvis.extraction.dataflow.dataflow_graph import record_inputs, to_dataflow
from bmvis.extraction.dataflow.dataflow_recorder import DataflowRecorder
from bmvis.extraction.dataflow.functions import FunctionNames
from bmvis.extraction.meta_device.meta_failures import FailureLog
from bmvis.extraction.meta_device.watched_device import WatchedDevice
from bmvis.extraction.modules import LiveModel, capture_live, walk
from bmvis.extraction.unregistered import call_note, find_unregistered, outside_modules_note
from bmvis.model.call import Call
from bmvis.model.call_summary import GENERATOR
from bmvis.model.dataflow import Dataflow
from bmvis.model.tree import Model, Problem
from bmvis.options.inputs import TensorInput
from bmvis.untrusted.user_text import class_name

_WITH_KEYWORDS: Mapping[str, Any] = (
    {"with_kwargs": True} if "with_kwargs" in inspect.signature(register_module_forward_hook).parameters else {}
)
"""The argument of a global hook that passes keyword arguments too. An older PyTorch passes positional ones alone."""

MAX_ITEMS = 100
"""Maximum number of items that are read from a generator that a model returns."""


def make_tensors(inputs: Sequence[TensorInput], device: str) -> tuple[list[Any], dict[str, Any]]:
    """Return positional and keyword arguments. All are zeros, which are valid masks and indices too."""
    made = [(one.name, torch.zeros(one.shape, dtype=getattr(torch, one.dtype), device=device)) for one in inputs]
    return [tensor for name, tensor in made if not name], {name: tensor for name, tensor in made if name}


def call_arguments(returned: Any) -> tuple[list[Any], dict[str, Any]]:
    """Return positional and keyword arguments from the return value of a function of the project."""
    if isinstance(returned, Mapping):
        return [], dict(returned)
    if isinstance(returned, tuple) and len(returned) == 2 and isinstance(returned[1], Mapping):
        first = returned[0]
        return (list(first) if isinstance(first, tuple | list) else [first]), dict(returned[1])
    return (list(returned) if isinstance(returned, tuple | list) else [returned]), {}


def trace_call(
    live: LiveModel,
    positional: Sequence[Any],
    named: Mapping[str, Any],
    *,
    dataflow: bool = False,
    log: FailureLog | None = None,
) -> Model:
    """Call a model once, and return its tree with the call of each module.

    With `dataflow`, the tree also has the record of which operation uses the results of which others. `log` gets the
    places that read the device of a meta tensor, and the operations that failed although the call did not.

    If the call fails while operations are counted, the model is called again without counting. The result then has
    shapes, but no multiply-accumulates.

    Raises:
        BaseException: any exception that the model raises.
    """
    recorder = Recorder(live, DataflowRecorder(live) if dataflow else None)
    found: Dataflow | None = None
    problem: Problem | None = None
    try:
        found = _call_watched(live.root, positional, named, recorder, log, is_counting=True)
    except Exception as error:
        recorder = Recorder(live)
        if log:
            log.failures.clear()  # one of them is the cause
        try:
            _call_watched(live.root, positional, named, recorder, log, is_counting=False)
        except Exception:
            raise error from None  # the model fails without counting too
        recorder.miss_all()
        what = f"the operations of the call could not be recorded: it raised {class_name(type(error))}"
        problem = Problem(what, "remove the option flow, as there is no figure") if dataflow else None
    live = _with_changes(live, recorder)
    tree = _with_unregistered(live, _with_calls(live, recorder), recorder)
    return msgspec.structs.replace(tree, dataflow=found, undrawn=problem)


def _with_changes(live: LiveModel, recorder: Recorder) -> LiveModel:
    """Return the model with the shapes that lazy modules inferred from the inputs, and with what the call changed."""
    tree = live.tree
    is_lazy = any(
        any(parameter.shape is None for parameter in module.parameters)
        or any(buffer.shape is None for buffer in module.buffers)
        for module in tree.modules
    )
    if not is_lazy and not _has_changed(live):
        return live
    made = capture_live(live.root, originals=live.originals)
    replaced = recorder.used_without_call & live.originals.keys()
    recorder.used_without_call |= {id(live.originals[key]) for key in replaced}
    added = recorder.outside_modules.keys() & {id(module) for module in made.modules}
    if is_lazy:
        notes = ["lazy modules inferred their shapes from `inputs`"]
    elif added:
        notes = [f"the call added modules to the model: {len(added):,} of them ran"]
    else:
        notes = ["the call changed modules or parameters of the model: the tree shows it after the call"]
    return made._replace(tree=msgspec.structs.replace(tree, modules=made.tree.modules, notes=(*tree.notes, *notes)))


def _has_changed(live: LiveModel) -> bool:
    """Return whether the call has added, removed or replaced modules or parameters, not counting equal replacements."""
    now = list(walk(live.root))
    if [(one.path, id(one.module)) for one in now] != [(one.path, id(one.module)) for one in live.occurrences]:
        return True
    pairs = zip(live.occurrences, now, strict=True)
    return any(_differ(before.parameters, after.parameters) for before, after in pairs)


def _differ(before: introspection.Tensors, after: introspection.Tensors) -> bool:
    if [name for name, _ in before] != [name for name, _ in after]:
        return True
    replaced = [(old, new) for (_, old), (_, new) in zip(before, after, strict=True) if old is not new]
    with torch._C.DisableTorchFunction():
        return any(_form(old) != _form(new) for old, new in replaced)


def _form(tensor: torch.Tensor) -> tuple[object, ...]:
    return tensor.size() if not tensor.is_nested else tensor.dim(), tensor.dtype, tensor.requires_grad


def _with_unregistered(live: LiveModel, tree: Model, recorder: Recorder) -> Model:
    """Return the tree with notes on unregistered modules, and whether the call ran them."""
    named_modules = list(zip(tree.paths, live.modules, strict=True))
    kinds = map(AttributeKinds().read, live.modules)  # the call can have changed attributes
    tensors = (tensor for module in live.modules for _, tensor in introspection.tensors(module))
    unregistered = [found for found in find_unregistered(named_modules, kinds, tensors) if found.modules]
    known = {id(module) for found in unregistered for module in found.modules}
    known.update(map(id, live.modules))
    outside_modules = [module for key, module in recorder.outside_modules.items() if key not in known]
    notes = (
        *(call_note(found, recorder.seen) for found in unregistered),
        *((outside_modules_note(outside_modules),) if outside_modules else ()),
    )
    return msgspec.structs.replace(tree, notes=(*tree.notes, *notes)) if notes else tree


def _call_watched(
    model: nn.Module,
    positional: Sequence[Any],
    named: Mapping[str, Any],
    recorder: Recorder,
    log: FailureLog | None,
    *,
    is_counting: bool,
) -> Dataflow | None:
    flow = recorder.dataflow
    called_with = record_inputs(flow, model, positional, named) if flow else ""
    with ExitStack() as stack:
        stack.enter_context(uncompiled())
        stack.enter_context(_evaluating(model))
        stack.callback(register_module_forward_pre_hook(recorder.enter).remove)
        stack.callback(register_module_forward_hook(recorder.leave, always_call=True, **_WITH_KEYWORDS).remove)
        stack.enter_context(torch.no_grad())
        if is_counting:
            stack.enter_context(OperationCounts(recorder))
            stack.enter_context(noted_threads(recorder))
        if flow:
            stack.enter_context(FunctionNames(flow.operations, flow.set_data, flow.host, recorder.read_as_array, log))
        else:
            stack.enter_context(WatchedDevice(recorder.read_as_array, log))
        if log:
            stack.enter_context(log.reads.watched_storages())
        stack.callback(recorder.close)
        if flow:
            stack.callback(flow.close)
        output = model(*positional, **named)
        if isinstance(output, Iterator):
            output = _items(output, model, recorder)
        return to_dataflow(flow, output, called_with) if flow else None


def _items(output: Iterator[Any], model: nn.Module, recorder: Recorder) -> list[Any]:
    """Return the first items of a generator, which computes them now."""
    recorder.resume(model)
    items = list(islice(output, MAX_ITEMS))
    recorder.add_items(model, items)
    if len(items) == MAX_ITEMS:
        if id(model) in recorder.seen:
            recorder.seen[id(model)].uncounted.add(GENERATOR)
        if recorder.dataflow:
            recorder.dataflow.unseen.append(f"what the model yields after the first {MAX_ITEMS} values")
    return items


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Set evaluation mode, and restore modes and random state on exit.

    The flags are set directly: a module's `train()` can do more, such as merge adapters into the weights.
    """
    modes = [(module, introspection.attribute(module, "training")) for module in model.modules()]
    modes = [(module, mode) for module, mode in modes if mode is not None]  # frozen TorchScript has no mode
    state, is_fast = random.getstate(), torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # the fast path computes whole layers without calling their modules
    try:
        for module, _ in modes:
            module.training = False
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        for module, mode in modes:
            module.training = mode
        random.setstate(state)
        torch.backends.mha.set_fastpath_enabled(is_fast)


def _with_calls(live: LiveModel, recorder: Recorder) -> Model:
    """Return the tree with the calls. The outermost module that was not called has an empty `Call`.

    Modules have no `Call` at all if they run without PyTorch's hooks: those inside a TorchScript module, and those
    whose weights others use without a call, such as `out_proj` of `nn.MultiheadAttention`.
    """
    modules, above = live.tree.modules, live.tree.parents
    calls = _ranked([_call(recorder.seen.get(id(found))) for found in live.modules])
    is_inside_script = [False] * len(modules)
    is_called = [
        call is not None or any(id(tensor) in recorder.used_without_call for _, tensor in (*parameters, *buffers))
        for call, parameters, buffers in zip(calls, live.parameters, live.buffers, strict=True)
    ]
    for index in range(len(modules) - 1, 0, -1):
        is_called[above[index]] |= is_called[index]
    for index, module in enumerate(modules):
        parent = above[index]
        is_inside_script[index] = index > 0 and (
            is_inside_script[parent] or isinstance(live.occurrences[parent].module, torch.jit.ScriptModule)
        )
        if module.shared_with is not None:
            calls[index] = None  # a shared module has its call at its first occurrence
        elif index and not is_called[index] and is_called[parent] and not is_inside_script[index]:
            calls[index] = Call()
    return msgspec.structs.replace(
        live.tree,
        modules=tuple(
            msgspec.structs.replace(module, call=call) if call else module
            for module, call in zip(modules, calls, strict=True)
        ),
    )


def _ranked(calls: list[Call | None]) -> list[Call | None]:
    """Return calls whose order has no gaps for modules outside the tree."""
    orders = sorted({call.order for call in calls if call})
    ranks = {order: rank for rank, order in enumerate(orders)}
    return [call and msgspec.structs.replace(call, order=ranks[call.order]) for call in calls]


def _call(seen: Seen | None) -> Call | None:
    if seen is None:
        return None
    uncounted = tuple(sorted(seen.uncounted))
    calls = max(seen.calls - seen.failed_calls, 1)
    return Call(calls, seen.order, seen.outputs or (), seen.macs, seen.bytes, uncounted, seen.inputs or ())
