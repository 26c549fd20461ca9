"""Read display options as a page, a configuration file or the command line writes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from bmvis.errors import OptionError, nearest
from bmvis.options import BY_NAME, Options

PER_TREE = ("name", "caption", "alt", "highlight", "base", "inputs", "order", "optimizer", "accept")
"""Options that belong to one tree: a site has no default for them."""


def parse_site_options(written: Mapping[str, object]) -> Options:
    """Read the options for all trees of a site as a configuration file holds them: text, numbers, flags, lists.

    Raises:
        OptionError: as from `parse_options`, or an option that belongs to one tree.
    """
    for name in PER_TREE:
        if name in written:
            raise OptionError(f"option {name!r} belongs to one tree", hint="write it where the tree stands")
    return parse_options({str(name): _written(value) for name, value in written.items()})


COMPARED = ("before", "after")
"""What `model-compare` takes beside the options: references of two models."""


def take_comparison(written: dict[str, str | None]) -> str:
    """Take the two models of a comparison out of what is written; return the reference of the second one.

    The first one is its `base` from then on.

    Raises:
        OptionError: one of them is missing.
    """
    for name in COMPARED:
        if not (written.get(name) or "").strip():
            raise OptionError(f"the comparison has no {name!r}", hint="name two models: before and after")
    written["base"] = written.pop("before")
    return written.pop("after") or ""


def take_optimizer(written: dict[str, str | None]) -> None:
    """Ask for the optimizer, as `model-optimizer` does."""
    written["optimizer"] = "true"


def below(options: Options, folder: Path) -> Options:
    """Return options whose file, if they name one by a relative path, is below `folder`: the site's."""
    if not options.mapping_file:
        return options
    return msgspec.structs.replace(options, common=str(folder / options.mapping_file))


def _written(value: object) -> str | None:
    """Return a configured value as a page would write it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return None if value is None else str(value)


def parse_options(written: Mapping[str, str | None], defaults: Options | None = None) -> Options:
    """Read options as written on a page or in a configuration.

    Args:
        written: option names (as in `OPTIONS`) with their text; None or '' for a flag without a value.
        defaults: what holds where nothing is written; a site's own defaults.

    Raises:
        OptionError: an unknown name, with the nearest known one, or a value the option does not take.
    """
    found: dict[str, Any] = {}
    for name, text in written.items():
        option = BY_NAME.get(name)
        if option is None:
            raise OptionError(f"unknown option {name!r}", hint=nearest(name, BY_NAME))
        try:
            found[option.attribute] = option.read((text or "").strip())
        except (ValueError, KeyError):
            takes = option.takes or "no value, or true or false"
            raise OptionError(f"option {name!r} does not take {text or ''!r}", hint=f"it takes {takes}") from None
    options = msgspec.structs.replace(defaults or Options(), **found)
    if options.optimizer and options.base:
        raise OptionError("options 'optimizer' and 'base' exclude each other", hint="draw the comparison by itself")
    if options.order == "execution" and not options.inputs:
        raise OptionError("option 'order' is execution, and nothing is run", hint="add inputs: float32[1, 3, 224, 224]")
    return options
