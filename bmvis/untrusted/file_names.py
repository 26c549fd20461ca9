"""Convert file names between the encoding of the locale and UTF-8, which workers and the cache use. Internal."""

from __future__ import annotations

import os

_BYTES = "\0"


def utf8(path: str) -> str:
    """Return a path of this process as a worker process decodes it: as UTF-8 in every locale.

    A path that is not UTF-8 becomes a null character, which no path has, and its bytes in hexadecimal.
    """
    if path.isascii():
        return path
    content = os.fsencode(path)
    try:
        return content.decode()
    except UnicodeDecodeError:
        return f"{_BYTES}{content.hex()}"


def local(path: str) -> str:
    """Return a path of a worker process as this process decodes it: the reverse of `utf8`."""
    if path.startswith(_BYTES):
        try:
            return os.fsdecode(bytes.fromhex(path.removeprefix(_BYTES)))
        except ValueError:
            return path  # user code can have written the answer
    return path if path.isascii() else os.fsdecode(path.encode("utf-8", "surrogatepass"))


def readable(text: str) -> str:
    """Return a text for pages, in which bytes of file names that the locale could not decode are decoded as UTF-8."""
    try:
        return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # surrogates that do not come from a file name
        return text.encode("utf-8", "backslashreplace").decode()
