"""Decide whether a failure occurs again while nothing that is recorded changes, and record more of what it depends on.

Runs in the child process. A failure is kept for later builds only if it has to do with files, code and arguments alone.
In doubt it is not kept: then the next build tries again, as without a cache.
"""

from __future__ import annotations

import errno
import re
from pathlib import Path

from bmvis.child import memory_limit
from bmvis.child.building import failure_hints
from bmvis.child.tracking.file_record import FileRecord
from bmvis.child.tracking.import_tracker import ImportTracker
from bmvis.child.tracking.project_paths import is_of_system
from bmvis.source.dependencies import is_large, is_listed, with_value
from bmvis.untrusted import user_text
from bmvis.worker.protocol import Dependency, DependencyKind

MAX_OUTSIDE = 300
"""Maximum number of files outside the project that a lasting failure can depend on."""
_FILE_ERRORS = frozenset(
    {None, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.EACCES, errno.EPERM, errno.EINVAL}
)
"""Error numbers of exceptions that depend on the names, kinds and permissions of files only."""
_LIMITS = re.compile(
    r"out of memory|start new thread|too many open files|no space left|temporarily unavailable|timed? ?out",
    re.IGNORECASE,
)


def is_permanent(error: BaseException, files: FileRecord) -> bool:
    """Return whether a failure is not one of time, memory, the network, other programs, or missing hardware."""
    exceptions = failure_hints.exception_chain(error, with_hidden=True)
    return not files.has_left_process and not any(map(_is_transient, exceptions))


def further_dependencies(imports: ImportTracker) -> tuple[Dependency, ...] | None:
    """Return files outside the project, and modules that could appear there; None if there are too many.

    A model depends on the files of its project. A failure can be fixed by a file anywhere, such as a checkpoint.
    """
    imports.files.pause()
    outside = {key for key in imports.record.paths.outside if not is_of_system(key[1]) and not _is_cache(*key)}
    if len(outside) > MAX_OUTSIDE:
        return None
    kinds = [("exists" if kind == "file" and _is_no_file(path) else kind, path) for kind, path in sorted(outside)]
    return (*(with_value(Dependency(kind, path)) for kind, path in kinds), *imports.outside_modules())


def _is_cache(kind: DependencyKind, path: str) -> bool:
    """Return whether a path is a listed folder of bytecode or of a tool, which other models and commands change."""
    return kind == "names" and not is_listed(Path(path).name)


def _is_no_file(path: str) -> bool:
    return Path(path).is_dir() or is_large(path)


def _is_transient(error: BaseException) -> bool:
    if isinstance(error, KeyboardInterrupt | TimeoutError) or memory_limit.is_out_of_memory(error):
        return True
    if isinstance(error, OSError) and error.errno not in _FILE_ERRORS:
        return True
    return bool(_LIMITS.search(user_text.exception_text(error))) or failure_hints.is_of_machine(error)
