"""Find layers of Lightning modules that only a trainer makes, and copies that it keeps.

Lightning calls `configure_model()` when training starts, not when the module is made:
https://lightning.ai/docs/pytorch/stable/common/lightning_module.html#configure-model
A model whose hook was not called has fewer modules than the one that is trained. The hook itself is not called here:
only the names that its bytecode assigns are compared with the attributes that the module has.
"""

from __future__ import annotations

import dis
from collections.abc import Iterator, Sequence
from types import FunctionType

from torch import nn

from bmvis.extraction import introspection
from bmvis.untrusted import user_text

_HOOKS = ("configure_model", "configure_sharded_model")
_LIBRARIES = ("lightning", "pytorch_lightning")

_HYPERPARAMETERS_COPY = "_hparams_initial"


def is_copy_of_hyperparameters(module: nn.Module, attribute: str) -> bool:
    """Return whether an attribute has copies of the arguments that `save_hyperparameters()` saved.

    An argument can be a module, which the class registers as well. The copies are for loggers: nothing computes with
    them.
    https://lightning.ai/docs/pytorch/stable/common/hyperparameters.html
    """
    return attribute == _HYPERPARAMETERS_COPY and _is_lightning(type(module))


def missing_layers(modules: Sequence[tuple[str, nn.Module]]) -> Iterator[str]:
    """Yield a note for each Lightning module whose hook assigns attributes that are not set yet.

    Args:
        modules: pairs of path and module.
    """
    classes = {cls for cls in {type(module) for _, module in modules} if _is_lightning(cls)}
    for path, module in modules if classes else ():
        if type(module) not in classes:
            continue
        for hook in _HOOKS:
            missing = [name for name in _assigned(type(module), hook) if not _is_set(module, name)]
            if missing:
                name = user_text.class_name(type(module))
                yield (
                    f"{path or 'the model'}: {hook}() of {name} was not called, so these attributes are missing: "
                    f"{', '.join(missing)} (call it in the factory)"
                )


def _is_lightning(cls: type) -> bool:
    return any(introspection.class_module(base).partition(".")[0] in _LIBRARIES for base in cls.__mro__)


def _assigned(cls: type, hook: str) -> list[str]:
    """Return the attributes that the hook of the user's class assigns."""
    for base in cls.__mro__:
        function = vars(base).get(hook)
        if function is None:
            continue
        if not isinstance(function, FunctionType) or introspection.class_module(base).startswith(_LIBRARIES):
            return []
        names = [str(step.argval) for step in dis.get_instructions(function) if step.opname == "STORE_ATTR"]
        return list(dict.fromkeys(map(user_text.safe_text, names)))
    return []


def _is_set(module: nn.Module, name: str) -> bool:
    slots = object.__getattribute__(module, "__dict__")
    if slots.get(name) is not None:
        return True
    return any(introspection.has_entry(module, slot, name) for slot in ("_modules", "_parameters", "_buffers"))
