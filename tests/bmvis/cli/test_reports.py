"""The formats in which `bmvis check` reports differences."""

import json
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest

from bmvis.cli.exit_codes import exit_code
from bmvis.cli.reports import FORMATS
from bmvis.cli.reports.change_tree import change_tree
from bmvis.cli.results import ReportedChange, Result, compared, failed
from bmvis.cli.snapshot_lines import RowLines, subject_line
from bmvis.comparison.drift import find_drift
from bmvis.comparison.ignored import parse_ignored
from bmvis.errors import BmvisError
from bmvis.model.optimizer import Optimizer, ParameterGroup
from bmvis.model.settings import Configuration
from bmvis.model.snapshot import Snapshot, dump
from bmvis.model.totals import Totals
from bmvis.model.tree import Model, Module, Parameter
from bmvis.source.recorded import conflict_sides

HOSTILE = "a`|<b>\n::error::x\x1b[31m@team ```"


def model(*, trainable=True, width=2, blocks=3):
    weight = Parameter("weight", (width,), "float32", width, width * 4, trainable=trainable)
    layers = tuple(Module(str(number), 2, "Scale", "zoo", parameters=(weight,)) for number in range(blocks))
    return Model((Module("", 0, "Net", "zoo"), Module("layers", 1, "ModuleList", "torch.nn"), *layers))


def written(style, results, fail_on="any"):
    return FORMATS[style](results, fail_on)


SAME = compared("same", Path("snapshots/same.json"), find_drift(model(), model()), "")
RESIZED = compared(
    "net", Path("snapshots/net.json"), find_drift(model(), model(width=3)), dump(Snapshot("a:b", model()))
)
FROZEN = compared("cold", Path("snapshots/cold.json"), find_drift(model(), model(trainable=False)), "")
BROKEN = failed(HOSTILE, Path("snapshots/x.json"), "broken", BmvisError(HOSTILE, hint="do", detail="one\ntwo"))
MISSING = failed("gone", Path("snapshots/gone.json"), "missing", BmvisError("no snapshot"))
OBSOLETE = failed("old", Path("snapshots/old.json"), "obsolete", BmvisError("no model", hint="prune"))
IGNORED = compared(
    "shape", Path("snapshots/shape.json"), find_drift(model(), model(width=3), parse_ignored(["shape"])), ""
)
"""Its only change is ignored, but old checkpoints no longer load."""
ALL = [SAME, RESIZED, FROZEN, BROKEN, MISSING]
EVERY = [*ALL, OBSOLETE, IGNORED]


def many(count):
    changes = tuple(
        ReportedChange("changed", str(n), "x", "cosmetic" if n else "checkpoint", line=count - n, shown=f"~ {n}  x")
        for n in reversed(range(count))
    )
    totals = Totals(6, 6, 0, 24)
    return Result(
        name="big", status="drifted", snapshot="big.json", file="big.json", changes=changes, headline="h",
        before=totals, after=totals,
    )  # fmt: skip


@pytest.mark.parametrize("style", FORMATS)
def test_unchanged_model_has_no_reported_changes(style):
    text = written(style, [SAME])
    assert "layers" not in text
    assert {"text": "", "github": "", "gitlab": "[]"}.get(style, text) == text


@pytest.mark.parametrize("style", FORMATS)
def test_hostile_names_command_no_terminal_and_no_ci(style):
    text = written(style, ALL)
    assert "\x1b" not in text
    assert [line for line in text.splitlines() if line.startswith("::") and not line.startswith("::error file=")] == []


def test_github_has_ten_annotations_the_most_serious_first_and_a_summary():
    lines = written("github", [many(14)]).splitlines()
    assert sum(line.startswith("::error ") for line in lines) == 10
    assert lines[0] == "::error file=big.json,line=14,title=big%3A h::~ 0  x"
    assert lines[10] == "::notice title=bmvis::1 of 1 models differ; 4 more changes are in the log"
    assert len(lines) == 15


@pytest.mark.parametrize(
    ("fail_on", "levels"),
    [
        ("any", ["error", "error", "error", "error"]),
        ("training", ["error", "error", "error", "error"]),
        ("numerics", ["error", "error", "error", "notice"]),
        ("nothing", ["error", "error", "warning", "notice"]),
    ],
)
def test_only_what_fails_is_an_error_on_github(fail_on, levels):
    lines = written("github", ALL, fail_on).splitlines()
    assert [line.partition(" ")[0].strip(":") for line in lines] == levels


