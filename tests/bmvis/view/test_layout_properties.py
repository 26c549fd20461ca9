"""Properties of any tree: folding is reversible, and names never become markup."""

import re
from collections.abc import Iterator
from html import unescape
from xml.etree import ElementTree

import html5lib
from examples import EXAMPLES
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from trees import HOSTILE, bert, tensor

from bmvis.model.preorder import child_path, module_paths
from bmvis.model.tree import Buffer, Model, Module
from bmvis.options.definitions import Options
from bmvis.render.html.tree import to_html
from bmvis.render.latex import _SPECIAL, to_latex
from bmvis.view.layout import layout
from bmvis.view.page import Page, Row
from bmvis.view.ties import relative_path

# --- Random trees. Few types, names and shapes, so that much of them is equal.

TENSORS = st.lists(
    st.builds(
        tensor, st.sampled_from(["weight", "bias"]), st.integers(1, 2), trainable=st.booleans(), delta=st.booleans()
    ),
    max_size=2,
    unique_by=lambda p: p.name,
)
BUFFERS = st.lists(
    st.builds(Buffer, st.just("b"), st.just((2,)), st.sampled_from(["int8", "int64"]), st.just(2)), max_size=1
)
MODULES = st.builds(
    lambda kind, parameters, buffers: Module("", 0, kind, parameters=tuple(parameters), buffers=tuple(buffers)),
    st.sampled_from("AB"),
    TENSORS,
    BUFFERS,
)
NAMES = st.one_of(st.integers(0, 9).map(str), st.sampled_from(["q", "k", "v"]))
SUBTREES = st.recursive(
    st.tuples(MODULES, st.just([])),
    lambda below: st.tuples(
        MODULES,
        st.lists(st.tuples(st.lists(NAMES, min_size=1, max_size=4, unique=True), below), max_size=3),
    ),
    max_leaves=8,
)


def flat(subtree, name: str = "", depth: int = 0) -> Iterator[Module]:
    module, below = subtree
    yield replace(module, name=name, depth=depth)
    taken = set()
    for names, child in below:
        for each in names:
            if each not in taken:
                taken.add(each)
                yield from flat(child, each, depth + 1)


@st.composite
def models(draw) -> Model:
    """Draw a tree; some of its tensors are tied."""
    modules = list(flat(draw(SUBTREES)))
    places = [(i, n) for i, module in enumerate(modules) for n in range(len(module.parameters))]
    where = module_paths(modules)
    for first, later in (
        draw(st.lists(st.tuples(st.sampled_from(places), st.sampled_from(places)), max_size=4)) if places else []
    ):
        one, other = (modules[i].parameters[n] for i, n in (first, later))
        if first < later and not (one.tied_to or other.tied_to or other.tied_by):
            key, again = child_path(where[first[0]], one.name), child_path(where[later[0]], other.name)
            _put(modules, first, replace(one, tied_by=(*one.tied_by, again)))
            _put(modules, later, replace(one, name=other.name, tied_to=key, tied_by=()))
    return Model(tuple(modules))


def _put(modules, place, parameter):
    index, number = place
    parameters = modules[index].parameters
    modules[index] = replace(modules[index], parameters=(*parameters[:number], parameter, *parameters[number + 1 :]))


# --- Fold, then unfold.


def unfolded(page: Page) -> dict[str, Module]:
    """Return the modules that the rows of a page represent, by path."""
    found: dict[str, Module] = {}
    trail: list[list[str]] = []
    for row in page.rows:
        del trail[row.depth :]
        trail.append([child_path(above, name) for above in trail[-1] for name in row.names] if trail else [""])
        found |= {path: _moved(row, path) for path in trail[-1]}
    return found


def _moved(row: Row, path: str) -> Module:
    """Return the module of a row at another of its places: its ties are relative to that place."""
    parameters = tuple(
        replace(
            p,
            tied_to=_target(row, path, p.name, p.tied_to),
            tied_by=tuple(_target(row, path, p.name, key) for key in p.tied_by),
        )
        for p in row.module.parameters
    )
    return replace(row.module, name=path.rpartition(".")[2], parameters=parameters)


def _target(row: Row, path: str, name: str, target: str) -> str:
    origin = child_path(row.path, name)
    relation = relative_path(origin, target, is_paired=target in row.targets)
    if relation is None:
        return ""
    names = child_path(path, name).split(".")
    kept = names[len(names) - relation.kept :]
    return ".".join(filter(None, [*names[: len(names) - relation.up], relation.down, *kept]))


def as_tree(model: Model) -> dict[str, Module]:
    return dict(zip(module_paths(model.modules), model.modules, strict=True))


@given(models(), st.sets(st.integers(0, 30)))
@example(bert(), {7, 20})
@settings(deadline=None, max_examples=EXAMPLES)
def test_fold_then_unfold_gives_the_same_tree(model, numbers):
    marked = tuple(path for path in (module_paths(model.modules)[n] for n in numbers if n < len(model.modules)) if path)
    for options in (
        Options(non_params=True, buffers=True),
        Options(non_params=True, buffers=True, highlight=marked),
        Options(non_params=True, buffers=True, depth=50),
    ):
        page = layout(model, options)
        assert unfolded(page) == as_tree(model)


@given(models())
@settings(deadline=None, max_examples=EXAMPLES)
def test_equal_siblings_are_always_folded(model):
    page = layout(model, Options(non_params=True, buffers=True))
    assert len(page.rows) > 1 or len(model.modules) == 1
    seen = set()
    for first, row in enumerate(page.rows):
        below = []
        for other in page.rows[first:]:
            if below and other.depth <= row.depth:
                break
            module = _moved(other, "") if other.module else None
            below.append((other.depth, other.names if other is not row else (), module and replace(module, name="")))
        above = row.path.rpartition(".")[0] if row.depth else None
        ties = any(p.tied_to or p.tied_by for _, _, module in below for p in module.parameters)
        if not ties:
            assert (above, row.depth, str(below)) not in seen
            seen.add((above, row.depth, str(below)))


