import pytest

from bmvis.options.markup_names import intended
from mkdocs_bmvis.element import read_element


@pytest.mark.parametrize(
    ("text", "attributes"),
    [
        pytest.param('<model-structure factory="m:f"></model-structure>', {"factory": "m:f"}, id="closed"),
        pytest.param('<model-structure factory="m:f"/>', {"factory": "m:f"}, id="self-closing"),
        pytest.param(
            '<model-structure\n  factory="m:f"\n  depth="3"\n/>', {"factory": "m:f", "depth": "3"}, id="lines"
        ),
        pytest.param(
            '<model-structure factory="m:f"\n\n depth=3 />', {"factory": "m:f", "depth": "3"}, id="empty-line"
        ),
        pytest.param("<model-structure factory='m:f' />", {"factory": "m:f"}, id="single-quotes"),
        pytest.param('<model-structure factory="m:f" buffers />', {"factory": "m:f", "buffers": None}, id="flag"),
        pytest.param("<model-structure buffers/>", {"buffers": None}, id="flag-and-slash"),
        pytest.param('<model-structure factory="m:f(&quot;a&quot;)" />', {"factory": 'm:f("a")'}, id="entities"),
        pytest.param("<model-structure factory=\"m:f('>')\" />", {"factory": "m:f('>')"}, id="angle-in-value"),
        pytest.param('<model-structure factory="m:f(a=1/2)" />', {"factory": "m:f(a=1/2)"}, id="slash-in-value"),
        pytest.param('<MODEL-STRUCTURE Factory="m:F" />', {"factory": "m:F"}, id="upper-case"),
        pytest.param("<model-structure factory = m:f ></model-structure >", {"factory": "m:f"}, id="spaces"),
        pytest.param("<model-structure></model-structure>", {}, id="bare"),
    ],
)
def test_element_is_read_with_its_attributes(text, attributes):
    element = read_element(text + "rest")
    assert element.problem is None
    assert element.attributes == attributes
    assert (text + "rest")[element.end :] == "rest"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param('<model-structure factory="m:f" factory="m:g" />', "duplicate attribute 'factory'", id="twice"),
        pytest.param('<model-structure "m:f" />', "invalid attribute at '\"m:f\"'", id="value-alone"),
        pytest.param('<model-structure factory="m:f"depth="3" />', "invalid attribute at", id="no-space"),
        pytest.param('<model-structure factory="m:f">', "is not closed", id="not-closed"),
        pytest.param('<model-structure factory="m:f"', "the tag of the element is not closed", id="no-end"),
        pytest.param('<model-structure factory="m:f />', "the value of 'factory' has no closing quote", id="no-quote"),
        pytest.param(
            "<model-compare before = 'm:f />", "the value of 'before' has no closing quote", id="no-apostrophe"
        ),
        pytest.param('<model-structure m:f" />', "the value has no closing quote", id="no-opening-quote"),
        pytest.param('<model-structure factory="m:f">hello</model-structure>', "has content", id="content"),
        pytest.param(
            '<model-structure factory="m:f">\n\n<model-structure factory="m:g"></model-structure>',
            "the element is not closed",
            id="next-is-closed",
        ),
        pytest.param(
            '<model-structure factory="m:f" caption="Our "best" model" />',
            """the value of 'caption' ends at a quote, before 'best" model"'""",
            id="quote-in-value",
        ),
    ],
)
def test_malformed_element_is_reported(text, message):
    problem = read_element(text).problem
    assert problem is not None
    assert message in problem.message


@pytest.mark.parametrize("name", ["model-table", "model-gallery"])
def test_list_between_the_tags_is_reported_with_the_attribute(name):
    problem = read_element(f"<{name}>\nzoo:*\n</{name}>").problem
    assert problem is not None
    assert str(problem) == f'the element has content (write the models in an attribute: <{name} models="…" />)'


@pytest.mark.parametrize(
    ("name", "element"),
    [
        ("model-structur", "model-structure"),
        ("Model_Structure", "model-structure"),
        ("model-optimiser", "model-optimizer"),
        ("model-galleries", "model-gallery"),
        ("model-comparison", "model-compare"),
        ("MODEL-STRUCTURE", "model-structure"),
        ("model-params", "model-fact"),
        ("model-size", "model-fact"),
        ("model-viewer", None),
        ("model-card", None),
        ("model", None),
    ],
)
def test_misspelled_element_name_is_distinguished_from_other_elements(name, element):
    assert intended(name) == element
