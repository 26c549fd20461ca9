"""The texts that options accept, and the values that they set."""

import pytest

from bmvis.errors import OptionError
from bmvis.options.definitions import BY_NAME
from bmvis.options.parsing import parse_options

VALID = [
    ("depth", "1", 1),
    ("open", "0", 0),
    ("map", None, True),
    ("map", "yes", True),
    ("map", "OFF", False),
    ("caption", " two\n  lines ", "two lines"),
    ("name", "größe.1:a-b", "größe.1:a-b"),
    ("class", "wide -dark", ("wide", "-dark")),
    ("device", "cpu", "cpu"),
    ("common", "", "auto"),
    ("common", "false", ""),
    ("common", "bert", "bert"),
    ("flow", "2", 2),
    ("flow", "only", "only"),
    ("accept", "decay frozen", ("decay", "frozen")),
    ("accept", "decay, frozen", ("decay", "frozen")),
    ("columns", "bytes,share bytes", ("bytes", "share")),
]
INVALID = [
    ("depth", "0"),
    ("depth", "two"),
    ("open", "-1"),
    ("map", "perhaps"),
    ("caption", ""),
    ("name", "1st"),
    ("class", "2wide"),
    ("device", "CPU"),
    ("flow", "0"),
    ("accept", "decay, unknown"),
    ("accept", ","),
    ("columns", "size"),
]


@pytest.mark.parametrize(("option", "text", "value"), VALID)
def test_option_has_the_value_of_its_text(option, text, value):
    inputs = {"inputs": "float32[1, 3]"} if option == "columns" else {}
    assert getattr(parse_options({option: text, **inputs}), BY_NAME[option].attribute) == value


@pytest.mark.parametrize(("option", "text"), INVALID)
def test_error_names_the_option_and_what_it_takes(option, text):
    with pytest.raises(OptionError) as caught:
        parse_options({option: text})
    assert repr(option) in caught.value.report
    assert BY_NAME[option].takes in caught.value.report or BY_NAME[option].is_flag
