"""Tables of models without a host: columns, units, order, groups, links, errors, and columns of your own."""

import pytest
from trees import bert, linear

from bmvis.errors import FactoryError, OptionError
from bmvis.model.tree import Model, Module, Parameter
from bmvis.options.definitions import Options
from bmvis.overviews.entries import Entry, read_entries
from bmvis.overviews.own_columns import read_rows, row_problems
from bmvis.overviews.table import RowResult, make_table
from bmvis.overviews.table_options import parse_table_options
from bmvis.view.layout import layout


def model(*sizes: int) -> Model:
    return Model((Module("", 0, "Net"), *(linear(str(index), 1, size, size) for index, size in enumerate(sizes))))


def results(*entries: Entry) -> list[RowResult]:
    """Return a model for each entry whose reference ends in a width, or an error."""
    widths = [entry.reference.rpartition("_")[2] for entry in entries]
    models = [model(int(width)) if width.isdigit() else FactoryError("no") for width in widths]
    return [RowResult(entry, made) for entry, made in zip(entries, models, strict=True)]


def table(lines: str, own=(), **options):
    entries = read_entries((line, "") for line in lines.splitlines())
    return make_table(results(*entries), parse_table_options(options), own)


def texts(made) -> list[list[str]]:
    return [[cell.text for cell in row.cells] for row in made.rows]


def test_a_column_of_large_numbers_has_one_unit_in_its_heading():
    made = table("zoo:net_1000\nzoo:net_2000", columns="name,parameters,size")
    assert [heading.full for heading in made.headings] == ["Model", "Parameters (M)", "Size (MB)"]
    assert texts(made) == [["net_1000", "1.00", "4.00"], ["net_2000", "4.00", "16.01"]]
    assert [cell.exact for cell in made.rows[0].cells] == ["", "1,001,000", "4,004,000 bytes"]


@pytest.mark.parametrize(
    ("lines", "heading", "shown"),
    [
        ("zoo:net_3\nzoo:net_10", "Parameters", ["12", "110"]),
        ("zoo:net_3\nzoo:net_1000", "Parameters", ["12", "1M"]),
        ("zoo:net_40\nzoo:net_1000", "Parameters (K)", ["1.64", "1,001.00"]),
        ("zoo:net_400\nzoo:net_1000\nzoo:net_9000", "Parameters (M)", ["0.16", "1.00", "81.01"]),
        ("zoo:net_4000\nzoo:net_90000", "Parameters (M)", ["16.0", "8,100.1"]),
        ("zoo:net_3\nzoo:net_1000\nzoo:net_9000", "Parameters", ["12", "1M", "81M"]),
    ],
    ids=["exact", "too-different", "thousands", "one-is-smaller", "one-is-larger", "one-is-tiny"],
)
def test_units_never_round_a_number_to_nothing(lines, heading, shown):
    made = table(lines, columns="parameters")
    assert [made.headings[0].full] == [heading]
    assert [cells[0] for cells in texts(made)] == shown


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ("given", ["net_20", "failing", "net_3", "net_100"]),
        ("parameters", ["net_100", "net_20", "net_3", "failing"]),
        ("parameters ascending", ["net_3", "net_20", "net_100", "failing"]),
        ("accuracy", ["net_3", "net_20", "net_100", "failing"]),
        ("name", ["failing", "net_100", "net_20", "net_3"]),
        ("name descending", ["net_3", "net_20", "net_100", "failing"]),
    ],
)
def test_rows_are_sorted_and_those_without_a_value_are_last(sort, names):
    lines = "zoo:net_20 | | | accuracy=80\nzoo:failing\nzoo:net_3 | | | accuracy=9e1\nzoo:net_100 | | | accuracy=7.5"
    assert [row.entry.shown for row in table(lines, sort=sort).rows] == names


@pytest.mark.parametrize(
    ("values", "order"),
    [
        (("76.1 ± 0.2", "9", "80.5%", "101 +/- 3"), [3, 2, 0, 1]),
        (("2", "n/a", "10", "-"), [2, 0, 1, 3]),
        (("—", "\N{MINUS SIGN}3", "1,000", "N/A"), [2, 1, 0, 3]),
        (("2020-01-02", "3/4", "5", "7"), [0, 1, 2, 3]),
    ],
    ids=["deviation", "unknown", "signs", "text"],
)
def test_own_numbers_are_sorted_as_numbers(values, order):
    made = table("\n".join(f"zoo:net_{n} | | | Top-1={value}" for n, value in enumerate(values)), sort="Top-1")
    assert [int(row.entry.shown[-1]) for row in made.rows] == order
    assert [row.cells[-1].text for row in made.rows if row.cells[-1].text.lower() in ("-", "—", "n/a")] == []


