"""Call a built model with the option `inputs` or default inputs, and report why if it cannot be called.

Runs in the child process. `bmvis.extraction.call.forward` records the call.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import torch

from bmvis.child import tracebacks
from bmvis.child.building import arguments, failure_hints, loader
from bmvis.child.building.device_comparison import is_same_call
from bmvis.errors import BmvisError, FactoryError
from bmvis.extraction import introspection
from bmvis.extraction.call import forward
from bmvis.extraction.call.default_inputs import default_arguments
from bmvis.extraction.meta_device.fake_tensors import with_fake_tensors
from bmvis.extraction.meta_device.meta_failures import FailureLog
from bmvis.extraction.modules import LiveModel
from bmvis.model.tree import Model, Problem
from bmvis.options import inputs
from bmvis.reference import Reference
from bmvis.worker.protocol import Request


def call_model(live: LiveModel, request: Request, log: FailureLog | None = None) -> Model:
    """Return the tree with the shapes and MACs of one call, or with the reason why the model could not be called.

    With `request.figure`, it also has the dataflow of the call. If there are no `inputs`, that is all it has. `log`
    gets what the code did that can have another result on the CPU. It stays empty if a call on the meta device does
    the same as one with fake tensors, which have the CPU as their device.
    """
    if not request.inputs:
        return _with_dataflow(live, request, log)
    inputs_text = inputs.canonical_text(request.inputs)
    names: list[str] = []
    try:
        return msgspec.structs.replace(_traced(live, request, names, log), inputs=inputs_text)
    except BmvisError as error:
        problem = Problem(error.message, error.hint, error.detail)
    except BaseException as error:
        missing = "no output shapes, no MACs, and no figure" if request.figure else "no output shapes and no MACs"
        hint = failure_hints.hint_for(error) or f"change the option inputs; the tree has {missing}"
        problem = _call_problem(error, request, _names_hint(live.root, names) or hint)
    return msgspec.structs.replace(live.tree, untraced=problem, inputs=inputs_text)


def _with_dataflow(live: LiveModel, request: Request, log: FailureLog | None) -> Model:
    """Return the tree with the dataflow of a call with default inputs, or with the reason why it has none."""
    try:
        traced = _traced(live, request, [], log)
        return msgspec.structs.replace(live.tree, dataflow=traced.dataflow, undrawn=traced.undrawn)
    except BmvisError as error:
        problem = Problem(error.message, error.hint, error.detail)
    except BaseException as error:
        problem = _call_problem(error, request, "set the option inputs; without it, default inputs are used")
    return msgspec.structs.replace(live.tree, undrawn=problem)


def _call_problem(error: BaseException, request: Request, hint: str) -> Problem:
    return Problem(
        f"the model of {request.reference!r} could not be called: it raised {loader.exception_summary(error)}",
        hint=hint,
        detail=tracebacks.user_frames(error),
    )


def _traced(live: LiveModel, request: Request, names: list[str], log: FailureLog | None) -> Model:
    """Return the tree with the record of a call: with meta tensors, and if that fails, with fake ones.

    The names of the arguments are added to `names`.
    """
    device = _device(live)
    try:
        model = _called(live, request, device, names, log)
    except Exception as error:
        if device != "meta" or isinstance(error, BmvisError):
            raise
        if log:
            log.clear()
        try:
            with with_fake_tensors(live) as fake:
                return _called(fake, request, "cpu", names, log)
        except Exception:
            raise error from None  # what the code does not do on meta explains more
    if log and device == "meta":
        log.reads.note_type_checks(map(type, live.modules))
        if not log.is_decisive or (not log.failures and _is_same_with_fake_tensors(live, request, model, log)):
            log.clear()
    return model


def _called(live: LiveModel, request: Request, device: str, names: list[str], log: FailureLog | None) -> Model:
    with torch.device(device):
        positional, named = _arguments(live, request, device)
        names[:] = named
        return forward.trace_call(live, positional, named, dataflow=request.figure, log=log)


def _is_same_with_fake_tensors(live: LiveModel, request: Request, model: Model, log: FailureLog) -> bool:
    """Return whether a call with fake tensors on the CPU certainly has the same record as that on the meta device."""
    if log.reads.has_addresses:
        return False
    fake_log = FailureLog()
    try:
        with with_fake_tensors(live) as fake:
            again = _called(fake, request, "cpu", [], fake_log)
    except Exception:
        return False
    return not fake_log.failures and not fake_log.reads.has_addresses and is_same_call(model, again)


def _device(live: LiveModel) -> str:
    """Return the device for the inputs: that of the first tensor, or the one that accelerate moves weights to."""
    offloaded = next(_execution_devices(live.modules), None)
    if offloaded is not None:
        return offloaded
    tensors = (tensor for own in (*live.parameters, *live.buffers) for _, tensor in own)
    first = next(tensors, None)
    return live.tree.device if first is None else str(first.device)


def _execution_devices(modules: Iterable[Any]) -> Iterator[str]:
    """Yield the execution devices of accelerate's hooks. Until a hook loads them, offloaded weights are on meta.

    https://huggingface.co/docs/accelerate/package_reference/big_modeling
    """
    for module in modules:
        hook = introspection.attribute(module, "_hf_hook")
        for one in (hook, *(introspection.attribute(hook, "hooks") or ())):
            device = introspection.attribute(one, "execution_device")
            if isinstance(device, str | int | torch.device):
                yield str(torch.device(device))


def _arguments(live: LiveModel, request: Request, device: str) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """Return the positional and named arguments of the call; a user's function runs under the model's device.

    Raises:
        FactoryError: there are no inputs, and no default ones.
    """
    if not request.inputs:
        default = default_arguments(live.root, device)
        if default is None:
            what = f"the architecture figure of {request.reference!r} needs inputs"
            hint = "set inputs, such as float32[1, 3, 224, 224]; in a gallery, write reference | title | tag | inputs=…"
            raise FactoryError(what, hint=hint)
        return default
    parsed = inputs.parse_inputs(request.inputs)
    if not isinstance(parsed, Reference):
        return forward.make_tensors(parsed, device)
    make = loader.import_object(parsed, request.inputs_allow)
    if not callable(make):
        raise FactoryError(f"{parsed.target!r} is not a function", hint="name a function that returns the inputs")
    parsed = arguments.resolve(make, parsed, request.inputs_allow)
    return forward.call_arguments(make(*parsed.arguments, **parsed.keywords))


def _names_hint(model: Any, named: Collection[str]) -> str:
    """Return the names that `forward` accepts if `inputs` has another name; '' if the names are not the problem."""
    try:
        parameters = inspect.signature(model.forward).parameters.values()
    except (TypeError, ValueError, AttributeError):
        return ""  # for example, written in C
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return ""
    known = [parameter.name for parameter in parameters if parameter.kind is not parameter.VAR_POSITIONAL]
    if set(named) <= set(known):
        return ""
    return f"forward() takes {', '.join(known) or 'no arguments'}: use these names, or leave the name out"
