"""The page on troubleshooting quotes messages as the code writes them."""

import ast
import re

import pytest
from test_pages import DEMO, PAGES, dialects

from bmvis.errors import BmvisError
from bmvis.options.parsing import parse_options
from bmvis.source.source import Source
from bmvis.view.layout import layout

ROOT = DEMO.parent
PAGE = PAGES["troubleshooting"]


def quotations(text):
    """Return the terms of the page's lists: code, with more backticks around it if it has some itself."""
    return [found[1] for found in re.findall(r"^(`+)(.+)\1\n: ", text, re.MULTILINE)]


QUOTED = list(
    dict.fromkeys(quoted for host in ("sphinx", "mkdocs") for quoted in quotations(dialects.chosen(PAGE, host)))
)
FEWEST_LETTERS = 10
"""A template that consists of little but placeholders would match any text."""
MISTAKES = {
    "a module": ("my_package:bert", {}, {}),
    "a pattern of a gallery": ("models:robert*", {}, {}),
    "a function": ("models:bertt", {}, {}),
    "a name": ("bert-deltas", {}, {}),
    "a reference that is not allowed": ("models:t5", {}, {"allow": ["zoo:*"]}),
    "an argument": ("digits:Block", {}, {}),
    "an argument that is not supported": ("zoo:recommender(load())", {}, {}),
    "a factory that raises": ("any_model:quantized", {"device": "meta"}, {}),
    "what comes back": ("models:Recipe", {}, {}),
    "an option": ("models:SmallCNN", {"dept": "3"}, {}),
    "a value": ("models:SmallCNN", {"depth": "x"}, {}),
    "a pattern": ("models:bert", {"highlight": "attenton.output.dense"}, {}),
    "an optimizer": ("models:SmallCNN", {"optimizer": None}, {}),
    "a common structure": ("models:SmallCNN", {"common": None}, {}),
    "a model without a name": ("models:gpt2", {}, {"mode": "snapshot"}),
}


@pytest.fixture(scope="module")
def messages():
    """Return what is reported for each mistake."""
    with Source(DEMO, path=["."]) as source:
        return {mistake: message_of(source, *written) for mistake, written in MISTAKES.items()}


def message_of(source, reference, written, settings):
    try:
        options = parse_options(written)
        if settings:
            with Source(DEMO, path=["."], **settings) as strict:
                strict.resolve(reference)
        elif "*" in reference:
            source.find_all(reference)
        page = layout(source.resolve(reference, options.device).model, options)
    except BmvisError as error:
        return str(error)
    (warning,) = page.warnings
    return str(warning)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_message_of_a_mistake_is_quoted_on_the_page(messages, mistake):
    message = messages[mistake]
    assert [quoted for quoted in QUOTED if message.startswith(quoted)] != [], message


def templates():
    """Yield the constant parts of each text in the code; what is filled in is between two of them."""
    for package in ("bmvis", "sphinx_bmvis", "mkdocs_bmvis"):
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.JoinedStr):
                    yield [part.value if isinstance(part, ast.Constant) else "\0" for part in node.values]
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield [node.value]


@pytest.fixture(scope="module")
def known():
    """Return the texts of the code as regular expressions; those of little but placeholders would match anything."""
    found = ("".join(parts).strip() for parts in templates())
    return [
        re.compile(".*?".join(re.escape(part) for part in text.strip("\0 ").split("\0")))
        for text in found
        if len(re.findall(r"[a-z]", text)) >= FEWEST_LETTERS
    ]


@pytest.mark.parametrize("quoted", QUOTED)
def test_quoted_messages_exist_in_the_code(messages, known, quoted):
    """It is reported for a mistake above, or a text of the code has the quotation's words, but for its examples."""
    if any(message.startswith(quoted) for message in messages.values()):
        return
    longest = max((len(match[0]) for template in known if (match := template.search(quoted))), default=0)
    is_part = any(re.escape(quoted) in template.pattern for template in known)
    assert is_part or longest >= 0.6 * len(quoted), f"no message of the code reads {quoted!r}"


def test_page_quotes_each_message_once():
    for host in ("sphinx", "mkdocs"):
        quoted = quotations(dialects.chosen(PAGE, host))
        assert len(quoted) == len(set(quoted)) > 20