# --- Hostile names.

MARKS = [
    "<",
    ">",
    "&",
    '"',
    "'",
    "`",
    "=",
    "/",
    "]]>",
    "--",
    "\\",
    "{",
    "}",
    "#",
    "$",
    "%",
    "_",
    "^",
    "~",
    "\n",
    "\t",
    "\0",
    " ",
]
HOSTILE_TEXT = st.one_of(
    st.lists(st.one_of(st.sampled_from(MARKS), st.text(max_size=2)), min_size=1, max_size=8).map("".join),
    st.sampled_from(
        [HOSTILE, "</li></ul><script>x</script>", "\\input{/etc/passwd}", "%\n\\end{bmvistree}", "\u202e", "\ufffe"]
    ),
).filter(lambda text: text and "." not in text)


@st.composite
def hostile_models(draw) -> Model:
    texts = draw(st.lists(HOSTILE_TEXT, min_size=4, max_size=4, unique=True))
    weight = tensor(texts[3], 3)
    modules = [
        Module("", 0, texts[0]),
        Module(texts[1], 1, texts[2], parameters=(weight,), extra_repr=texts[3]),
        Module(texts[2], 1, texts[0], parameters=(replace(weight, tied_to=f"{texts[1]}.{texts[3]}"),)),
        Module(texts[3], 1, texts[2], parameters=(weight,), extra_repr=texts[3]),
    ]
    return Model(tuple(modules))


def drawn(model: Model, caption: str) -> Page:
    marked = (model.modules[1].name,)
    return layout(
        model, Options(root_name=caption, caption=caption, map=True, extra_repr=True, buffers=True, highlight=marked)
    )


ROW_ELEMENTS = {"ul", "li", "details", "summary", "div", "mark", "b", "i", "a", "span", "small", "data", "wbr"}
ELEMENTS = ROW_ELEMENTS | {"p", "svg", "g", "title", "rect", "text"}


@given(hostile_models(), HOSTILE_TEXT)
@settings(deadline=None, max_examples=EXAMPLES)
def test_hostile_names_are_text_in_html_and_in_xml(model, caption):
    html = to_html(drawn(model, caption), "m")
    assert html.count("<li") == len(drawn(model, caption).rows)
    assert set(re.findall(r"<(\w+)", html)) <= ELEMENTS

    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    page = parser.parseFragment(html)
    assert [error for _, error, _ in parser.errors] == []
    xml = ElementTree.fromstring(html)
    assert _names(page) == _names(xml) == _expected(drawn(model, caption))
    for element in [*page.iter(), *xml.iter()]:
        assert not any(str(name).startswith(("on", "style")) for name in element.attrib)


def _names(page) -> list[str]:
    return [_as_html(element.text or "") for element in page.iter("b")][1:-1]


def _expected(page: Page) -> list[str]:
    return [_as_html("".join(map(_shown, row.label))) for row in page.rows]


def _as_html(text: str) -> str:
    """Return text with `?` for each character that HTML cannot contain."""
    return text.replace("\ufffd", "?")


def _shown(character: str) -> str:
    code = ord(character)
    if 0x202A <= code < 0x202F or 0x2066 <= code < 0x206A:
        return f"\\u{code:04x}"
    is_control = character not in "\n\t" and (code < 32 or 127 <= code < 160 or 0xD800 <= code < 0xE000)
    return "?" if is_control or code & 0xFFFE == 0xFFFE or 0xFDD0 <= code < 0xFDF0 else character


FORMULAS = [written for written in _SPECIAL.values() if written[0] == "$"]
"""What bmvis writes for characters that LaTeX has in formulas only. A `$` of a model is escaped."""
COMMANDS = {written.rstrip("{}").lstrip("\\") for written in _SPECIAL.values() if written[0] == "\\"}
TOKEN = re.compile(r"\\(?P<command>[A-Za-z]+)|\\(?P<escaped>[^A-Za-z])|(?P<brace>[{}])|(?P<special>[#$%&_^~])")


@given(hostile_models(), HOSTILE_TEXT)
@settings(deadline=None, max_examples=EXAMPLES)
def test_hostile_names_are_text_in_latex(model, caption):
    for unicode in (True, False):
        latex = to_latex(drawn(model, caption), unicode=unicode)
        for formula in FORMULAS:
            latex = latex.replace(formula, "")
        depth = 0
        for token in TOKEN.finditer(latex):
            assert token["special"] is None, latex
            name = token["command"]
            assert name is None or name.startswith("bmvis") or name in COMMANDS | {"begin", "end", "strut"}, latex
            assert token["escaped"] is None or token["escaped"] in "{}#$%&_"
            depth += {"{": 1, "}": -1}.get(token["brace"] or "", 0)
            assert depth >= 0
        assert depth == 0
        assert latex.count(r"\begin") == latex.count(r"\end") == 1
        assert latex.count(r"\bmvisrow{") == len(drawn(model, caption).rows)


def test_unescaped_html_contains_the_name():
    model = Model((Module("", 0, "M"), Module(HOSTILE, 1, HOSTILE, parameters=(tensor(HOSTILE, 3),))))
    html = to_html(layout(model, Options()), "m")
    assert HOSTILE not in html
    assert unescape(html).count(HOSTILE) == 3
