"""Describe the groups of convolutions, which the shape of a weight does not show: `depthwise`, `4 groups`."""

from __future__ import annotations

import re
from collections.abc import Iterable

_CONVOLUTION = re.compile(r"(?P<channels>[0-9]{1,9}), [0-9]{1,9}, kernel_size=")
_GROUPS = re.compile(r", groups=(?P<groups>[0-9]{1,9})\b")


def groups_of_convolutions(extra_reprs: Iterable[str]) -> str:
    """Return the groups of one or several convolutions; '' if all have one group, or are not convolutions.

    Args:
        extra_reprs: the `extra_repr()` of each module, in the form of `torch.nn.Conv2d` and its subclasses.

    Examples:
        >>> groups_of_convolutions(["32, 32, kernel_size=(3, 3), stride=(1, 1), groups=32, bias=False"])
        'depthwise'
        >>> groups_of_convolutions(["32, 64, kernel_size=(3, 3), stride=(1, 1), groups=4"])
        '4 groups'
    """
    numbers: set[int] = set()
    is_depthwise = True
    for text in extra_reprs:
        convolution, grouped = _CONVOLUTION.match(text), _GROUPS.search(text)
        if convolution is None:
            return ""
        groups = int(grouped["groups"]) if grouped else 1
        is_depthwise = is_depthwise and groups == int(convolution["channels"]) > 1
        numbers.add(groups)
    if numbers <= {1}:
        return ""
    if is_depthwise:
        return "depthwise"
    return f"{'-'.join(f'{number:,}' for number in sorted({min(numbers), max(numbers)}))} groups"
