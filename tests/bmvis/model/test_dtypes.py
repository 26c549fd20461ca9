"""Data types and devices of a model's parameters, the one with most elements first."""

import msgspec
from trees import tensor

from bmvis.model.dtypes import device_of, dtype_of, rank_facts
from bmvis.model.tree import Model, Module


def on(device: str, *shape: int, **facts):
    return msgspec.structs.replace(tensor("w", *shape, **facts), device=device)


def model(*parameters) -> Model:
    layers = [Module(str(n), 1, "P", parameters=(p,)) for n, p in enumerate(parameters)]
    return Model((Module("", 0, "Net"), *layers))


def test_devices_are_ranked_by_elements_and_meta_is_none():
    found = rank_facts(model(on("cpu", 2), on("cuda:0", 9), on("meta", 99)), device_of)
    assert found.ranked == ("cuda:0", "cpu")
    assert [found.below(index) for index in range(4)] == [("cuda:0", "cpu"), ("cpu",), ("cuda:0",), ()]


def test_data_types_are_named_by_how_they_are_stored():
    found = rank_facts(model(on("meta", 2), on("meta", 9, quantization="nf4")), dtype_of)
    assert found.ranked == ("nf4", "float32")


def test_single_dtype_is_found_without_a_walk():
    found = rank_facts(model(on("meta", 2), on("meta", 3)), dtype_of)
    assert (found.ranked, found.found) == (("float32",), ())
    assert found.below(1) == ("float32",)
