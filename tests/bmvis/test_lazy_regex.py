"""Regular expressions that are compiled when they are first used."""

from __future__ import annotations

import re

import pytest

from bmvis import lazy_regex

WORD = lazy_regex.lazy_regex(r"(?P<first>[a-z])\w*", re.IGNORECASE)


def test_has_the_methods_and_attributes_of_a_compiled_expression() -> None:
    assert [found["first"] for found in WORD.finditer("Ab cd")] == ["A", "c"]
    assert WORD.sub(r"<\g<first>>", "Ab cd") == "<A> <c>"
    assert WORD.fullmatch("Ab cd") is None
    assert (WORD.groups, WORD.pattern) == (1, r"(?P<first>[a-z])\w*")


def test_bytes() -> None:
    assert lazy_regex.lazy_regex(rb"\d+").findall(b"1 22") == [b"1", b"22"]


def test_compiled_at_first_use_only(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    original = re.compile
    monkeypatch.setattr(re, "compile", lambda *given: compiled.append(given[0]) or original(*given))
    lazy_regex.lazy_regex("never [used]")
    used = lazy_regex.lazy_regex("us[e]d")
    assert compiled == []
    assert used.search("it is used")
    assert used.findall("used used") == ["used", "used"]
    assert compiled == ["us[e]d"]

    lazy_regex.compile_all()
    assert "never [used]" in compiled
