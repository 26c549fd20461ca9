"""Names, exceptions and output of user code cannot change a log."""

import json
import logging

import pytest

from bmvis.errors import BmvisError
from bmvis.untrusted.log_text import Log, forward, json_document, lines, one_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a plain text: b::c", "a plain text: b::c"),
        ("naïve 模型 ≠", "naïve 模型 ≠"),
        ("\x1b[31mred", "\\u001b[31mred"),
        ("a\r\nb", "a\\u000d\\u000ab"),
        ("\u202eevil", "\\u202eevil"),
        ("\x9b2J", "\\u009b2J"),
        ("::error file=a::b", ": :error file=a::b"),
        ("   ::stop-commands::x", "   : :stop-commands::x"),
        ("a ##[error]b", "a # #[error]b"),
        ("##vso[task.setvariable]b", "# #vso[task.setvariable]b"),
        ("##teamcity[testFailed]", "# #teamcity[testFailed]"),
    ],
)
def test_one_line_escapes_control_characters(text, shown):
    assert one_line(text) == shown


@pytest.mark.parametrize("text", ["plain", "naïve 模型", "##vso[task]x", "\x1b[31m\x9b2J", "\u202eevil", "\U000e0001"])
@pytest.mark.parametrize("is_ascii", [True, False])
def test_json_document_is_equal_and_safe_for_a_terminal(text, is_ascii):
    document = json.dumps({text: [text]}, indent=2, ensure_ascii=is_ascii)
    shown = json_document(document)
    assert json.loads(shown) == {text: [text]}
    assert "##vso" not in shown
    assert shown.replace("\n", "").isprintable()


def test_lines_keep_their_ends():
    assert lines("a\tb\n::error::\nc") == "a    b\n: :error::\nc"


def test_report_of_an_error_escapes_control_characters():
    error = BmvisError("a\n::error::b", hint="\x1b[2J", detail="x\n::warning::y\n##[group]z")
    assert error.report == "a\\u000a::error::b (\\u001b[2J)\n    x\n    : :warning::y\n    # #[group]z"


def test_host_gets_each_message_once_at_its_level():
    written, informed, reported = [], [], []
    for _ in range(2):  # as for two builds in one process
        forward("bmvis.test", Log(written.append, informed.append, reported.append), is_verbose=True)
    logging.getLogger("bmvis.test.part").debug("built %s", "zoo\n::error::")
    logging.getLogger("bmvis.test.part").info("skips")
    logging.getLogger("bmvis.test.part").warning("no cache")
    assert (written, informed, reported) == (["built zoo\\u000a::error::"], ["skips"], ["no cache"])
    forward("bmvis.test", Log(written.append, informed.append, reported.append), is_verbose=False)
    logging.getLogger("bmvis.test.part").debug("not shown")
    logging.getLogger("bmvis.test.part").info("shown")
    assert (len(written), len(informed)) == (1, 2)
