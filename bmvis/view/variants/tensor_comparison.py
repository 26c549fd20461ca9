"""Describe how a tensor differs from the tensor of the same name of another module."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator

from bmvis import humanize
from bmvis.model.tree import Parameter, Tensor
from bmvis.view.param_groups import groups_text
from bmvis.view.ties import relative_path
from bmvis.view.variants.differs_mark import Growth


def size_words(tensor: Tensor, other: Tensor) -> str:
    """Return the shape of the other tensor if it differs; '' otherwise."""
    if tensor.shape == other.shape:
        return ""
    return "uninitialized" if other.shape is None else humanize.shape(other.shape)


def state_words(tensor: Tensor, other: Tensor, here: str, there: str) -> list[str]:
    """Return the states of the other tensor that this one does not have.

    Args:
        tensor: the tensor.
        other: the tensor that it is compared with.
        here: the path of the module of `tensor`.
        there: the path of the module of `other`.
    """
    words: list[str] = []
    if isinstance(tensor, Parameter) and isinstance(other, Parameter):
        words += _parameter_words(tensor, other)
        # A row shows what its own tensors are tied to.
        if not tensor.is_tied and _ties(tensor, here) != _ties(other, there):
            words.append(_tied(other))
    if tensor.dtype != other.dtype:
        words.append(other.dtype)
    if tensor.device != other.device:
        words.append(f"on {other.device}")
    return words


def growth_of(pairs: Iterable[tuple[Tensor, Tensor]]) -> Growth:
    """Return how the sizes of tensors compare with those of others; '' if all shapes are equal."""
    found = {_growth(tensor, other) for tensor, other in pairs if tensor.shape != other.shape}
    if not found:
        return ""
    return found.pop() if len(found) == 1 else "of other sizes"


def _growth(tensor: Tensor, other: Tensor) -> Growth:
    if tensor.shape is None or other.shape is None or len(tensor.shape) != len(other.shape):
        return "of other sizes"
    sides = list(zip(tensor.shape, other.shape, strict=True))
    if all(size >= other_size for size, other_size in sides):
        return "wider"
    return "narrower" if all(size <= other_size for size, other_size in sides) else "of other sizes"


def _parameter_words(tensor: Parameter, other: Parameter) -> Iterator[str]:
    if tensor.delta != other.delta:
        yield "delta" if other.delta else "not delta"
    if tensor.adapter != other.adapter:
        yield other.adapter or "active"
    if tensor.trainable != other.trainable:
        yield "trainable" if other.trainable else "frozen"
    if tensor.groups != other.groups:
        yield f"in {groups_text(other)}" if other.groups else "in no group"
    if tensor.quantization != other.quantization:
        yield other.quantization or "not quantized"


def _ties(parameter: Parameter, path: str) -> Hashable:
    return relative_path(path, parameter.tied_to), [relative_path(path, key) for key in parameter.tied_by]


def _tied(parameter: Parameter) -> str:
    paths = [parameter.tied_to] if parameter.tied_to else list(parameter.tied_by)
    return f"tied to {paths[0]}" if paths else "not tied"
