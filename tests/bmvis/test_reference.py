"""References: `package.module:callable(arguments)`, names and patterns, parsed without running anything."""

import pytest

from bmvis.errors import InvalidReferenceError
from bmvis.reference import is_name, parse_reference, short_name
from bmvis.reference_patterns import is_pattern, parse_pattern


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("zoo:bert_*", True),
        ("zoo:net_?", True),
        ("zoo:net_[ab]", True),
        ("*", True),
        ("zoo:bert", False),
        ("bert-base", False),
        ("zoo:bert(name='*')", False),
        ("zoo:bert(sizes=[1])", False),
        ('zoo:MODELS["a*"]', False),
        ("zoo:MODELS['a(*b)'](1)", False),
        ("zoo:MODELS[*]", True),
        ("zoo:build(*names)", True),
        ("zoo:build( * nets.names )", True),
        ("zoo:build(*[1])", False),
        ('zoo:build(*names("a*"), x=1)', True),
        ("zoo:net_*(pretrained=False)", True),
        ("zoo:MODELS[18]", False),
        ("zoo:net_[12]x", True),
    ],
)
def test_pattern_has_a_wildcard_before_any_call(text, is_one):
    assert is_pattern(text) is is_one


@pytest.mark.parametrize(("text", "is_one"), [("bert-base", True), (" bert ", True), ("zoo:bert", False), ("", False)])
def test_name_has_no_colon(text, is_one):
    assert is_name(text) is is_one


def test_parts_of_a_reference():
    found = parse_reference(" zoo.nets:Net.small(2, width=[1, 2]) ")
    assert (found.module, found.attribute, found.arguments, found.keywords) == (
        "zoo.nets",
        "Net.small",
        (2,),
        {"width": [1, 2]},
    )
    assert found.called
    assert found.target == "zoo.nets:Net.small"
    assert not parse_reference("zoo:net").called


@pytest.mark.parametrize(
    ("text", "short"),
    [("bert-base", "bert-base"), ("zoo:bert(layers=2)", "bert"), ("checkpoint:w/model.safetensors", "model")],
)
def test_short_name_is_the_last_part_without_arguments(text, short):
    assert short_name(text) == short


@pytest.mark.parametrize(
    "text", ["zoo", "zoo:", ":net", "zoo:net*(x y)", "zoo:net*(", "zoo:f(*a, *b)", "zoo:f(*a(b c))", "1zoo:net"]
)
def test_pattern_is_a_module_and_a_name(text):
    with pytest.raises(InvalidReferenceError):
        parse_pattern(text)


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_reference, "zoo:build(layers=2).eval()"),
        (parse_reference, "zoo:Net(layers=2).encoder.half(1)"),
        (parse_reference, "zoo:Net(layers=2).encoder"),
        (parse_reference, "zoo:build(layers=2)(3)"),
        (parse_reference, "zoo:MODELS['a'](layers=2).eval()"),
        (parse_pattern, "zoo:build(*names).eval()"),
        (parse_pattern, "zoo:net_*(layers=2).eval()"),
        (parse_pattern, "zoo:build(*names(2).get(3))"),
    ],
)
def test_what_follows_a_call_is_an_error(parse, text):
    with pytest.raises(InvalidReferenceError, match="is not a single call") as raised:
        parse(text)
    assert "write a factory" in raised.value.hint


@pytest.mark.parametrize(
    ("text", "keys", "called", "target"),
    [
        ('zoo:MODELS["net_5"]', ("net_5",), False, "zoo:MODELS['net_5']"),
        ("zoo:MODELS['a(b)'](2)", ("a(b)",), True, "zoo:MODELS['a(b)']"),
        (r"zoo:Zoo.MODELS[ 'it\'s' ]", ("it's",), False, 'zoo:Zoo.MODELS["it\'s"]'),
        ("zoo:MODELS", (), False, "zoo:MODELS"),
        ("zoo:MODELS[18]", (18,), False, "zoo:MODELS[18]"),
        ("zoo:MODELS[ -1 ](width=2)", (-1,), True, "zoo:MODELS[-1]"),
        ('zoo:MODELS["bert"]["small"]', ("bert", "small"), False, "zoo:MODELS['bert']['small']"),
        ("zoo:MODELS['a'] [0] [2](width=2)", ("a", 0, 2), True, "zoo:MODELS['a'][0][2]"),
    ],
)
def test_subscripts_are_keys(text, keys, called, target):
    found = parse_reference(text)
    assert (found.keys, found.called, found.target) == (keys, called, target)


@pytest.mark.parametrize(
    "text",
    [
        "zoo:MODELS[x]",
        "zoo:MODELS[01]",
        "zoo:MODELS[1.5]",
        "zoo:MODELS['a'][b]",
        "zoo:MODELS['a'].b",
        "zoo:MODELS['a",
        "zoo:['a']",
    ],
)
def test_other_subscripts_are_refused(text):
    with pytest.raises(InvalidReferenceError):
        parse_reference(text)


@pytest.mark.parametrize(
    ("text", "attribute", "each"),
    [("zoo:MODELS[*]", "MODELS", ""), ("zoo:build(*names)", "build", "names"), ("zoo:bert_*", "bert_*", None)],
)
def test_pattern_of_a_dictionary_or_list(text, attribute, each):
    found = parse_pattern(text)
    assert (found.module, found.attribute, found.each) == ("zoo", attribute, each)


