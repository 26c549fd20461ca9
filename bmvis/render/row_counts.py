"""The phrases of amounts in rows: numbers of parameters and modules, shares and sizes."""

from __future__ import annotations

from collections.abc import Callable

from bmvis import humanize
from bmvis.view.page import Page, Row


def counts_text(row: Row) -> str:
    """Return `: 0.9M-1.2M parameters each`; '' if another mark has the count."""
    return "" if row.hidden or not row.counts[1] else f": {range_text(row.counts, humanize.count)} {row.counted} each"


def range_text(bounds: tuple[int, int], write: Callable[[int], str]) -> str:
    """Return `0.9M-1.2M`, or one number if both are written alike."""
    return "-".join(dict.fromkeys(map(write, bounds)))


def hidden_text(row: Row) -> str:
    """Return the number of modules that a row hides: `6 modules`, of similar modules `6-24 modules`."""
    least, most = row.variation.hidden if row.variation else (row.hidden, row.hidden)
    return modules_text(most) if least == most else f"{least:,}-{modules_text(most)}"


def short_count(row: Row) -> str:
    """Return the number of elements of one module for the column of counts: `7.1M`, `0.9M-1.2M`."""
    return range_text(row.counts, humanize.count)


def times(row: Row) -> int:
    """Return the number of equal modules before the count of one, as in `12 × 7.1M`; 1 for a range of counts."""
    return 1 if row.is_similar or not row.module else row.repeats


def amount_text(row: Row) -> str:
    """Return the column of counts: `12 × 7.1M`, `0.9M-1.2M`."""
    return f"{times(row)} × {short_count(row)}" if times(row) > 1 else short_count(row)


def modules_text(count: int) -> str:
    """Return `1 module`, `1,200 modules`."""
    return f"{count:,} module{'' if count == 1 else 's'}"


def count_text(row: Row, page: Page) -> str:
    """Return the exact count of a row: `1,056 parameters each, 2 times, together 4.5 %; 4.2 KB`.

    Data types and devices follow if the model has several.
    """
    known = ((row.dtypes, page.dtypes), (row.devices, page.devices))
    several = [" + ".join(here) for here, everywhere in known if len(everywhere) > 1]
    each = f" each, {row.times} times, together" if row.times > 1 else ":"
    share = share_text(row, page)
    stored = ", ".join([size_text(row), *several])
    return f"{range_text(row.counts, '{:,}'.format)} {row.counted}{each} {share}; {stored}"


def share_text(row: Row, page: Page) -> str:
    """Return the share of the model's elements that all modules of a row have: `6.5 %`."""
    return humanize.percent(row.elements, page.totals.count)


def size_text(row: Row) -> str:
    """Return the size of the parameters of one module: `4.2 KB`, `4.2 KB-1.1 MB` if the modules differ."""
    sizes = row.variation.stored_bytes if row.variation else (row.totals.stored_bytes,) * 2
    return range_text(sizes, humanize.size)