def test_change_below_fail_on_is_output_of_a_passed_test():
    ((case,),) = ElementTree.fromstring(written("junit", [FROZEN], "numerics"))
    assert [child.tag for child in case] == ["system-out"]
    assert "whole model  frozen" in case[0].text


def test_other_versions_are_in_the_first_annotation():
    other = "recorded with transformers 4.56.2, here 5.23.0"
    result = msgspec.structs.replace(many(3), versions=other)
    assert [other in line for line in written("github", [result]).splitlines()].count(True) == 1
    for style in ("text", "markdown", "junit", "json"):
        assert other in written(style, [result])


def test_changes_of_one_row_are_one_annotation():
    (line,) = written("github", [RESIZED]).splitlines()
    assert line.startswith("::error file=snapshots/net.json,line=10,title=net%3A old checkpoints no longer load")
    assert line.endswith("::~ layers.0-2  weight: [2] → [3]")


def test_markdown_has_a_row_for_each_model_and_its_changes_folded():
    text = written("markdown", ALL)
    assert text.startswith("### Models: 4 of 5 differ\n")
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")]
    assert [row[0] for row in rows] == ["| Model", "| net", "| cold", rows[3][0], "| gone"]
    assert {len(row) for row in rows} == {7}
    assert rows[1][2:] == ["1", "", "", "", "6 → 9 (+3) |"]
    assert "```diff\n~ layers.0-2  weight: [2] → [3]\n" in text
    assert "<b>" not in text.replace("````diff", "").split("<details>")[0]
    assert written("markdown", [SAME]) == "### Models: all 1 unchanged"


def test_markdown_fits_into_a_comment():
    text = written("markdown", [RESIZED, many(9000), many(3)])
    assert len(text) < 65_536
    assert text.endswith("The changes of 2 more models are in the log.")


def test_junit_has_a_case_for_each_model():
    top = ElementTree.fromstring(written("junit", ALL))
    (suite,) = top
    assert (top.tag, suite.tag, suite.attrib) == (
        "testsuites", "testsuite", {"name": "bmvis", "tests": "5", "failures": "3", "errors": "1"}
    )  # fmt: skip
    assert [[child.tag for child in case] for case in suite] == [[], ["failure"], ["failure"], ["error"], ["failure"]]
    assert {tuple(case.attrib) for case in suite} == {("classname", "name", "file")}
    assert suite[1][0].attrib == {
        "message": "old checkpoints no longer load (3 size mismatches)", "type": "drifted"
    }  # fmt: skip
    assert "weight: [2] → [3]" in suite[1][0].text


JUNIT = {
    "testsuites": ({"testsuite"}, {"name", "tests", "failures", "errors"}),
    "testsuite": ({"testcase"}, {"name", "tests", "failures", "errors"}),
    "testcase": ({"failure", "error", "system-out"}, {"name", "classname", "file"}),
    "failure": (set(), {"message", "type"}),
    "error": (set(), {"message", "type"}),
    "system-out": (set(), set()),
}
"""The elements and attributes of junit-10.xsd of Jenkins that bmvis writes, and `file`, which GitLab links to:
https://github.com/jenkinsci/xunit-plugin, https://docs.gitlab.com/ci/testing/unit_test_reports."""


@pytest.mark.parametrize("results", [[], [SAME], EVERY, [many(3)]], ids=["none", "same", "all", "many"])
@pytest.mark.parametrize("fail_on", ["any", "checkpoint", "nothing"])
def test_junit_fits_its_schema(results, fail_on):
    top = ElementTree.fromstring(written("junit", results, fail_on))
    assert top.tag == "testsuites"
    for element in top.iter():
        children, attributes = JUNIT[element.tag]
        assert {child.tag for child in element} <= children
        assert set(element.attrib) == attributes
    for counted in top.iter("testsuite"):
        counts = [len(counted), len(counted.findall("*/failure")), len(counted.findall("*/error"))]
        assert [int(counted.get(name)) for name in ("tests", "failures", "errors")] == counts


def test_junit_has_each_message_once():
    ((case,),) = ElementTree.fromstring(written("junit", [OBSOLETE]))
    assert case[0].text == "no model (prune)"