def test_uninitialized_parameters_make_all_their_numbers_minimums():
    lazy = Module("lazy", 1, "LazyLinear", parameters=(Parameter("weight", None, "float32", 0, 0),))
    result = RowResult(Entry("zoo:net"), Model((Module("", 0, "Net"), linear("a", 1, 2, 2), lazy)))
    made = make_table([result], parse_table_options({"columns": "parameters,trainable,size"}))
    assert texts(made) == [["≥ 6", "≥ 6", "≥ 24"]]


def test_rows_are_grouped_by_the_first_tag_and_sorted_in_their_group():
    lines = "zoo:net_1\nzoo:net_2 | | text, old\nzoo:net_3 | | images\nzoo:net_4 | | text"
    made = table(lines, group="", sort="parameters")
    groups = [(title, [row.entry.shown for row in rows]) for title, rows in made.groups]
    assert groups == [("text", ["net_4", "net_2"]), ("images", ["net_3"]), ("Other", ["net_1"])]


def test_a_model_that_fails_keeps_its_own_columns_and_the_others_their_rows():
    made = table("zoo:net_3\nzoo:failing | | | paper=ours", columns="name,parameters,paper")
    assert texts(made) == [["net_3", "12", ""], ["failing", "", "ours"]]
    assert [row.problem for row in made.rows] == ["", "no"]


def test_own_columns_by_reference_name_and_title_and_the_line_has_priority():
    project = {"zoo:net_3": {"accuracy": "1", "license": "MIT"}}
    data = {"net_3": {"accuracy": "2"}, "Big": {"accuracy": "3"}}
    lines = "zoo:net_3\nzoo:net_5 | Big\nzoo:net_7 | | | accuracy=4"
    made = table(lines, own=[project, data], columns="accuracy,license")
    assert texts(made) == [["2", "MIT"], ["3", ""], ["4", ""]]


def test_table_without_columns_shows_all_own_columns_of_its_models():
    data = {"net_3": {"accuracy": "2"}, "another": {"paper": "theirs"}}
    made = table("zoo:net_3 | | | inputs=float32[1]\nzoo:net_5 | | | license=MIT", own=[data])
    assert [heading.name for heading in made.headings] == ["name", "parameters", "size", "accuracy", "license"]
    assert texts(made) == [["net_3", "12", "48", "2", ""], ["net_5", "30", "120", "", "MIT"]]
    assert len(table("zoo:net_3", own=[data], columns="name,size").headings) == 2


@pytest.mark.parametrize(
    ("written", "text", "href"),
    [
        ("[He et al.](https://arxiv.org/abs/1512.03385)", "He et al.", "https://arxiv.org/abs/1512.03385"),
        ("https://example.org/x", "example.org/x", "https://example.org/x"),
        ("[x](javascript:alert(1))", "[x](javascript:alert(1))", ""),
    ],
    ids=["markdown", "bare", "script"],
)
def test_links_in_own_columns(written, text, href):
    [[cell]] = [row.cells for row in table(f"zoo:net_1 | | | paper={written}", columns="paper").rows]
    assert (cell.text, cell.href) == (text, href)


@pytest.mark.parametrize(
    ("line", "options", "message"),
    [
        (
            "zoo:net_1",
            {"columns": "name,parameter"},
            "the table has no column 'parameter' (did you mean 'parameters'?)",
        ),
        ("zoo:net_1", {"sort": "size up"}, "the table has no column 'size up'"),
        ("zoo:net_1", {"columns": "macs"}, "the column 'macs' requires the option 'inputs'"),
        ("zoo:net_1 | | | size=3", {}, "bmvis computes the column 'size' of 'net_1'"),
        ("zoo:net_1 | | | 3", {}, "'3' in the line 'zoo:net_1 | | | 3' is not column=value"),
        ("zoo:net_1", {"columns": "name,name"}, "expected names of columns"),
        ("zoo:net_1", {"data": "x.json"}, "expected the path of a .csv or .toml file"),
        ("zoo:net_1", {"column": "name"}, "unknown table option 'column' (did you mean 'columns'?)"),
    ],
    ids=["column", "sort", "inputs", "computed", "value", "twice", "data", "option"],
)
def test_invalid_line_or_option_is_an_error(line, options, message):
    with pytest.raises(OptionError) as caught:
        table(line, **options)
    assert message in str(caught.value)


