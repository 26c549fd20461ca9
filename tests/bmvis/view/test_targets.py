"""Links to modules: by path, by the end of a path, and through wrappers."""

import pytest

from bmvis.view.targets import by_end, find_anchor, missing_module

PLAIN = {
    "encoder": "m.encoder",
    "encoder.layer.0": "m.encoder.layer.0",
    "encoder.layer.0.output.dense": "m.encoder.layer.0.output.dense",
    "encoder.layer.1": "m.encoder.layer.0",
    "encoder.layer.1.output.dense": "m.encoder.layer.0.output.dense",
    "pooler": "m.pooler",
    "pooler.dense": "m.pooler.dense",
    "head.pooler": "m.head.pooler",
}
WRAPPED = {
    "base_model.model.encoder._orig_mod.layer.3.query": "m.3",
    "base_model.model.encoder._orig_mod.layer.4.query": "m.4",
}


@pytest.mark.parametrize(
    ("anchors", "path", "anchor"),
    [
        (PLAIN, "encoder.layer.1", "m.encoder.layer.0"),
        (PLAIN, "layer.1", "m.encoder.layer.0"),
        (PLAIN, "output.dense", "m.encoder.layer.0.output.dense"),
        (PLAIN, "dense", None),
        (PLAIN, "pooler", "m.pooler"),
        (PLAIN, "ooler", None),
        (PLAIN, "base_model.model.encoder.layer.1", "m.encoder.layer.0"),
        (PLAIN, "module.encoder._orig_mod.layer.0", "m.encoder.layer.0"),
        (PLAIN, "base_model.model", None),
        (PLAIN, "", None),
        (WRAPPED, "encoder.layer.3.query", "m.3"),
        (WRAPPED, "layer.4.query", "m.4"),
        (WRAPPED, "query", None),
        ({}, "query", None),
    ],
)
def test_anchor_is_found_by_path_or_unique_end(anchors, path, anchor):
    assert find_anchor(anchors, path) == anchor


def test_ends_include_all_whole_paths():
    assert by_end(PLAIN).items() >= PLAIN.items()
    assert "dense" not in by_end(PLAIN)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "dense",
            "the tree 'm' has 3 modules 'dense' (did you mean 'encoder.layer.0.output.dense',"
            " 'encoder.layer.1.output.dense' or 'pooler.dense'?)",
        ),
        (
            "layr.1",
            "the tree 'm' has no module 'layr.1' (did you mean 'encoder.layer.1' or 'encoder.layer.0'?)",
        ),
        (
            "layer.2",
            "the tree 'm' has no module 'layer.2' (did you mean 'encoder.layer.1' or 'encoder.layer.0'?)",
        ),
        (
            "xyz",
            "the tree 'm' has no module 'xyz' (known: encoder, encoder.layer.0, encoder.layer.0.output.dense,"
            " encoder.layer.1, encoder.layer.1.output.dense, head.pooler, pooler, pooler.dense)",
        ),
        (
            "encoder.layer.2.output",
            "the tree 'm' has no module 'encoder.layer.2.output' (did you mean 'encoder.layer.1.output.dense',"
            " 'encoder.layer.0.output.dense' or 'encoder.layer.1'?)",
        ),
    ],
)
def test_warning_suggests_three_modules(path, message):
    assert missing_module("m", PLAIN, path) == message
