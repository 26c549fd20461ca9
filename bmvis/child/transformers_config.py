"""`config:path`: a transformers model from its configuration, without weights and without a network.

Runs in the child process, as a factory that bmvis brings along. No code is run but that of the installed transformers:
a configuration that wants code of its own (`auto_map`) must do with a class that transformers has, or is refused.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from bmvis.errors import InvalidReferenceError


def build(path: str) -> nn.Module:
    """Return the model of a configuration: of the class that it names, or else the bare one of its type.

    Args:
        path: a config.json, or the folder that has one.

    Raises:
        InvalidReferenceError: there is none, or transformers cannot read it.
    """
    file = os.path.join(path, "config.json") if os.path.isdir(path) else path  # noqa: PTH112  # any text
    if not os.path.isfile(file):
        raise InvalidReferenceError(
            f"no configuration: no file {file!r}", hint=f"searched from {os.getcwd()}; a function is config:build()"
        )
    try:
        import transformers
    except ImportError as error:
        raise InvalidReferenceError(f"'config:' needs transformers: {error}", hint="install it there") from None
    with _offline():
        config = _read(file)
        cls = _named(transformers, config)
        # What a config says of the data type holds by this door alone; that of AutoModel leads to it too.
        model: nn.Module = cls._from_config(config) if cls else transformers.AutoModel.from_config(config)  # type: ignore[no-untyped-call]
    return model


def _read(file: str) -> Any:
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(file, trust_remote_code=False, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise InvalidReferenceError(
            f"{file!r} is no configuration that transformers can read: {reason}",
            hint="it needs a model_type that the installed transformers has",
        ) from error


def _named(transformers: Any, config: Any) -> Any:
    """Return the class that a configuration names; None if it names none that transformers has."""
    for name in getattr(config, "architectures", None) or ():
        cls = getattr(transformers, name, None) if isinstance(name, str) else None
        if isinstance(cls, type) and issubclass(cls, transformers.PreTrainedModel):
            return cls
    return None


@contextmanager
def _offline() -> Iterator[None]:
    """Keep the network out: some vision models would fetch a backbone's weights."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
