"""The number of modules that a row represents, and of their elements."""

import msgspec
from trees import tensor

from bmvis.model.tree import Model, Module
from bmvis.options.definitions import Options
from bmvis.view.layout import layout


def block(index: int, *parameters) -> list[Module]:
    return [Module(str(index), 1, "Block"), Module("proj", 2, "Linear", parameters=parameters)]


def tied(name: str, *shape: int, to: str):
    return msgspec.structs.replace(tensor(name, *shape), tied_to=to)


def shared_blocks(bias: bool = False) -> Model:
    """Return three blocks that share the matrix of the embedding, with or without their own bias."""
    keys = tuple(f"{index}.proj.weight" for index in range(3))
    embedding = Module("embed", 1, "Embedding", parameters=(tensor("weight", 10, 4, tied_by=keys),))
    own = (tensor("bias", 10),) if bias else ()
    blocks = [block(index, tied("weight", 10, 4, to="embed.weight"), *own) for index in range(3)]
    return Model((Module("", 0, "Net"), embedding, *(module for modules in blocks for module in modules)))


def facts(model: Model, **options) -> dict[str, tuple[int, int, int]]:
    """Return for each path the number of modules that its row represents, of their elements, and of new elements."""
    rows = layout(model, Options(**options)).rows
    return {row.path or row.label: (row.times, row.elements, row.first) for row in rows}


def test_tensor_shared_by_all_members_counts_once():
    assert facts(shared_blocks()) == {"root": (1, 40, 40), "embed": (1, 40, 40), "0": (3, 40, 0), "0.proj": (3, 40, 0)}


def test_own_parameters_of_members_count_separately():
    found = facts(shared_blocks(bias=True))
    assert found["root"] == (1, 70, 70)
    assert found["0"] == found["0.proj"] == (3, 70, 30)


def test_parameter_rows_count_distinct_tensors():
    found = facts(shared_blocks(bias=True), expand_params=True)
    assert found["0.proj.weight"] == (3, 40, 0)
    assert found["0.proj.bias"] == (3, 30, 30)


def test_occurrences_of_nested_folds_multiply():
    inner = [
        module
        for index in range(2)
        for module in (
            Module(str(index), 1, "Stage"),
            *(Module(str(n), 2, "Linear", parameters=(tensor("w", 5),)) for n in range(3)),
        )
    ]
    assert facts(Model((Module("", 0, "Net"), *inner))) == {"root": (1, 30, 30), "0": (2, 30, 30), "0.0": (6, 30, 30)}
