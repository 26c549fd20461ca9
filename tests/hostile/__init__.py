"""Factories that do what a factory must not do, by kinds; each is a body of `build()`, and what comes of it."""

from hostile import files, interpreter, models, process

KINDS = [*process.KINDS, *files.KINDS, *interpreter.KINDS, *models.KINDS]
EITHER = {
    "built-in names: dict is None",
    "built-in names: getattr is lambda *_: None",
    "built-in names: type is None",
    "changes of tensors: numel",
    "defaults of torch: deterministic algorithms",
    "exceptions that are no Exception: SystemExit of an object",
    "exceptions that cannot be shown: __str__ exits",
    "exceptions that cannot be shown: __str__ is no text",
    "exceptions that cannot be shown: __str__ raises",
    "exceptions that cannot be shown: __str__ recurses",
    "exceptions that cannot be shown: huge text",
    "exceptions that cannot be shown: syntax error of odd parts",
    "functions of the standard library: files",
    "functions of the standard library: os.path",
    "modes that are left on: fake tensors",
    "sys.modules: module that raises",
    "sys.path: none",
    "working directory: folder that is gone, then it raises",
}
"""Factories that may fail with an error of any text: they broke what bmvis itself needs to read their own model."""
OPEN: dict[str, str] = {
    "built-in names: isinstance is lambda *_: True": "only its own error or tree is not as described",
    "classes that lie: another class": "only its own error or tree is not as described",
    "classes that lie: name raises": "only its own error or tree is not as described",
    "contents that are none: a module is an int": "only its own error or tree is not as described",
    "contents that are none: a parameter is an int": "only its own error or tree is not as described",
    "contents that are none: modules are none": "only its own error or tree is not as described",
    "contents that are none: never initialized": "only its own error or tree is not as described",
    "exceptions that cannot be shown: lone surrogates": "only its own error or tree is not as described",
    "functions of the standard library: paths": "only its own error or tree is not as described",
    "hooks of sys: no frames": "only its own error or tree is not as described",
    "names: lone surrogates": "only its own error or tree is not as described",
    "sys.path: not text": "only its own error or tree is not as described",
    "sys.path: null bytes": "only its own error or tree is not as described",
    "threads without end: the hook for exceptions raises": "only its own error or tree is not as described",
    "trace and profile functions: profile raises": "only its own error or tree is not as described",
    "trace and profile functions: trace raises": "only its own error or tree is not as described",
}
"""Factories that do not come out right yet, and why."""