def test_one_model_with_several_inputs_has_several_rows():
    lines = "zoo:net | | | inputs=float32[1, 2]\nzoo:net | | | inputs=float32[1, 4]\nzoo:net"
    entries = read_entries((line, "") for line in lines.splitlines())
    options = parse_table_options({"columns": "macs", "inputs": "float32[1, 8]"})
    assert [options.request(entry).inputs for entry in entries] == ["float32[1, 2]", "float32[1, 4]", "float32[1, 8]"]
    assert not parse_table_options({"inputs": "float32[1, 8]"}).request(entries[0]).inputs


def test_small_sizes_are_bytes_and_have_no_tooltip():
    made = table("zoo:net_1\nzoo:net_2", columns="size")
    assert made.headings[0].full == "Size (bytes)"
    assert [(cell.text, cell.exact) for row in made.rows for cell in row.cells] == [("8", ""), ("24", "")]


def test_columns_of_a_language_model():
    columns = "type,parameters,trainable,delta,dtype,depth,tags"
    result = RowResult(Entry("zoo:bert", tags=("a", "b")), bert())
    [row] = make_table([result], parse_table_options({"columns": columns})).rows
    found = dict(zip(columns.split(","), row.cells, strict=True))
    assert found["type"].text == bert().root.type
    assert found["parameters"].number == found["trainable"].number == layout(bert(), Options()).totals.count
    assert (found["dtype"].text, found["tags"].text, found["delta"].text) == ("float32", "a, b", "0")


CSV = '\ufeffmodel,accuracy, license \nnet_1,76.1,MIT\n\nzoo:net_2,,"BSD,\n3"\n'
TOML = '[net_1]\naccuracy = 76.1\nfrozen = true\n["zoo:net_2"]\nlicense = "MIT"\n'


@pytest.mark.parametrize(
    ("name", "text", "rows"),
    [
        (
            "x.csv",
            CSV,
            {
                "net_1": {"accuracy": "76.1", "license": "MIT"},
                "zoo:net_2": {"accuracy": "", "license": "BSD,\n3"},
            },
        ),
        ("x.toml", TOML, {"net_1": {"accuracy": "76.1", "frozen": "true"}, "zoo:net_2": {"license": "MIT"}}),
    ],
)
def test_data_file_has_columns_by_model(tmp_path, name, text, rows):
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert read_rows(tmp_path / name, name) == rows


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.csv", b"", "it is empty"),
        ("x.csv", b"model,a\nnet,1,2\n", "line 2 has 3 cells, but there are 2 headings"),
        ("x.csv", b"model,a\nnet,1\nnet,2\n", "line 3 repeats 'net'"),
        ("x.csv", b'model,a\nnet,"1\n', "unexpected end of data"),
        ("x.csv", b"model,\xff\n", "can't decode"),
        ("x.toml", b"net = 3\n", "'net' is not a table"),
        ("x.toml", b"[net\n", "at line 1"),
        ("x.csv", None, "No such file"),
    ],
)
def test_unreadable_data_file_is_an_error_with_its_path(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(OptionError) as caught:
        read_rows(tmp_path / name, f"data/{name}")
    assert message in str(caught.value)
    assert f"data/{name}" in str(caught.value)


def test_misspelled_rows_are_found_and_rows_of_other_tables_are_not():
    entries = [Entry("zoo:resnet50", "ResNet-50"), Entry("zoo:vit_base"), Entry("zoo:bert")]
    rows = {"Resnet 50": {}, "ViT-base": {}, "bert": {}, "ResNet-101": {}, "gpt2": {}}
    found = [(entry.reference, problem.message) for entry, problem in row_problems(entries, rows, "x.csv")]
    assert found == [
        ("zoo:resnet50", "x.csv has no row for 'ResNet-50', but one for 'Resnet 50'"),
        ("zoo:vit_base", "x.csv has no row for 'vit_base', but one for 'ViT-base'"),
    ]
    assert not list(row_problems([Entry("zoo:resnet18", "ResNet-18")], {"ResNet-50": {}}, "x.csv"))


def test_a_column_of_the_data_file_is_known_also_if_all_models_fail():
    made = table("zoo:failing", own=[{"other": {"accuracy": "1"}}], columns="name,accuracy")
    assert texts(made) == [["failing", ""]]


def test_a_checkpoint_does_not_record_what_is_trainable():
    checkpoint = Model(
        (Module("", 0, ""), Module("0", 1, "", parameters=linear("0", 1, 2, 2).parameters)), is_checkpoint=True
    )
    options = parse_table_options({"columns": "parameters,trainable,type"})
    assert texts(make_table([RowResult(Entry("checkpoint:x"), checkpoint)], options)) == [["6", "", ""]]
