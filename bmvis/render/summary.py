"""The phrases about a whole model: totals, the notes below a tree, and the facts on a gallery card.

Renderers choose the markup by the `kind` of a fact, and the rounded or the exact text by the space that they have.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from bmvis import humanize
from bmvis.model.call_summary import CallSummary
from bmvis.model.totals import Totals
from bmvis.render import row_calls
from bmvis.view.change_summary import NO_CHANGES
from bmvis.view.page import Missing, Page

FactKind = Literal[
    "count", "active", "trainable", "delta", "uninitialized", "storage", "bytes", "call", "matches", "note"
]

NO_PARAMETERS = "no parameters"


class TotalsFact(msgspec.Struct, frozen=True):
    """One fact of a line of totals."""

    kind: FactKind
    text: str
    """The exact fact: `109,514,298 parameters`."""
    rounded: str = ""
    """The rounded fact, if the format shows the exact one in a tooltip: `109.5M parameters`; '' if `text` is short."""


def totals_facts(page: Page) -> Iterator[TotalsFact]:
    """Yield the facts of a page's totals: numbers of elements, trainable elements and adapter elements, and storage."""
    totals = page.totals
    yield _amount("count", totals.count, page.counted)
    if page.active:
        share = humanize.percent(page.active, totals.count)
        yield _amount("active", page.active, f"active for each token ({share})")
    if totals.count and not page.is_checkpoint:
        yield _trainable(totals)
    if totals.delta:
        yield _amount("delta", totals.delta, f"delta ({humanize.percent(totals.delta, totals.count)})")
    if page.uninitialized:
        count = f"{page.uninitialized} uninitialized"
        yield TotalsFact("uninitialized", f"{count} and not counted", f"{count}, not counted")
    yield TotalsFact("storage", storage_text(page.dtypes, page.devices))
    yield _bytes(totals)
    if page.call_summary:
        yield TotalsFact("call", exact_macs_text(page.call_summary), row_calls.macs_text(page.call_summary))
    if page.matches:
        yield TotalsFact("matches", matches_text(page.matches))
    yield from limit_facts(page)


def before_head(page: Page) -> str:
    """Return the head of the line about the base model of a comparison: `before: BertModel`."""
    return f"before: {page.before_type}" if page.before_type else "before"


def before_facts(page: Page) -> Iterator[TotalsFact]:
    """Yield the facts of the base model of a comparison."""
    totals, is_checkpoint = page.before or Totals(), page.is_before_checkpoint
    yield _amount("count", totals.count, "elements" if is_checkpoint else "parameters")
    if not is_checkpoint:
        yield _amount("trainable", totals.trainable, "trainable")
        if totals.delta:
            yield _amount("delta", totals.delta, "delta")
    if page.before_dtypes:
        yield TotalsFact("storage", storage_text(page.before_dtypes, ()))
    yield _bytes(totals)


def limits(page: Page) -> Iterator[str]:
    """Yield what the page does not know, and what it was recorded with if it is drawn from a snapshot."""
    yield from map(_MISSING.__getitem__, page.missing)
    if page.recorded_with is not None:
        versions = ", ".join(f"{name} {version}" for name, version in _torch_first(page.recorded_with))
        yield f"recorded with {versions or 'unknown versions'}"


def limit_facts(page: Page) -> Iterator[TotalsFact]:
    """Yield the same as facts of a line of totals."""
    yield from (TotalsFact("note", text) for text in limits(page))


def _torch_first(versions: Mapping[str, str]) -> list[tuple[str, str]]:
    return sorted(versions.items(), key=lambda item: (item[0] != "torch", item))


_MISSING: Mapping[Missing, str] = {
    "modules": "the tree may be incomplete",
    "call": "output shapes and MACs unknown",
    "recorded call": "output shapes and MACs not in the snapshot",
}


