"""Snapshots, cache entries, replies and checkpoints, broken at random: an error of bmvis, or a model that can be drawn.

`make test` tries some cases of each format, `make test-mutated` 100,000.
"""

import copy
import json
import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bmvis.errors import BmvisError
from bmvis.model.call import Call, Output
from bmvis.model.dataflow import Dataflow, FlowOperation, FlowResult, FlowValue, ModuleCall
from bmvis.model.optimizer import Optimizer, ParameterGroup
from bmvis.model.snapshot import Snapshot, dump, load
from bmvis.model.totals import subtree_totals
from bmvis.model.tree import Buffer, Model, Module, Parameter
from bmvis.options.definitions import Options
from bmvis.render.html.tree import to_html
from bmvis.render.text import to_text
from bmvis.source import checkpoint, fingerprint
from bmvis.source.cache import Cache
from bmvis.source.cache_folder import CacheFolder
from bmvis.view.layout import layout
from bmvis.worker import reply_file
from bmvis.worker.protocol import Answer, Built, Dependency, Request

COUNT = int(os.environ.get("BMVIS_MUTATIONS", "500")) // 4
SEED = int(os.environ.get("BMVIS_SEED", "0"))
SECONDS = 10
HOSTILE: list[Any] = [
    *(None, True, -1, 0, 2**63 - 1, 10**30, -(10**30), 1e308, 0.5, "", " ", ".", "..", "a.b", "\0", "\x1b[31m", "é"),
    *("0-999999", "0-99999999999", "999-0", "0-3", "float32[-5]", "float32[9999999999, 9999999999]", "?", "float4[]"),
    *("x" * 10_000, "::error::", "<script>", [], {}, [[]], ["0", "0"], {"": ""}, ["0-9"], "meta", "cpu", "\ud800"),
]


def sample() -> Model:
    """Return a model with all features: ties, shared modules, groups, calls, and folded blocks."""
    weight = Parameter("weight", (4, 4), "float32", 16, 64, groups=(0,))
    block = (
        Module("mlp", 2, "Linear", parameters=(weight,)),
        Module("norm", 2, "Norm", buffers=(Buffer("b", (4,), "float32", 16),)),
    )
    blocks = [module for name in "0123" for module in (Module(name, 1, "Block"), *block)]
    tied = Module(
        "head", 1, "Linear", parameters=(Parameter("weight", (4, 4), "float32", 16, 64, tied_to="0.mlp.weight"),)
    )
    shared = Module("again", 1, "Block", shared_with="1")
    call = Call(1, 0, (Output("", (1, 4)),), 10, 10)
    root = Module(
        "", 0, "Net", parameters=(Parameter("bias", None, "float32", 0, 0, trainable=False, delta=True),), call=call
    )
    optimizer = Optimizer("SGD", (ParameterGroup("a", {"lr": "0.1"}, 4),))
    return Model((root, *blocks, tied, shared), optimizers=(optimizer,), dataflow=sample_dataflow())


def sample_dataflow() -> Dataflow:
    """Return the dataflow of the model: residual blocks, of which the last one is called twice, and a tied weight."""
    weight = FlowValue("parameter", "weight", "0.mlp")
    values = (FlowValue("input", "x", "", (1, 4)), weight, FlowValue("buffer", "b", "0.norm"))
    calls = [ModuleCall("")]
    operations: list[FlowOperation] = []
    for name in "01233":
        own = -1 if not operations else len(operations) - 1
        block = len(calls)
        calls += [ModuleCall(name), ModuleCall(f"{name}.mlp", block), ModuleCall(f"{name}.norm", block)]
        calls[block] = ModuleCall(name, 0)
        start = len(operations)
        operations += [
            FlowOperation(block + 1, "matmul", (-2, own), (1, 4)),
            FlowOperation(block + 2, "norm", (start, -3), (1, 4)),
            FlowOperation(block, "+", (own, start + 1), (1, 4)),
        ]
    calls.append(ModuleCall("head", 0))
    operations.append(FlowOperation(len(calls) - 1, "matmul", (len(operations) - 1, -2), (1, 4)))
    results = (FlowResult("y", (len(operations) - 1,)),)
    return Dataflow(values, tuple(calls), tuple(operations), results, "x: float32[1, 4]")


MODEL = msgspec.structs.replace(
    sample(), modules=tuple(msgspec.structs.replace(m, call=None) for m in sample().modules)
)


def draw(model: Model) -> None:
    """Render a model as a page does."""
    subtree_totals(model)
    page = layout(model, Options(flow="auto"))
    to_text(page).encode("utf-8", "surrogatepass")
    to_html(page, "tree").encode()


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each container below a value with each of its keys."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in list(keys):
        yield value, key
        yield from places(value[key])


