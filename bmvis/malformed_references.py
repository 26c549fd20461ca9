"""Find out what the author of a malformed reference intended, for the hint of the error. Internal."""

from __future__ import annotations

import re

from bmvis.errors import did_you_mean, short_text
from bmvis.lazy_regex import lazy_regex
from bmvis.reference_arguments import DOTTED

EXAMPLE = "write package.module:factory or package.module:factory(layers=2)"
_TYPOGRAPHIC = tuple("“”„‘’«»")
"""Quotes that word processors write."""
_TITLED = lazy_regex(r"([^<>]+)<([^<>]+:[^<>]+)>")
"""A title and a reference, as in a toctree: `BERT <zoo:bert>`."""
_OPTION = lazy_regex(r"(?<=[\w)\]]\s):?[a-z-]+(?::\s|=)[^()]*$")
"""An option at the end of a reference: `depth=2`, `:depth: 2`, or `depth: 2`."""
_FIELD = lazy_regex(r"[a-z-]+:(\s|$)")
"""An option of a directive, after its first colon."""
_BARE_KEY = lazy_regex(rf"({DOTTED.pattern})\[\s*([\w.-]+)\s*\](.*)", re.DOTALL)
"""A key without quotes: `ZOO[small]`."""
_WEIGHTS = (".safetensors", ".safetensors.index.json", ".gguf", ".pt", ".pth", ".ckpt")
_FACTORY = "factory"


def hint_for_path(text: str) -> str:
    """Return the reference for an absolute path of a Python file, with what it needs, or of a weight file."""
    if hint := _weights_hint(text):
        return hint
    file, _, call = re.split(r"[\\/]", text)[-1].partition(":")
    module = file.removesuffix(".py")
    if not DOTTED.fullmatch(module):
        return EXAMPLE
    return f"write {short_text(f'{module}:{call or _FACTORY}')!r}, and add the folder that contains {file} to `path`"


def hint_for_no_colon(text: str) -> str:
    """Return the reference for a dotted name such as `package.module.Unet`, or the path of a file."""
    if text.endswith(".py"):
        return _file_hint(text, _FACTORY) or EXAMPLE
    if hint := _weights_hint(text):
        return hint
    name, bracket, rest = text.partition("(")
    module, _, attribute = name.strip().rpartition(".")
    is_dotted = module and DOTTED.fullmatch(name.strip())
    return _suggestion(module, f"{attribute}{bracket}{rest}") if is_dotted else EXAMPLE


def _weights_hint(text: str) -> str:
    """Return the reference for the path of a weight file, or of a `config.json`; or ''."""
    name = re.split(r"[\\/]", text)[-1].lower()
    kind = "config" if name == "config.json" else "checkpoint"
    return _suggestion(kind, text) if kind == "config" or name.endswith(_WEIGHTS) else ""


def hint_for_names(text: str, module: str, call: str) -> str:
    """Return what to write instead of a reference whose module or callable has no valid name.

    Args:
        text: the reference.
        module: what is before its first colon.
        call: what is after it.
    """
    return _file_hint(module, call.strip()) or _surplus_hint(text) or _name_hint(module, call) or EXAMPLE


def _file_hint(module: str, call: str) -> str:
    """Return the reference for the path of a Python file, such as `src/package/module.py:Unet`, or ''."""
    parts = [part for part in module.removesuffix(".py").replace("\\", "/").split("/") if part not in ("", ".", "..")]
    if not module.endswith(".py") and len(parts) < 2:
        return ""
    name = ".".join(parts[1:] if parts[:1] == ["src"] and len(parts) > 1 else parts).removesuffix(".__init__")
    return _suggestion(name, call) if DOTTED.fullmatch(name) else ""


def _surplus_hint(text: str) -> str:
    """Return how to write a reference in quotes, behind a title as in a toctree, or before `depth=2`; or ''."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'`":
        return "remove the quotes"
    if text[:1] in _TYPOGRAPHIC or text[-1:] in _TYPOGRAPHIC:
        return "write straight quotes, or none"
    if titled := _TITLED.fullmatch(text):
        title, reference = (short_text(part.strip()) for part in titled.groups())
        return f"in a gallery or table, write '{reference} | {title}'; elsewhere, write {reference!r} alone"
    option = _OPTION.search(text)
    return f"write {short_text(option[0])!r} as an option, apart from the reference" if option else ""


def _name_hint(module: str, call: str) -> str:
    """Return what to write instead of a relative module name, a pattern, a list, a bare key, or `zoo::net`; or ''."""
    if module[:2] in ("- ", "* ", "+ "):
        return f"remove the list marker {module[0]!r}"
    if not module and _FIELD.match(call):
        return "write options above the lines that name models"
    if "," in call.partition("(")[0]:
        return "write each reference on a line of its own"
    if module[:1] == "." and re.fullmatch(rf"\.+({DOTTED.pattern})?", module):
        return f"write the whole name of the module: package.{module.lstrip('.') or 'module'}:{call.strip()}"
    if call.startswith(":"):
        return _suggestion(module, call.lstrip(": "))
    if "*" in call.partition("(")[0]:
        return "a pattern names several models: write it in a gallery or table, and here one of its models"
    if key := _BARE_KEY.fullmatch(call.strip()):
        return _suggestion(module, f'{key[1]}["{key[3]}"]{key[4]}')
    return ""


def _suggestion(module: str, call: str) -> str:
    return did_you_mean([short_text(f"{module}:{call}")])