def has_elements(page: Page) -> bool:
    """Return whether the model has parameters. If not, a page shows `no parameters`."""
    return bool(page.totals.count or page.uninitialized)


def _amount(kind: FactKind, number: int, noun: str) -> TotalsFact:
    return TotalsFact(
        kind, f"{number:,} {_singular(noun) if number == 1 else noun}", f"{humanize.count(number)} {noun}"
    )


def _singular(noun: str) -> str:
    return noun.removesuffix("s") if noun in ("parameters", "elements") else noun


def _trainable(totals: Totals) -> TotalsFact:
    if totals.trainable == totals.count:
        return TotalsFact("trainable", "all trainable")
    if not totals.trainable:
        return TotalsFact("trainable", "all frozen")
    share = humanize.percent(totals.trainable, totals.count)
    return _amount("trainable", totals.trainable, f"trainable ({share})")


def _bytes(totals: Totals) -> TotalsFact:
    return TotalsFact("bytes", f"{totals.stored_bytes:,} bytes", humanize.size(totals.stored_bytes))


def exact_macs_text(calls: CallSummary) -> str:
    """Return the exact number: `11,174,236,160 MACs in one call`, with `at least` if operations are not counted."""
    return f"{'at least ' if calls.uncounted else ''}{calls.macs[0]:,} MACs in one call"


def storage_text(dtypes: Sequence[str], devices: Sequence[str]) -> str:
    """Return `float32 + bfloat16`, with `on cuda:0 + cpu` if there are several devices."""
    where = f" on {' + '.join(devices)}" if len(devices) > 1 else ""
    return " + ".join(dtypes) + where


def matches_text(count: int) -> str:
    """Return `12 matches`."""
    return f"{count:,} match{'' if count == 1 else 'es'}"


def notes(page: Page) -> Iterator[str]:
    """Yield the lines below a tree: totals, the forward pass, the base model of a comparison, and tied parameters."""
    found = f"; {matches_text(page.matches)}" if page.matches else ""
    yield f"{page.type or 'checkpoint'}: {_totals_text(page)}{found}"
    if page.call_summary:
        yield f"one call: {row_calls.macs_text(page.call_summary)}"
    if page.before:
        facts = {fact.kind: fact for fact in before_facts(page)}
        counts = ", ".join(fact.text for kind, fact in facts.items() if kind in _COUNTED)
        stored = ", ".join([fact.text for kind, fact in facts.items() if kind == "storage"] + [facts["bytes"].rounded])
        yield f"{before_head(page)}, {counts}; {stored}" if page.before_type else f"before: {counts}; {stored}"
    yield from limits(page)
    if page.changes:
        yield page.changes if page.changes == NO_CHANGES else f"changes: {page.changes}"
    for key, first in page.ties:
        yield f"tied: {key} = {first}"


_COUNTED: tuple[FactKind, ...] = ("count", "active", "trainable", "delta", "uninitialized")


def _totals_text(page: Page) -> str:
    """Return the totals line: `109,514,298 parameters, all trainable; float32, 438.1 MB`."""
    if not has_elements(page):
        return NO_PARAMETERS
    facts = {fact.kind: fact for fact in totals_facts(page)}
    counted = [facts[kind].text for kind in _COUNTED if kind in facts]
    return f"{', '.join(counted)}; {facts['storage'].text}, {facts['bytes'].rounded}"


def card_facts(page: Page) -> list[str]:
    """Return the facts on a gallery card: `109.5M parameters`, `12.5 % trainable`, `438.1 MB`."""
    totals = page.totals
    if not totals.count:
        return [NO_PARAMETERS]
    found = [f"{humanize.count(totals.count)} {page.counted}"]
    if totals.trainable != totals.count:
        found.append(f"{humanize.percent(totals.trainable, totals.count)} trainable")
    if totals.delta:
        found.append(f"{humanize.percent(totals.delta, totals.count)} delta")
    return [*found, humanize.size(totals.stored_bytes)]
