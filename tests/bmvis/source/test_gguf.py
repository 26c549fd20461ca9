"""`checkpoint:model.gguf`: the header of llama.cpp's format."""

import random
import struct
from pathlib import Path

import pytest

from bmvis.errors import CheckpointError
from bmvis.options.definitions import Options
from bmvis.render.text import to_text
from bmvis.source import checkpoint, gguf
from bmvis.view.layout import layout

F32, F16, Q4_0, Q6_K, BF16 = 0, 1, 2, 14, 30
BYTES = {F32: (1, 4), F16: (1, 2), Q4_0: (32, 18), Q6_K: (256, 210), BF16: (1, 2)}


def text(value: str, order: str = "<", length: str = "Q") -> bytes:
    return struct.pack(order + length, len(value.encode())) + value.encode()


def entry(key: str, kind: int, value: bytes, order: str = "<", length: str = "Q") -> bytes:
    return text(key, order, length) + struct.pack(order + "I", kind) + value


def make(tensors, entries=(), *, version: int = 3, order: str = "<", cut: int = 0) -> bytes:
    """Return a GGUF file of tensors, each with a name, a shape in PyTorch's order, and a type."""
    length = "I" if version == 1 else "Q"
    head = b"GGUF" + struct.pack(f"{order}I{length}{length}", version, len(tensors), len(entries))
    head += b"".join(entry(*one, order, length) for one in entries)
    offset = 0
    for name, shape, kind in tensors:
        head += text(name, order, length) + struct.pack(order + "I", len(shape))
        head += struct.pack(f"{order}{len(shape)}{length}", *reversed(shape)) + struct.pack(f"{order}IQ", kind, offset)
        count = 1
        for side in shape:
            count *= side
        elements, size = BYTES.get(kind, (1, 1))
        offset += -(-(count // elements * size) // 32) * 32
    head += bytes(-len(head) % 32)
    whole = head + bytes(min(offset, 2**20))
    return whole[: len(whole) - cut]


def read(folder: Path, content: bytes):
    file = folder / "m.gguf"
    file.write_bytes(content)
    return checkpoint.read(file).model


def dependencies(model):
    return {
        f"{path}.{p.name}".lstrip("."): (p.shape, p.dtype, p.quantization, p.count, p.stored_bytes)
        for path, module in zip(model.paths, model.modules, strict=True)
        for p in module.parameters
    }


def test_shapes_are_in_the_order_of_pytorch_and_types_by_name(tmp_path):
    model = read(
        tmp_path,
        make(
            [
                ("token_embd.weight", (100, 64), F16),
                ("blk.0.attn_q.weight", (64, 256), Q6_K),
                ("blk.0.ffn_up.weight", (128, 64), Q4_0),
                ("output_norm.weight", (64,), F32),
            ]
        ),
    )
    assert dependencies(model) == {
        "token_embd.weight": ((100, 64), "float16", "", 6400, 12800),
        "blk.0.attn_q.weight": ((64, 256), "uint8", "q6_k", 16384, 13440),
        "blk.0.ffn_up.weight": ((128, 64), "uint8", "q4_0", 8192, 4608),
        "output_norm.weight": ((64,), "float32", "", 64, 256),
    }


@pytest.mark.parametrize(
    ("version", "order"), [(1, "<"), (2, "<"), (3, "<"), (3, ">")], ids=["1", "2", "3", "big-endian"]
)
def test_every_version_is_read(tmp_path, version, order):
    model = read(tmp_path, make([("a.weight", (2, 3), F32)], version=version, order=order))
    assert dependencies(model) == {"a.weight": ((2, 3), "float32", "", 6, 24)}


def test_metadata_names_the_architecture_and_arrays_are_skipped(tmp_path):
    tokens = struct.pack("<IQ", 8, 2) + text("<s>") + text("a")
    scores = struct.pack("<IQ", 6, 2) + struct.pack("<2f", 0.5, 1.0)
    entries = [
        ("general.architecture", 8, text("llama")),
        ("llama.block_count", 4, struct.pack("<I", 32)),
        ("tokenizer.ggml.tokens", 9, tokens),
        ("tokenizer.ggml.scores", 9, scores),
        ("general.alignment", 4, struct.pack("<I", 32)),
    ]
    content = make([("a.weight", (2, 2), F32)], entries)
    assert read(tmp_path, content).root.type == "llama"
    assert gguf.read_file(tmp_path / "m.gguf").metadata["llama.block_count"] == "32"


def test_tree_is_that_of_a_checkpoint(tmp_path):
    page = layout(read(tmp_path, make([(f"blk.{i}.w.weight", (64, 64), Q4_0) for i in range(4)])), Options())
    assert to_text(page).splitlines()[-1] == "checkpoint: 16,384 elements; q4_0, 9.2 KB"
    assert any("0-3" in line for line in to_text(page).splitlines())


def test_folder_with_one_gguf_file_is_read(tmp_path):
    (tmp_path / "m.gguf").write_bytes(make([("a.weight", (2, 2), F32)]))
    assert checkpoint.read(tmp_path).model.modules[1].name == "a"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"GGUF", "its header is truncated"),
        (make([("a.weight", (2, 2), F32)], version=9), "version 9 is unknown"),
        (b"GGUF" + struct.pack("<IQQ", 3, 2**60, 0), "the header lists 1,152,921,504,606,846,976 tensors"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 2**60), "metadata entries"),
        (make([("", (2, 2), F32)]), "a tensor has the name ''"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + bytes(64), "a tensor has the name ''"),
        (make([("a..b", (2, 2), F32)]), "a tensor has the name 'a..b'"),
        (make([("a", (2, 2), F32), ("a", (2, 2), F32)]), "it contains 'a' twice"),
        (make([("a", (2, 2), 99)]), "'a' has the unknown type 99"),
        (make([("a", (2, 33), Q4_0)]), "rows of 'a' have 33 elements, not a multiple of 32"),
        (make([("a", (200, 200), F32)], cut=1), "it is truncated"),
        (make([("a", (2, 2), F32)], [("k", 77, b"")]), "its metadata has the unknown type 77"),
        (make([("a", (2, 2), F32)], [("k", 9, struct.pack("<IQ", 9, 5))]), "an array of 5 values of type 9"),
        (make([("a", (2, 2), F32)], [("k", 9, struct.pack("<IQ", 0, 2**62))]), "its header is truncated"),
        (make([("a", (2, 2), F32)], [("k", 8, struct.pack("<Q", 2**63))]), "the header has a string of"),
        (make([("a", (2**63, 1), F32)]), "has the shape"),
        (make([("a", (), F32)]), "'a' has 0 dimensions"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_damaged_gguf_file_is_an_error(tmp_path, content, message):
    with pytest.raises(CheckpointError, match="is a damaged GGUF file") as raised:
        read(tmp_path, content)
    assert message in raised.value.message
    assert raised.value.hint == "download the file again"


def test_mutated_headers_are_read_or_an_error(tmp_path):
    sound = make(
        [("blk.0.weight", (64, 64), Q4_0), ("norm.weight", (64,), F32)],
        [("general.architecture", 8, text("llama")), ("t", 9, struct.pack("<IQ", 8, 1) + text("a"))],
    )
    chance = random.Random(7)
    for _ in range(2000):
        content = bytearray(sound)
        for _ in range(chance.randint(1, 4)):
            content[chance.randrange(4, 220)] = chance.choice([0, 1, 2, 0x7F, 0x80, 0xFF, chance.randrange(256)])
        try:
            read(tmp_path, bytes(content[: chance.choice([len(content), chance.randrange(len(content))])]))
        except CheckpointError:
            pass  # refused: anything else is a failure
