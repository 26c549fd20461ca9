from bmvis.model.tree import Model, Module, Parameter
from bmvis.options.definitions import Options
from bmvis.render.html.tree import module_ids
from bmvis.view.layout import layout
from bmvis.view.row_finder import shown_at


def module(depth, name, *, weights=1):
    parameters = tuple(Parameter(f"w{i}", (2,), "float32", 2, 8) for i in range(weights))
    return Module(name, depth, "Layer", parameters=parameters)


def shown(*modules, **options):
    model = Model((module(0, "", weights=0), *modules))
    return shown_at(model, layout(model, Options(**options)).rows)


def test_module_is_shown_at_its_own_row():
    assert shown(module(1, "a"), module(1, "b", weights=2)) == {"": "", "a": "a", "b": "b"}


def test_folded_module_maps_to_the_first_of_its_group():
    found = shown(module(1, "0"), module(2, "x"), module(1, "1"), module(2, "x"))
    assert found == {"": "", "0": "0", "0.x": "0.x", "1": "0", "1.x": "0.x"}


def test_left_out_module_maps_to_the_row_above():
    assert shown(module(1, "a"), module(2, "b"), module(3, "c"), depth=1) == {
        "": "",
        "a": "a",
        "a.b": "a",
        "a.b.c": "a",
    }
    assert shown(module(1, "a"), module(2, "act", weights=0)) == {"": "", "a": "a", "a.act": "a"}


def test_module_of_a_tree_without_root_maps_to_the_tree_if_no_row_shows_it():
    model = Model((module(0, "", weights=0), module(1, "a"), module(2, "b"), module(1, "act", weights=0)))
    page = layout(model, Options(no_root=True, depth=1))
    assert module_ids("net", model, page) == {"a": "net.a", "a.b": "net.a", "act": "net"}