def test_sarif_has_a_result_for_each_change():
    log = json.loads(written("sarif", ALL))
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert (log["version"], run["tool"]["driver"]["name"]) == ("2.1.0", "bmvis")
    assert [(one["ruleId"], one["level"]) for one in run["results"]] == [
        ("checkpoint", "error"), ("training", "warning"), ("model", "error"), ("snapshot", "error")
    ]  # fmt: skip
    assert all(rules[one["ruleIndex"]] == one["ruleId"] for one in run["results"])
    assert run["results"][0]["locations"] == [
        {"physicalLocation": {"artifactLocation": {"uri": "snapshots/net.json"}, "region": {"startLine": 10}}}
    ]
    assert len({one["partialFingerprints"]["bmvis/v1"] for one in run["results"]}) == 4


def test_sarif_fits_its_schema():
    """https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html: the file is the official schema."""
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((Path(__file__).parents[2] / "data" / "sarif-schema-2.1.0.json").read_text())
    for results in ([], [SAME], [*EVERY, many(3)]):
        jsonschema.validate(json.loads(written("sarif", results)), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**json.loads(written("sarif", ALL)), "version": "2.0.0"}, schema)


GITLAB = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "additionalProperties": False,
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "minLength": 1},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "pattern": "^(?![./])"},
                    "lines": {
                        "type": "object",
                        "required": ["begin"],
                        "properties": {"begin": {"type": "integer", "minimum": 1}},
                    },
                },
            },
        },
    },
}
"""https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format"""


def test_gitlab_fits_its_schema():
    jsonschema = pytest.importorskip("jsonschema")
    for results in ([], [SAME], [*EVERY, many(3)]):
        jsonschema.validate(json.loads(written("gitlab", results)), GITLAB)


@pytest.mark.parametrize(
    ("style", "levels"),
    [("gitlab", ["info", "critical"]), ("sarif", ["note", "error"]), ("github", ["notice", "error"])],
)
def test_what_is_no_problem_is_a_note(style, levels):
    text = written(style, [OBSOLETE, IGNORED])
    if style == "github":
        found = [line.partition(" ")[0].strip(":") for line in text.splitlines()]
    elif style == "gitlab":
        found = [one["severity"] for one in json.loads(text)]
    else:
        found = [one["level"] for one in json.loads(text)["runs"][0]["results"]]
    assert found == levels
    assert "old checkpoints no longer load" in text


def test_gitlab_has_a_violation_for_each_change():
    found = json.loads(written("gitlab", ALL))
    assert [one["severity"] for one in found] == ["critical", "minor", "blocker", "blocker"]
    assert found[0]["location"] == {"path": "snapshots/net.json", "lines": {"begin": 10}}
    assert {tuple(sorted(one)) for one in found} == {
        ("check_name", "description", "fingerprint", "location", "severity")
    }
    assert len({one["fingerprint"] for one in found}) == 4


@pytest.mark.parametrize("style", ["gitlab", "sarif"])
def test_equal_changes_of_two_models_are_two_findings(style):
    results = [many(1), msgspec.structs.replace(many(1), name="other"), msgspec.structs.replace(many(1), file="x.json")]
    found = json.loads(written(style, results))
    if style == "sarif":
        marks = [one["partialFingerprints"]["bmvis/v1"] for one in found["runs"][0]["results"]]
    else:
        marks = [one["fingerprint"] for one in found]
    assert len({*marks}) == 3


@pytest.mark.parametrize(
    ("results", "fail_on", "code"),
    [
        ([SAME], "any", 0),
        ([SAME, FROZEN], "any", 1),
        ([SAME, FROZEN], "numerics", 0),
        ([FROZEN, MISSING], "checkpoint", 3),
        ([MISSING, BROKEN, RESIZED], "any", 2),
    ],
    ids=["same", "drifted", "not serious", "missing", "broken"],
)
def test_exit_code_depends_on_results_and_fail_on(results, fail_on, code):
    assert exit_code(results, fail_on) == code


