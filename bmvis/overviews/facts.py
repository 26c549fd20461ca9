"""The facts that sentences request: their options, and how pages write them. `fact_text` finds the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, get_args

import msgspec

from bmvis.errors import OptionError, nearest, similar
from bmvis.options.definitions import BY_NAME, Device, Option
from bmvis.options.parsing import read_options, take_words
from bmvis.overviews.columns import COLUMNS
from bmvis.overviews.table_options import CALLED
from bmvis.worker.protocol import ModelRequest

Style = Literal["short", "exact", "words", "rounded"]
STYLES: tuple[Style, ...] = get_args(Style)
FACTS = tuple(name for name in COLUMNS if name not in ("name", "reference", "tags"))
OF_WHOLE_MODELS = ("active", "input")
"""Facts that a module of a model doesn't have."""
IsName = Callable[[str], bool]
"""Returns whether pyproject.toml has a model of a name."""


class FactOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of one fact. The fields are the rows of `FACT_OPTIONS`."""

    of: str = "parameters"
    format: Style = "short"
    module: str = ""
    inputs: str = ""
    device: Device = "auto"


class FactRequest(msgspec.Struct, frozen=True):
    """A fact as a page requests it."""

    reference: str
    options: FactOptions

    @property
    def shown(self) -> str:
        """Return a name of the fact for readers: `parameters of zoo:bert, encoder.layer.0`."""
        module = f", {self.options.module}" if self.options.module else ""
        return f"{self.options.of} of {self.reference}{module}"

    @property
    def unknown(self) -> str:
        """Return the text in place of the fact if it is not known."""
        return unknown(self.shown)

    @property
    def request(self) -> ModelRequest:
        """Return what to build."""
        options = self.options
        return ModelRequest(self.reference, options.device, inputs=options.inputs if options.of in CALLED else "")


def unknown(written: str) -> str:
    """Return the text in place of a fact that is not known, or that is not written correctly."""
    return f"[unknown: {' '.join(written.split())}]"


def _choice(name: str, known: tuple[str, ...]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in known:
            hint = similar(text, known) or f"expected one of {', '.join(known)}"
            raise OptionError(f"invalid value {text!r} for option {name!r}", hint=hint)
        return text

    return read


FACT_OPTIONS: Mapping[str, Option] = {
    "of": Option("of", f"one of {', '.join(FACTS)}", _choice("of", FACTS), "The fact. The default is `parameters`."),
    "format": Option(
        "format",
        ", ".join(STYLES),
        _choice("format", STYLES),
        "How to write a number: `short` (109.5M), `exact` (109,482,240), `words` (109.5 million) or `rounded` "
        "(110 million). The default is `short`.",
    ),
    "module": Option("module", "the path of a module", str, "Describe this module of the model, not the whole model."),
    "inputs": BY_NAME["inputs"],
    "device": BY_NAME["device"],
}


def parse_fact(reference: str, written: Mapping[str, str | None], is_name: IsName, device: Device) -> FactRequest:
    """Return the fact that a page or a README requests.

    Args:
        reference: a reference or a name from pyproject.toml, optionally followed by `:` and the path of a module.
        written: the options as written.
        is_name: whether pyproject.toml has a model of a name.
        device: the default device of the site.

    Raises:
        OptionError: the reference is missing, an option is unknown, or its value is invalid.
    """
    model, module = split_module(reference.strip(), is_name)
    if not model:
        raise OptionError("the fact has no model", hint="write package.module:factory, or a name in pyproject.toml")
    found = {"device": device, "module": module} | read_options(written, FACT_OPTIONS, "option of a fact")
    options = msgspec.convert(found, FactOptions)
    if options.module and options.of in OF_WHOLE_MODELS:
        raise OptionError(f"a module has no value of {options.of!r}", hint="leave out the module")
    return FactRequest(model, options)


def parse_words(text: str, of: str, is_name: IsName, device: Device) -> FactRequest:
    """Return the fact of a role: `bert`, `zoo:bert exact`, `bert:encoder trainable`, or `bert inputs="int64[1, 8]"`.

    Args:
        text: the text of the role.
        of: the fact that the role requests; '' if the text has it.
        is_name: whether pyproject.toml has a model of a name.
        device: the default device of the site.

    Raises:
        OptionError: as from `parse_fact`, or there is a word too many.
    """
    words, written = take_words(text)
    if of and "of" in written:
        raise OptionError("unexpected option 'of'", hint="remove it, or use the role model-fact")
    for word in words[1:]:
        if word not in (*FACTS, *STYLES):
            raise OptionError(f"unknown word {word!r}", hint=nearest(word, STYLES if of else (*FACTS, *STYLES)))
        name = "format" if word in STYLES else "of"
        if name in written or (name == "of" and of):
            raise OptionError(f"unexpected word {word!r}", hint=f"formats: {', '.join(STYLES)}")
        written[name] = word
    return parse_fact(words[0] if words else "", ({"of": of} if of else {}) | written, is_name, device)


def split_module(text: str, is_name: IsName) -> tuple[str, str]:
    """Split the text of a fact into the reference and the path of a module.

    `zoo:bert(layers=2):encoder` is the reference `zoo:bert(layers=2)` and the path `encoder`. `bert:encoder.layer.0` is
    the reference `bert` and a path if pyproject.toml has a model of this name.

    Args:
        text: the text, with or without a module path.
        is_name: whether pyproject.toml has a model of a name.

    Returns:
        The reference, and the path; '' for the whole model.
    """
    first, *rest = _split_at_colons(text)
    whole = 1 if rest and is_name(first) else 2
    parts = [first, *rest]
    return ":".join(parts[:whole]), ":".join(parts[whole:])


def _split_at_colons(text: str) -> list[str]:
    """Return the parts of a text between colons that are outside of brackets and quotes."""
    parts, quote, depth = [""], "", 0
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character == ":" and not depth:
            parts.append("")
            continue
        else:
            depth = max(0, depth + (character in "([{") - (character in ")]}"))
        parts[-1] += character
    return parts
