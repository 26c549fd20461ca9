"""Hints for options that do not exist."""

import pytest

from bmvis.errors import OptionError
from bmvis.options.definitions import BY_NAME
from bmvis.options.option_hints import option_hint, refuse_references
from bmvis.overviews.facts import FACT_OPTIONS

FACT = ["model", *FACT_OPTIONS]
TREE = ["factory", *BY_NAME]
COMPARISON = ["before", "after", *BY_NAME]


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("factory", FACT, "did you mean 'model'?"),
        ("reference", FACT, "did you mean 'model'?"),
        ("fact", FACT, "did you mean 'of'?"),
        ("path", FACT, "did you mean 'module'?"),
        ("input", FACT, "did you mean 'inputs'?"),
        ("model", TREE, "did you mean 'factory'?"),
        ("id", TREE, "did you mean 'name'?"),
        ("factory", COMPARISON, "did you mean 'before' or 'after'?"),
        ("mode", TREE, "mode is a setting of the whole site"),
        ("xyz", ["of", "model"], "known: model, of"),
    ],
)
def test_unknown_option_has_a_hint(name, known, hint):
    assert option_hint(name, known) == hint


def test_directive_refuses_options_that_refer_to_models():
    refuse_references(["before", "depth", "path"], ["before", "after"], "")
    with pytest.raises(OptionError, match=r"unknown option 'model' \(did you mean 'before' or 'after'\?\)"):
        refuse_references(["model"], ["before", "after"], "")
    with pytest.raises(OptionError, match=r"unknown option 'factory' \(write it elsewhere\)"):
        refuse_references(["depth", "factory"], [], "write it elsewhere")
