"""Headers of safetensors files: damaged ones, and what a header can contain."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors_files import SOUND, Header, header_of, written

from bmvis.errors import CheckpointError
from bmvis.source import checkpoint

DAMAGED: dict[str, tuple[Header | str | bytes, int, str]] = {
    "truncated": (json.dumps(SOUND), 20, "is truncated: 20 bytes of 28"),
    "too long": (json.dumps(SOUND), 30, "is longer than its header specifies"),
    "not json": ("{", 0, "is damaged"),
    "not utf-8": (b'{"\xff": 1}', 0, "is damaged"),
    "a list": ("[]", 0, "is damaged"),
    "nested": ('{"a": ' + "[" * 100_000, 0, "is damaged"),
    "a number for a tensor": ('{"a": 1}', 0, "is damaged"),
    "unknown field": ('{"a": {"dtype": "F32", "shape": [], "data_offsets": [0, 4], "x": "y"}}', 4, "is damaged"),
    "negative shape": ('{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}', 4, "is damaged"),
    "many dimensions": (
        json.dumps({"a": {"dtype": "F32", "shape": [1] * 99, "data_offsets": [0, 4]}}),
        4,
        "is damaged",
    ),
    "unknown data type": (
        '{"a": {"dtype": "F99", "shape": [], "data_offsets": [0, 4]}}',
        4,
        "unknown data type, 'F99'",
    ),
    "wrong size": ('{"a": {"dtype": "F32", "shape": [9], "data_offsets": [0, 4]}}', 4, "offsets of 'a'"),
    "overlap": (json.dumps({**SOUND, "c": SOUND["b"]}), 28, "the offsets of"),
    "hole": (json.dumps({"b": SOUND["b"]}), 28, "offsets of 'b'"),
    "twice": (json.dumps(SOUND)[:-1] + ', "b": ' + json.dumps(SOUND["b"]) + "}", 28, "contains 'b' twice"),
    "name with an empty part": (json.dumps(header_of({"a..b": (2,)})), 8, "'a..b' in .* is not a valid state-dict key"),
    "metadata that is not text": ('{"__metadata__": {"a": [1]}}', 0, "is damaged"),
}


@pytest.mark.parametrize(("header", "rest", "message"), DAMAGED.values(), ids=DAMAGED)
def test_damaged_file_is_reported(header: str, rest: int, message: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=message):
        checkpoint.read(written(tmp_path / "x.safetensors", header, rest))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "truncated: it has 0 bytes"),
        (b"\x10\0\0\0\0\0\0\0{}", "its header has 16 bytes, the file 10"),
        (b"\xff" * 8 + b"{}", "the header length is 18,446,744,073,709,551,615 bytes"),
        ((2_000_000_000).to_bytes(8, "little") + b"{}", "the header length is 2,000,000,000 bytes"),
        (b"version https://git-lfs.example/spec/v1\noid sha256:0\nsize 4\n", "Git LFS pointer"),
    ],
    ids=["empty", "truncated header", "huge header", "large header", "Git LFS"],
)
def test_file_of_another_format_is_reported(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        checkpoint.read(tmp_path / "x.safetensors")


@pytest.mark.parametrize("name", ['"dtype"', '\\"shape\\"', "data_offsets", "dt\u0079pe"])
def test_tensor_names_can_equal_header_keys(name: str, tmp_path: Path) -> None:
    header = header_of({f"a.{name}": (2,), "b": (1,)}) | {"__metadata__": {"data_offsets": name}}
    tree = checkpoint.read(written(tmp_path / "x.safetensors", header)).model
    assert {p.name for module in tree.modules for p in module.parameters} == {name, "b"}


def test_duplicate_with_escaped_key_is_found(tmp_path: Path) -> None:
    twice = json.dumps(SOUND)[:-1] + ', "b": ' + json.dumps(SOUND["b"]).replace("dtype", "dt\\u0079pe") + "}"
    twice = twice.replace("data_offsets", "data\\u005foffsets", 1).replace("shape", "sh\\u0061pe", 1)
    with pytest.raises(CheckpointError, match="contains 'b' twice"):
        checkpoint.read(written(tmp_path / "x.safetensors", twice, 28))


@pytest.mark.parametrize("length", [640, 896, 1152, 1408, 19280])
def test_header_length_that_looks_like_a_pickle_is_read(length: int, tmp_path: Path) -> None:
    header = json.dumps(header_of({"a.weight": (2, 2)})).ljust(length)
    assert len(checkpoint.read(written(tmp_path / "x.safetensors", header, 16)).model.modules) == 2


@pytest.mark.parametrize("size", [2**63, 2**70, 10**30])
def test_size_over_64_bits_is_an_error(size: int, tmp_path: Path) -> None:
    header = {"a.weight": {"dtype": "F32", "shape": [size, 0], "data_offsets": [0, 0]}}
    with pytest.raises(CheckpointError, match="is damaged"):
        checkpoint.read(written(tmp_path / "x.safetensors", header))


def test_checkpoint_with_a_million_tensors_is_rejected_quickly(tmp_path: Path) -> None:
    entry = '":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
    header = "{" + ",".join(f'"{number}{entry}' for number in range(1_000_000)) + "}"
    file = written(tmp_path / "x.safetensors", header)
    script = (
        "import resource, sys, time\nfrom pathlib import Path\nfrom bmvis.source import checkpoint\n"
        "from bmvis.errors import CheckpointError\nbegan = time.process_time()\n"
        "try: checkpoint.read(Path(sys.argv[1]))\nexcept CheckpointError as error: print(error.message)\n"
        "import re\npeak = int(re.search(r'VmHWM:\\s+(\\d+) kB', Path('/proc/self/status').read_text())[1])\n"
        "assert time.process_time() - began < 2\nassert peak < 300_000, peak"
    )
    done = subprocess.run([sys.executable, "-c", script, str(file)], capture_output=True, text=True, check=False)
    assert "has more than 500,000 tensors" in done.stdout, done.stderr
    assert done.returncode == 0, done.stderr