ROWS = """{
"rows": [
{"depth": 0, "type": "Net"},
  {"depth": 1, "names": "0-3", "type": "A"},
    {"depth": 2, "name": "fc", "type": "B"},
  {"depth": 1, "names": ["x-1", "y"], "type": "C"},
  {"depth": 1, "names": ["layer1", "layer2"], "type": "C"},
  {"depth": 1, "name": "9", "like": "0"}
]
}"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("", 3),
        ("2", 4),
        ("0-3.fc", 5),
        ("*.fc", 5),
        ("0-3.fc,none", 5),
        ("x-1", 6),
        ("layer2-3", 7),
        ("layer1,layer2", 7),
        ("9", 8),
        ("9.fc", 5),
        ("2.new", 4),
        ("none", 3),
    ],
)
def test_row_lines_find_the_line_of_a_path(path, line):
    assert RowLines(ROWS).line(path) == line


@pytest.mark.parametrize(
    ("subject", "start"),
    [
        ("optimizer", '{"type": "SGD"'),
        ("optimizer, CosineAnnealingLR", '{"type": "SGD"'),
        ("optimizer, group 1", '  {"settings": {"lr": "0.2"}'),
        ("optimizer, groups 0-1", '  {"settings": {"lr": "0.1"}'),
        ("optimizer, group 7", '{"type": "SGD"'),
        ("optimizer 1", '{"type": "Adam"'),
        ("optimizer 1, group 0", '  {"settings": {"lr": "0.3"}'),
        ("optimizer 2", None),
        ("BertConfig", '{"type": "BertConfig"'),
        ("OtherConfig", None),
        ("whole model", None),
    ],
)
def test_line_of_a_subject(subject, start):
    groups = [ParameterGroup("", {"lr": rate}) for rate in ("0.1", "0.2", "0.3")]
    optimizers = (Optimizer("SGD", tuple(groups[:2])), Optimizer("Adam", (groups[2],)))
    configurations = (Configuration("BertConfig", {"heads": "2"}),)
    changed = Model(model().modules, optimizers=optimizers, configurations=configurations)
    text = dump(Snapshot("a:b", changed))
    line = subject_line(text, subject)
    assert (line is None) == (start is None)
    assert line is None or text.splitlines()[line - 1].startswith(start)


def test_changed_group_is_annotated_at_its_line():
    groups = [(ParameterGroup("", {"lr": "0.1"}), ParameterGroup("", {"lr": rate})) for rate in ("0.1", "0.2")]
    before, after = (Model(model().modules, optimizers=(Optimizer("SGD", both),)) for both in groups)
    result = compared("net", Path("snapshots/net.json"), find_drift(before, after), dump(Snapshot("a:b", before)))
    assert [change.line for change in result.changes] == [10]


def test_markdown_writes_a_common_module_once():
    paths = ["encoder.0.fc", "encoder.1-5.norm", "", "encoder.1-5.norm.more", "head"]
    changes = tuple(
        ReportedChange("added" if path == "head" else "changed", path, f"x{n}", "numerics", shown=f"~ {path}  x{n}")
        for n, path in enumerate(paths)
    )
    moved = ReportedChange("changed", "b.c", "renamed", "checkpoint", was="a.c", shown="~ a.c → b.c  renamed")
    assert [*change_tree((*changes, moved))] == [
        "~   x2",
        "~ a.c → b.c  renamed",
        "  encoder",
        "~   0.fc  x0",
        "~   1-5.norm  x1",
        "~     more  x3",
        "~ head  x4",
    ]


def test_problem_with_a_snapshot_has_the_path_of_other_results(tmp_path, monkeypatch):
    (tmp_path / ".git").mkdir()
    inner = tmp_path / "libs"
    inner.mkdir()
    monkeypatch.chdir(inner)
    file = inner / "snapshots" / "a.json"
    result = failed("a", file, "missing", BmvisError(f"no snapshot in {file}"))
    assert (result.message, result.snapshot) == ("no snapshot in snapshots/a.json", "snapshots/a.json")
    assert result.file == "libs/snapshots/a.json"


@pytest.mark.parametrize("text", ["", "no JSON", '"rows": [\n[1]\n{"depth": 7}', '"rows": [\n{"depth": "x"}'])
def test_row_lines_of_text_without_rows_is_1(text):
    assert RowLines(text).line("a.b") == 1


@pytest.mark.parametrize(
    ("text", "sides"),
    [
        ("a\n=======\nb\n", None),
        ("a\n<<<<<<< HEAD\nb\n=======\nc\n>>>>>>> x\nd\n", ("a\nb\nd\n", "a\nc\nd\n")),
        ("<<<<<<< HEAD\nb\n||||||| 1f\nold\n=======\n>>>>>>> x\n", ("b\n", "")),
        ("<<<<<<<< not a marker\n", None),
    ],
    ids=["none", "two sides", "with the base", "longer"],
)
def test_sides_of_a_conflict(text, sides):
    found = conflict_sides(text.encode())
    assert found == (sides and tuple(side.encode() for side in sides))
