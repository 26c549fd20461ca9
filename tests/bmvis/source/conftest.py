"""What the tests of checkpoints and of configurations share."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_models import bert


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save BERT with transformers: in one file, in parts, and only its configuration."""
    folder = tmp_path_factory.mktemp("saved")
    model = bert("BertForMaskedLM", num_hidden_layers=12)
    model.save_pretrained(folder / "whole")
    model.save_pretrained(folder / "parts", max_shard_size="60KB")
    (folder / "config").mkdir()
    (folder / "config/config.json").write_bytes((folder / "whole/config.json").read_bytes())
    return folder
