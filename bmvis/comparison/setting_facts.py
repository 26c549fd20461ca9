"""Write a change of a setting as readers see it: `stride: (1, 1) → (2, 2)`."""

from __future__ import annotations

import re

from bmvis.comparison.changed_items import changed_items
from bmvis.comparison.setting_changes import SettingChange, is_hooks
from bmvis.comparison.tensor_changes import ChangedFact, changed
from bmvis.model.settings import MODE, UNREGISTERED, function_name, normal, short_names, without_digest
from bmvis.model.tensor_values import differs_in_values_only, only_values


def setting_fact(change: SettingChange, absent: str) -> ChangedFact:
    """Return the fact that a setting changed: `stride: (1, 1) → (2, 2)`.

    Args:
        change: the change.
        absent: the text for a setting that is not set, such as `none`.
    """
    if change.name == MODE:
        modes = {"True": "training mode", "False": "eval mode", None: ""}
        now, was = modes.get(change.after), modes.get(change.before)
        return ChangedFact(f"now in {now}" if now else f"no longer in {was}", change.impact, False, topic=MODE)
    name = "" if change.name.isdecimal() else change.name
    if is_hooks(name):
        owner, dot, kind = name.rpartition(".")
        name = owner + dot + kind.replace("_", " ")
    if is_hooks(change.name) or change.name.endswith(UNREGISTERED):
        absent = "none"  # neither hooks nor unregistered modules have a default
    was, is_now = change.before, change.after
    is_of_tensors = was is not None and is_now is not None and differs_in_values_only(was, is_now)
    if was is not None and is_now is not None and is_of_tensors:
        was, is_now = only_values(was), only_values(is_now)
    before, after = _shown(was, absent), _shown(is_now, absent)
    short, short_after = short_names(before), short_names(after)
    if before == after or short != short_after:  # else only the module of a function or class differs
        before, after = short, short_after
    if before == after and is_of_tensors:
        after += " with other values between them"
    elif before == after:  # only the digests differ
        after = re.sub(r"(?<=\d )(?=values|characters|modules?\b|tensors?\b)", "other ", after, count=1)
    name, before, after = changed_items(name, before, after)
    return changed(before, after, change.impact, name=name, topic=change.name)


def _shown(text: str | None, absent: str) -> str:
    """Return the text of a value for people."""
    if text is None:
        return absent
    plain = normal(text) if text[:1] == "'" else text
    return without_digest(function_name(text) or plain or text)