@pytest.mark.parametrize(
    ("text", "each", "each_call", "given", "keywords"),
    [
        ("zoo:bert_*( pretrained = False )", None, "", "pretrained=False", {"pretrained": False}),
        ("zoo:*()", None, "", "", {}),
        ("zoo:MODELS[*](pretrained=False)", "", "", "pretrained=False", {"pretrained": False}),
        ("zoo:build(*nets.names, width=2*4)", "nets.names", "", "width=2 * 4", {"width": 8}),
        ("zoo:build(*names('a*', large=True), 3)", "names", "('a*', large=True)", "3", {}),
        ("zoo:build(*names())", "names", "()", "", {}),
    ],
)
def test_pattern_has_arguments_for_each_model(text, each, each_call, given, keywords):
    found = parse_pattern(text)
    assert (found.each, found.each_call, found.given, found.keywords) == (each, each_call, given, keywords)
    assert found.called is bool(given)


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("zoo:MODELS['net 5']", "net-5"),
        ("zoo:Zoo.MODELS['a']", "a"),
        ("zoo:MODELS[18]", "18"),
        ("zoo:M['a'][1]", "a-1"),
    ],
)
def test_short_name_of_a_subscript_is_its_key(text, short):
    assert short_name(text) == short


@pytest.mark.parametrize(
    ("text", "intended"),
    [
        ("zoo.Net", "zoo:Net"),
        ("package.nets.Net(layers=2)", "package.nets:Net(layers=2)"),
        ("./zoo.py:Net", "zoo:Net"),
        ("../src/package/nets.py:Net", "package.nets:Net"),
        ("src/package/__init__.py:build(2)", "package:build(2)"),
        ("package/nets:Net", "package.nets:Net"),
        ("package\\\\nets.py:Net", "package.nets:Net"),
        ("zoo.py", "zoo:factory"),
        ("src/package/nets.py", "package.nets:factory"),
        ("weights/model.safetensors", "checkpoint:weights/model.safetensors"),
        ("model.Q4_0.GGUF", "checkpoint:model.Q4_0.GGUF"),
        ("/data/model.safetensors.index.json", "checkpoint:/data/model.safetensors.index.json"),
        ("../llama/config.json", "config:../llama/config.json"),
    ],
)
def test_dotted_names_and_files_suggest_the_reference(text, intended):
    with pytest.raises(InvalidReferenceError) as raised:
        parse_reference(text)
    assert raised.value.hint == f"did you mean {intended!r}?"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ('"zoo:Net(layers=2)"', "remove the quotes"),
        ("'zoo:Net'", "remove the quotes"),
        ("`zoo:Net`", "remove the quotes"),
        ("“zoo:Net”", "write straight quotes, or none"),
        ("”zoo:Net(layers=2)”", "write straight quotes, or none"),
        ("zoo:Net depth=2", "write 'depth=2' as an option, apart from the reference"),
        ("zoo:Net :depth: 2", "write ':depth: 2' as an option, apart from the reference"),
        ("zoo:Net too", "write package.module:factory or package.module:factory(layers=2)"),
        ("zoo:*", "a pattern names several models: write it in a gallery or table, and here one of its models"),
        (
            "The net <zoo:Net(2)>",
            "in a gallery or table, write 'zoo:Net(2) | The net'; elsewhere, write 'zoo:Net(2)' alone",
        ),
        ("- zoo:Net", "remove the list marker '-'"),
        ("* zoo:Net(2)", "remove the list marker '*'"),
        (":columns: 2", "write options above the lines that name models"),
        ("zoo:net, zoo:Net(2, 3)", "write each reference on a line of its own"),
        (".zoo:Net", "write the whole name of the module: package.zoo:Net"),
        ("..:Net", "write the whole name of the module: package.module:Net"),
        ("zoo::Net(2)", "did you mean 'zoo:Net(2)'?"),
        ("zoo:MODELS[small]", "did you mean 'zoo:MODELS[\"small\"]'?"),
        ("zoo:MODELS[ net-5 ](2)", "did you mean 'zoo:MODELS[\"net-5\"](2)'?"),
    ],
)
def test_quotes_and_options_in_a_reference_have_a_hint(text, hint):
    with pytest.raises(InvalidReferenceError) as raised:
        parse_reference(text)
    assert raised.value.hint == hint


@pytest.mark.parametrize(
    ("text", "module"),
    [
        ("/home/me/repo/src/zoo.py:build", "zoo:build"),
        ("/home/me/repo/src/zoo:build(layers=2)", "zoo:build(layers=2)"),
        ("/home/me/zoo.py", "zoo:factory"),
        ("~/zoo.py:build", "zoo:build"),
        (r"C:\repo\zoo.py:build", "zoo:build"),
        ("C:/repo/zoo.py:build", "zoo:build"),
        (r"\\server\share\zoo.py:build", "zoo:build"),
        ("file:///home/me/zoo.py:build", "zoo:build"),
    ],
)
def test_absolute_paths_suggest_the_module_and_its_folder(text, module):
    with pytest.raises(InvalidReferenceError, match="is a path") as raised:
        parse_reference(text)
    assert raised.value.hint.startswith(f"write {module!r}, and add the folder that contains zoo")


@pytest.mark.parametrize("text", ["/", "C:\\", "~", "/a b/c d.py:build"])
def test_absolute_paths_of_no_module_show_the_form_of_a_reference(text):
    with pytest.raises(InvalidReferenceError, match="is a path") as raised:
        parse_reference(text)
    assert raised.value.hint.startswith("write package.module:factory")


@pytest.mark.parametrize("text", ["net", "net(a.b)", "a b.c", "1.py:net", "zoo:a-b", "../..:net"])
def test_other_mistakes_show_the_form_of_a_reference(text):
    with pytest.raises(InvalidReferenceError) as raised:
        parse_reference(text)
    assert raised.value.hint.startswith("write package.module:factory")