def change_data(chance: random.Random, data: Any) -> Any:
    """Change a few values anywhere in decoded data."""
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        found = list(places(data))
        if not found:
            return data
        holder, key = chance.choice(found)
        match chance.randrange(4):
            case 0:
                del holder[key]
            case 1:
                holder[key] = json.loads(json.dumps(chance.choice([h[k] for h, k in found])))
            case 2 if isinstance(holder, list):
                holder.insert(key, json.loads(json.dumps(holder[key])))
            case _:
                holder[key] = copy.deepcopy(chance.choice(HOSTILE))  # another case may change it
    return data


def change_bytes(chance: random.Random, data: bytes) -> bytes:
    """Change a few bytes."""
    content = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8))):
        start = chance.randrange(len(content) + 1)
        end = min(len(content), start + chance.choice((0, 1, 4, 40)))
        content[start:end] = chance.choice((b"", bytes([chance.randrange(256)]), b"\xff" * 8, content[start:end] * 2))
    return bytes(content)


def snapshot(chance: random.Random, folder: Path) -> Model:
    text = dump(Snapshot("zoo:build", MODEL))
    if chance.random() < 0.3:
        return load(change_bytes(chance, text.encode()).decode(errors="replace")).model
    return load(json.dumps(change_data(chance, json.loads(text)))).model


def changed(chance: random.Random, data: object) -> bytes:
    """Return data in MessagePack, with changes that the format can represent."""
    if chance.random() < 0.3:
        return change_bytes(chance, msgspec.msgpack.encode(data))
    while True:
        try:
            return msgspec.msgpack.encode(change_data(chance, json.loads(msgspec.json.encode(data))))
        except (OverflowError, ValueError):
            continue  # it cannot be written, so that nobody reads it


def reply(chance: random.Random, folder: Path) -> Model:
    request = Request(1, "zoo:build", "auto", (), secret="s")
    answer = Answer(Built(sample(), ("a",), (Dependency("file", "a", "0"),)), secret="s")
    reply_file.reply_path(folder, request).write_bytes(changed(chance, answer))
    found = reply_file.read_answer(folder, request).reply
    return found.model if isinstance(found, Built) else MODEL


def cache_entry(chance: random.Random, folder: Path) -> Model:
    dependencies = (Dependency("names", "a", ""), Dependency("link", "b", ""), Dependency("modules", ".", "", "torch"))
    built = Built(sample(), ("a",), dependencies)
    cache = Cache(CacheFolder(folder), folder, lambda _: "")
    place = folder / cache._file_name(("zoo:build",))
    content = changed(chance, {"built": {"type": "built", **msgspec.to_builtins(built)}, "installed": []})
    place.write_bytes(fingerprint.of_bytes(content).encode() + content)
    found = cache.get("zoo:build")
    return found.model if isinstance(found, Built) else MODEL


def weights(chance: random.Random, folder: Path) -> Model:
    header: dict[str, Any] = {
        f"{n}.weight": {"dtype": "F32", "shape": [2, 2], "data_offsets": [n * 16, n * 16 + 16]} for n in range(3)
    }
    header["__metadata__"] = {"format": "pt"}
    text = json.dumps(change_data(chance, header)).encode()
    content = len(text).to_bytes(8, "little") + text + bytes(48)
    file = folder / "w.safetensors"
    file.write_bytes(change_bytes(chance, content) if chance.random() < 0.5 else content)
    return checkpoint.read(file).model


class Slow(BaseException):
    """A case took too long."""


def ring(*_: object) -> None:
    raise Slow


@contextmanager
def limited() -> Iterator[None]:
    """Raise `Slow` where a case takes too long."""
    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def refused(case: Callable[[random.Random, Path], Model], seed: int, folder: Path) -> str:
    """Return the error that a case ends in; '' if its model can be drawn."""
    try:
        with limited():
            draw(case(random.Random(seed), folder))
    except BmvisError as error:
        return str(error)
    except BaseException as error:
        raise AssertionError(f"seed {seed}: {type(error).__name__}: {error}") from error
    return ""


@pytest.mark.parametrize("case", [snapshot, reply, cache_entry, weights])
def test_broken_input_is_a_bmvis_error_or_a_model(case, tmp_path):
    errors = [refused(case, seed, tmp_path) for seed in range(SEED, SEED + COUNT)]
    assert case is cache_entry or sum(map(bool, errors)) > COUNT / 4, "most of what is broken is noticed"
