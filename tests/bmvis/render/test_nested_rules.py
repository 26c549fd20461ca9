"""The stylesheet of some trees: nested, short, without rules for other elements."""

import re

import pytest

from bmvis.render.html import assets
from bmvis.render.html.nested_rules import classes_in, nested_rules

ROOT = ".bmvis.bmvis.bmvis"


@pytest.mark.parametrize(
    ("css", "expected"),
    [
        (f"{ROOT} b {{ color: red; }}", "b{color:red}"),
        (f"{ROOT} {{ color: red; margin: 0 1em; }}", "&{color:red;margin:0 1em}"),
        (f"{ROOT}.bmvis-used i {{ color: red; }}", "&.bmvis-used i{color:red}"),
        (f"{ROOT} .bmvis-other {{ color: red; }}", ""),
        (f"{ROOT} .bmvis-used .bmvis-other {{ color: red; }}", ""),
        (f"{ROOT} .bmvis-other, {ROOT} :is(b, i) > a {{ color: red; }}", ":is(b,i)>a{color:red}"),
        (f"{ROOT} :is(.bmvis-other, b) {{ color: red; }}", ":is(.bmvis-other,b){color:red}"),
        (f"{ROOT} b:not(:is(.bmvis-other)) {{ color: red; }}", "b:not(:is(.bmvis-other)){color:red}"),
        (":where(.bmvis) { --_a: 1px; }", ":where(&){--_a:1px}"),
        (":where(.bmvis.bmvis) { --_a: 1px; }", ":where(&){--_a:1px}"),
        (':where([data-a="b c"], x) :where(.bmvis) { --_a: 1px; }', ':where([data-a="b c"],x) :where(&){--_a:1px}'),
        (":where(.bmvis-used) { color: red; }", ":where(&.bmvis-used){color:red}"),
        (
            f'/* {{ */ {ROOT} a::after {{ content: \'; \'; content: "a: b ; c" / ""; }}',
            'a::after{content:\';\';content:"a: b ; c" / ""}',
        ),
        (f"{ROOT} a :hover {{ width: calc(1em + (2px - 1px)); }}", "a :hover{width:calc(1em + (2px - 1px))}"),
        (
            f"@media print {{ @media (max-width: 9em) {{ {ROOT} b {{ margin: 0; }} }} }}",
            "@media print{@media (max-width:9em){b{margin:0}}}",
        ),
        (f"@media print {{ {ROOT} .bmvis-other {{ margin: 0; }} }}", ""),
    ],
)
def test_rules_are_nested_short_and_only_those_that_apply(css, expected):
    assert nested_rules(css, {"bmvis-used"}) == f"{{{expected}}}"


def test_all_classes_of_the_stylesheet_have_rules():
    css = re.sub(
        r"/\*.*?\*/", "", assets.text(assets.STYLE).replace(r".bmvis:not(#\/):not(#\/)", ROOT), flags=re.DOTALL
    )
    rules = nested_rules(css, classes_in(css))
    assert classes_in(rules) == classes_in(css)
    assert rules.count("{") == css.count("{") + 1
    assert ".bmvis." not in rules
    assert "bmvis:" not in rules
