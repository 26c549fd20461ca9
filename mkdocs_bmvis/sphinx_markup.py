"""Find directives and roles of Sphinx on a page of Markdown, where they are text or code."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bmvis.errors import OptionError
from bmvis.lazy_regex import lazy_regex
from bmvis.options.markup_names import COMPARE, FACT, FACT_ROLES, GALLERY, TABLE, intended
from mkdocs_bmvis.positions import code_passages, is_in_indented_code, line_at, without_code

_ARGUMENT = r"[ \t]*(?P<argument>[^\n]*)"
_FENCE = lazy_regex(rf"(?i) {{0,3}}(?:`{{3,}}|~{{3,}})[ \t]*\{{(?P<name>model[\w-]*)\}}{_ARGUMENT}")
_DIRECTIVE = lazy_regex(
    rf"(?im)^ {{0,3}}(?:\.\.[ ]*(?P<name>model[\w-]*)[ ]?::|:{{3,}}[ \t]*\{{(?P<colons>model[\w-]*)\}}){_ARGUMENT}"
)
_NAME = rf"{'|'.join(FACT_ROLES)}|(?:bmvis:)?(?:model|module)"
_ROLE = lazy_regex(rf"(?<![\w\\:{{])(?:\{{(?P<name>{_NAME})\}}|:(?P<colons>{_NAME}):)(?=(?P<text>`[^`\n]+`))")
"""A role before its text, which is a code span for Markdown."""


def has_sphinx_markup(text: str) -> bool:
    """Return whether a text may contain directives or roles of Sphinx."""
    return "model" in text.lower() or _ROLE.search(text) is not None


def sphinx_markup(text: str) -> Iterator[tuple[int, str, OptionError]]:
    """Yield the line, the text and the error of each directive or role of MyST or reStructuredText.

    Examples inside of other code do not count.
    """
    for start, passage in code_passages(text):
        if found := _FENCE.match(passage):
            yield from _problem(text, start, found[0], found["name"], found["argument"])
    shown = without_code(text)
    for found in _DIRECTIVE.finditer(shown):
        yield from _problem(text, found.start(), found[0], found["name"] or found["colons"], found["argument"])
    for found in _ROLE.finditer(text):
        if shown[found.start()] == text[found.start()] and not is_in_indented_code(text, found.start()):
            yield _role(text, found)


def _role(text: str, found: re.Match[str]) -> tuple[int, str, OptionError]:
    name = found["name"] or found["colons"]
    of = FACT_ROLES.get(name, "")
    attribute = f' of="{of}"' if of not in ("", "parameters") else ""
    hint = f'write <{FACT} model="package.module:factory"{attribute} />'
    if name not in FACT_ROLES:
        hint = "write a link to the name of the tree: [text](page.md#name)"
    error = OptionError(f"Markdown draws nothing for the role {found[0]!r}", hint=hint)
    return line_at(text, found.start()), found[0] + found["text"], error


def _problem(text: str, start: int, line: str, written: str, argument: str) -> Iterator[tuple[int, str, OptionError]]:
    name = intended(written)
    if name is None:
        return
    reference = argument.strip().replace('"', "'")
    attribute = "models" if name in (GALLERY, TABLE) else "factory"
    reference = reference or f"package.module:{'*' if attribute == 'models' else 'factory'}"
    attributes = 'before="…" after="…"' if name == COMPARE else f'{attribute}="{reference}"'
    shown = line.removesuffix(argument).strip()
    hint = f"write <{name} {attributes}></{name}>"
    error = OptionError(f"Markdown draws nothing for the directive {shown!r}", hint=hint)
    yield line_at(text, start), line.strip(), error
