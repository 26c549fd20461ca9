"""File names keep their bytes between a locale without UTF-8 and processes that use UTF-8."""

import os
import subprocess
import sys

import pytest

from bmvis.reference import parse_reference
from bmvis.untrusted.file_names import local, readable, utf8

NAME = "größe-日本.py"


@pytest.mark.parametrize("name", ["plain.py", NAME])
def test_names_of_a_utf8_locale_are_unchanged(name):
    assert (utf8(name), local(name), readable(name)) == (name, name, name)


def test_names_of_an_ascii_locale_are_decoded_as_utf8_and_back():
    code = (
        "import sys; from bmvis.untrusted.file_names import *; name = sys.argv[1]\n"
        "print(ascii([sys.getfilesystemencoding(), name == utf8(name), local(utf8(name)) == name, utf8(name)]))"
    )
    ascii_locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code, NAME], env=os.environ | ascii_locale, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ascii(["ascii", False, True, NAME])


@pytest.mark.parametrize("name", [os.fsdecode(b"gr\xf6\xdfe.py"), os.fsdecode("ü".encode() + b"\xff")])
def test_names_that_are_not_utf8_are_encoded_and_decoded(name):
    assert utf8(name).encode()
    assert local(utf8(name)) == name


def test_bytes_of_another_process_can_be_anything():
    assert local("\0no hexadecimal") == "\0no hexadecimal"


def test_reference_in_an_ascii_locale_is_read_as_utf8():
    argument = "zoo_ü:bauen".encode().decode("ascii", "surrogateescape")
    assert parse_reference(argument) == parse_reference("zoo_ü:bauen")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (os.fsencode("file ä").decode("ascii", "surrogateescape"), "file ä"),
        ("日本", "日本"),
        ("\udcff", "\\xff"),
        ("\ud800", "\\ud800"),
    ],
    ids=["bytes of UTF-8", "text", "other bytes", "another surrogate"],
)
def test_text_for_a_page_can_be_encoded(text, expected):
    assert readable(text) == expected
