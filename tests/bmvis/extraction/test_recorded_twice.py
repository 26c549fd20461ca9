"""The record of a model is the same in each process: other hash seed, folder, and time."""

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("transformers")

COUNT = int(os.environ.get("BMVIS_ARCHITECTURES", "12"))
"""Number of architectures of transformers that are built. With 75, the test takes some minutes."""
MOST_BYTES = 100_000
"""Maximum size of the snapshot of an architecture."""
BUILD = """
import hashlib, json, sys
import torch
from transformers import CONFIG_MAPPING, AutoModel
from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES
from bmvis.extraction.modules import capture
from bmvis.model.snapshot import Snapshot, dump, load

found = {}
for name in MODEL_MAPPING_NAMES:
    if len(found) == int(sys.argv[1]):
        break
    try:
        with torch.device("meta"):
            model = AutoModel.from_config(CONFIG_MAPPING[name]())
    except Exception:
        continue  # it needs an optional dependency, or has no default configuration
    text = dump(Snapshot(name, capture(model)))
    assert dump(load(text)) == text, name
    found[name] = (len(text.encode()), hashlib.sha256(text.encode()).hexdigest())
print(json.dumps(found))
"""


def snapshots(folder, seed):
    environment = os.environ | {"PYTHONHASHSEED": seed, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}
    environment["PYTHONPATH"] = os.pathsep.join(path or os.getcwd() for path in sys.path)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", BUILD, str(COUNT)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_record_is_the_same_in_two_processes(tmp_path):
    (tmp_path / "other").mkdir()
    first, second = snapshots(tmp_path, "1"), snapshots(tmp_path / "other", "2")
    assert len(first) == COUNT
    assert first == second
    assert max(size for size, _ in first.values()) < MOST_BYTES
