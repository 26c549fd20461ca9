"""Changes of the configurations that modules share, without those that the modules or their sizes already show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set

from bmvis.comparison.lines import DriftLine, fact_line
from bmvis.comparison.setting_changes import (
    SettingChange,
    impact_of,
    is_equal,
    is_size,
    name_words,
    related,
)
from bmvis.comparison.setting_facts import setting_fact
from bmvis.comparison.setting_lines import Placed
from bmvis.model.settings import GENERATION, Configuration, normal
from bmvis.model.tree import Model

_GENERIC_WORDS = {"fn", "function", "default", "lora", "hidden", "attention", "layer", "output"}
"""Words in names of values that do not link them to one kind of module."""


def configuration_changes(
    before: Model,
    after: Model,
    shown: Sequence[Placed],
    resized: Set[tuple[str, str]],
    lines: Sequence[DriftLine],
) -> Iterator[DriftLine]:
    """Yield the changes of the values of configurations.

    Args:
        before: the model before.
        after: the model now.
        shown: the changes of settings of modules.
        resized: pairs of sizes before and after that other changes show.
        lines: other changes of modules.
    """
    sizes = [{pair[side] for pair in resized} for side in (0, 1)]
    for old, new in _pairs(before.configurations, after.configurations):
        for name in dict.fromkeys([*old.values, *new.values]):
            was, is_now = old.values.get(name), new.values.get(name)
            is_repeated = (
                _are_in(was, is_now, resized)
                or (is_size(name) and was is None and normal(is_now) in sizes[1])
                or (is_size(name) and is_now is None and normal(was) in sizes[0])
                or any(_is_shown(placed, name, was, is_now) for placed in shown)
                or any(_is_effect(line, name) for line in lines)
            )
            if not is_equal(was, is_now) and not is_repeated:
                change = SettingChange(name, was, is_now, impact_of(name, "", was, is_now))
                yield fact_line("", setting_fact(change, "default"), subject=new.type)


def _are_in(was: str | None, is_now: str | None, resized: Set[tuple[str, str]]) -> bool:
    """Return whether other changes show all sizes that differ: `4 → 8`, or `(2, 2) → (2, 4)`."""
    old, new = ((text or "").strip("()").split(", ") for text in (was, is_now))
    pairs = {pair for pair in zip(old, new, strict=False) if pair[0] != pair[1]}
    return (normal(was), normal(is_now)) in resized or (len(old) == len(new) and bool(pairs) and pairs <= resized)


def _is_shown(placed: Placed, name: str, was: str | None, is_now: str | None) -> bool:
    """Return whether a setting of a module changed as a value of the configuration did."""
    change = placed.change
    is_same = is_equal(change.after, is_now) and (was is None or is_equal(change.before, was))
    return is_same and related(change.name, placed.type, name)


def _is_effect(line: DriftLine, name: str) -> bool:
    """Return whether a value of the configuration can have caused another class, or a bias that came or went."""
    words = name_words(name) - _GENERIC_WORDS
    if line.topic == "class":
        return bool(words & {word for part in line.path.split(".")[-2:] for word in name_words(part)})
    return line.topic in ("added", "removed") and "bias" in words and line.names == ("bias",)


def _pairs(
    before: Iterable[Configuration], after: Iterable[Configuration]
) -> Iterator[tuple[Configuration, Configuration]]:
    """Yield the configurations of one type in their order. Others come and go with their modules.

    That of the generation of text is missing where it is the library's.
    """
    left = list(after)
    missing = Configuration(GENERATION)
    for old in before:
        new = next((one for one in left if one.type == old.type), None)
        if new is not None:
            left.remove(new)
            yield old, new
        elif old.type == GENERATION:
            yield old, missing
    yield from ((missing, one) for one in left if one.type == GENERATION)
