"""Compare Python sources by their syntax trees, so that edits of comments and of the layout make no model out of date.

Runs in the process of the build, whose Python must be able to parse the source. A source counts by its bytes if any
code can see more of it, because it reads its own text, its line numbers, or its frames, or if a message of a model
has line numbers. https://docs.python.org/3/library/ast.html
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
import warnings
from functools import lru_cache
from pathlib import Path

import msgspec

from bmvis.lazy_regex import lazy_regex
from bmvis.model.tree import Model
from bmvis.source import fingerprint
from bmvis.untrusted.regular_file import read_regular
from bmvis.worker.protocol import Built, Dependency, Listed

MAX_BYTES = 5_000_000
_PLAIN_INSPECT = lazy_regex(
    rb"\bimport inspect[ \t]*$|\binspect\.(signature|Signature|Parameter|isclass|isfunction|ismethod|isabstract)\b"
    rb"|\bfrom inspect import (signature|Signature|Parameter|isclass|isfunction|ismethod|isabstract)[ \t]*$",
    re.MULTILINE,
)
"""Uses of `inspect` that see no text and no line numbers."""
_SEES_TEXT = lazy_regex(
    rb"\b(inspect|linecache|traceback|tokenize|pydoc|doctest|dis|marshal|dill|cloudpickle|settrace|setprofile|exc_info"
    rb"|currentframe|_getframe|_current_frames|findsource|get_source|get_code|get_data|source_to_code|meta_path"
    rb"|path_hooks|SourceFileLoader|SourceLoader|stack_info|findCaller|format_exc|addaudithook|showwarning|formatwarning"
    rb"|faulthandler|asyncio|cProfile|profiler|pstats|tracemalloc|monitoring|bdb|pdb|unittest|CapturedTraceback|stack_traces?"
    rb"|import (trace|profile)"
    rb"|co_\w+|f_back|f_code|f_frame|gi_code|gi_frame|cr_code|cr_frame|ag_code|tb_\w+)\b"
    rb"|__code__|__traceback__|__loader__|lineno|line_number|getsource|getframe|getcomments|with_traceback",
)
"""Names by which code can see its own text, line numbers or frames."""
_SEES_DOCSTRINGS = lazy_regex(
    rb"__doc__|doc_?string|getdoc|docopt|json_?schema|__dict__|__prepare__|metaclass|\btype\.__new__|\(type\)"
    rb"|\b(vars|dir|globals|locals|getmembers)\b|\b(ply|yacc|sly)\b"
    rb"|\b(click|typer|fire|tyro|plac|clize|argh|cyclopts|jsonargparse|simple_parsing)\b",
    re.IGNORECASE,
)
"""Names by which code, or a library that makes command lines or grammars of docstrings, can see docstrings."""
_LINE = lazy_regex(r"\bline:? ?\d|\.py\b", re.IGNORECASE)
_ENCODINGS = frozenset({"utf-8", "utf-8-sig", "ascii", "us-ascii", "iso-8859-1"})
_WITH_DOCSTRINGS, _WITHOUT_DOCSTRINGS = "d", "s"
"""The first character of a digest."""


def with_syntax(answer: Built | Listed) -> Built | Listed:
    """Return an answer with digests of the syntax trees of its sources, if nothing can see more of them."""
    if isinstance(answer, Built) and _has_line_numbers(answer.model):
        return answer
    texts = {one: _text(one) for one in answer.dependencies if one.path.endswith(".py") and not one.is_written}
    sources = {one: text for one, text in texts.items() if one.kind == "source" and text is not None}
    if not sources or any(text is None or _SEES_TEXT.search(_PLAIN_INSPECT.sub(b"", text)) for text in texts.values()):
        return answer
    keeps = any(text is not None and _SEES_DOCSTRINGS.search(text) for text in texts.values())
    mode = _WITH_DOCSTRINGS if keeps else _WITHOUT_DOCSTRINGS
    digests = {dependency: _digest(text, mode) for dependency, text in sources.items()}
    dependencies = tuple(msgspec.structs.replace(one, of=digests.get(one, one.of)) for one in answer.dependencies)
    return msgspec.structs.replace(answer, dependencies=dependencies)


def is_same(dependency: Dependency, value: str) -> bool:
    """Return whether a source whose bytes differ has the same syntax tree.

    Args:
        dependency: the dependency of a source.
        value: the digest of its present bytes.
    """
    return bool(dependency.of) and _digest_now(dependency.path, value, dependency.of[:1]) == dependency.of


@lru_cache(maxsize=4096)
def _digest_now(path: str, value: str, mode: str) -> str:
    text = _text(Dependency("source", path, value))
    return "" if text is None else _digest(text, mode)


def _text(dependency: Dependency) -> bytes | None:
    """Return the bytes of a file, nothing if it is missing; None if they are not those of the dependency."""
    if not dependency.value or dependency.kind not in ("file", "source"):
        return b""
    try:
        content = read_regular(Path(dependency.path), MAX_BYTES)
    except (OSError, ValueError):
        return None
    return content if fingerprint.of_bytes(content) == dependency.value else None


def _digest(text: bytes, mode: str) -> str:
    """Return the digest of the syntax tree; '' if there is none."""
    try:
        if tokenize.detect_encoding(io.BytesIO(text).readline)[0] not in _ENCODINGS:
            return ""  # a codec can change the text
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
        _simplify(tree, keeps_docstrings=mode == _WITH_DOCSTRINGS)
        dumped = f"{sys.version}\0{ast.dump(tree)}"
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    return mode + fingerprint.of_bytes(dumped.encode(errors="surrogatepass"))


def _simplify(tree: ast.Module, *, keeps_docstrings: bool) -> None:
    """Remove what no code can see: what formatters change, and docstrings unless `keeps_docstrings`."""
    for node in ast.walk(tree):
        match node:
            case ast.Constant(kind="u"):
                node.kind = None  # u"text"
            case ast.Delete(targets=[ast.Tuple(elts=[_, *_] as deleted)]):
                node.targets = deleted  # del (a, b)
            case ast.Module() | ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef() if not keeps_docstrings:
                _remove_docstring(node.body)


def _remove_docstring(body: list[ast.stmt]) -> None:
    match body:
        case [ast.Expr(value=ast.Constant(value=str())), *_]:
            del body[0]


def _has_line_numbers(model: Model) -> bool:
    has_problem = any((model.untraced, model.undrawn, model.incomplete))
    return has_problem or any(_LINE.search(note) for note in model.notes)
