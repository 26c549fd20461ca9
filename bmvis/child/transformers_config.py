"""Build a transformers model from its configuration (`config:path`), without weights and without a network.

Runs in the child process, as a built-in factory. Only code of the installed transformers runs: a configuration with
custom code (`auto_map`) gets a class of transformers, or is an error.
https://huggingface.co/docs/transformers/main_classes/configuration
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from bmvis.errors import InvalidReferenceError


def build_from_config(path: str) -> nn.Module:
    """Return the model of a configuration: of the class in `architectures`, or else the base model of its type.

    Args:
        path: a config.json, or a folder that contains one.

    Raises:
        InvalidReferenceError: there is no such file, transformers is not installed, or it cannot read the file.
    """
    file = os.path.join(path, "config.json") if os.path.isdir(path) else path  # noqa: PTH112  # any text
    if not os.path.isfile(file):
        raise InvalidReferenceError(
            f"configuration file {file!r} not found",
            hint=f"paths are relative to {os.getcwd()}; to call a function of a module config, write config:build()",
        )
    try:
        import transformers
        from transformers import AutoConfig, AutoModel  # their modules are imported only now
    except ImportError as error:
        raise InvalidReferenceError(
            f"'config:' requires transformers: {error}", hint="install it in the environment that builds the models"
        ) from None
    with _offline():
        config = _read_config(file, AutoConfig)
    cls = _named(transformers, config)  # imports it, and a template imports ahead only what finds an unchanged process
    with _offline():
        # Only this function applies the dtype of the configuration. AutoModel calls it too.
        model: nn.Module = cls._from_config(config) if cls else AutoModel.from_config(config)
    return model


def _read_config(file: str, reader: Any) -> Any:
    try:
        return reader.from_pretrained(file, trust_remote_code=False, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise InvalidReferenceError(
            f"transformers cannot read the configuration {file!r}: {reason}",
            hint="set model_type to a type that the installed transformers supports",
        ) from error


def _named(transformers: Any, config: Any) -> Any:
    """Return the class that a configuration names; None if transformers has no such class."""
    for name in getattr(config, "architectures", None) or ():
        cls = getattr(transformers, name, None) if isinstance(name, str) else None
        if isinstance(cls, type) and issubclass(cls, transformers.PreTrainedModel):
            return cls
    return None


@contextmanager
def _offline() -> Iterator[None]:
    """Disable downloads by huggingface_hub: some vision models would fetch the weights of a backbone."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
