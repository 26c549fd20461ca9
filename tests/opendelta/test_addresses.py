"""A pattern names the modules that OpenDelta itself finds for it."""

import json
import subprocess
from pathlib import Path

import pytest
from trees import bert

from bmvis import address
from bmvis.model.preorder import module_paths

PYTHON = Path(__file__).parents[2] / ".venv-opendelta" / "bin" / "python"
MODEL = bert()
PATTERNS = [
    "attention.output.dense",
    "output.dense",
    "dense",
    "ense",
    "layer.3.attention",
    "3.attention",
    "bert",
    "encoder.layer.1",
    r"[r]\d+.attention",
    r"[r](\d)+\.output",
    r"[r][37]\.output",
    r"[r]layer\.(0|11)\..*\.dense",
    r"[r]ense",
    r"[r]bert|encoder",
    r"[r]encoder$",
    r"[r].*",
    r"[r]^bert\.embeddings",
    r"[r]x*",
    r"[r](?<=layer\.)\d",
]
ASK = """
import json, sys
from opendelta.utils.name_based_addressing import endswith_in
paths, patterns = json.load(sys.stdin)
for pattern in patterns:
    print(json.dumps([path for path in paths if endswith_in(path, [pattern])]))
"""

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="no environment with OpenDelta: make test-opendelta")


@pytest.fixture(scope="module")
def found():
    question = json.dumps([module_paths(MODEL.modules)[1:], PATTERNS])
    run = subprocess.run([PYTHON, "-c", ASK], input=question, capture_output=True, text=True, check=True)
    lines = [line for line in run.stdout.splitlines() if line.startswith("[")]
    return dict(zip(PATTERNS, map(json.loads, lines), strict=True))


@pytest.mark.parametrize("pattern", PATTERNS)
def test_pattern_matches_the_same_modules_as_opendelta(found, pattern):
    assert address.match(MODEL, pattern) == found[pattern]
