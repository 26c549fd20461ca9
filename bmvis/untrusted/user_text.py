"""Read the names of classes and the texts of exceptions of user code, which can be anything. Internal."""

from __future__ import annotations

MAX_EXCEPTION_TEXT = 10_000
"""Maximum length of the text of an exception, in characters."""
_name_of = type.__dict__["__name__"].__get__
_qualname_of = type.__dict__["__qualname__"].__get__


def safe_text(value: str) -> str:
    """Return a name as text that can be encoded in UTF-8: a lone surrogate becomes an escape sequence."""
    return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()


def class_name(cls: type) -> str:
    """Return the `__name__` of a class without running code of its metaclass."""
    return safe_text(_name_of(cls))


def class_qualname(cls: type) -> str:
    """Return the `__qualname__` of a class without running code of its metaclass."""
    return safe_text(_qualname_of(cls))


def exception_text(error: BaseException) -> str:
    """Return `str(error)`, at most `MAX_EXCEPTION_TEXT` characters of it. Its code can raise, and return anything."""
    try:
        text = str.__getitem__(str(error), slice(MAX_EXCEPTION_TEXT))  # it may be a subclass of `str`
    except BaseException as raised:  # also SystemExit
        return f"(no text: its __str__ raised {class_name(type(raised))})"
    return safe_text(text)
