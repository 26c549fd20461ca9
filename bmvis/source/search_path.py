"""Let a model depend on the search path of its worker: another path can have another module of the same name.

A worker takes over `sys.path` of this process, or PYTHONPATH if it is another Python. The other dependencies of a model
are in folders that its worker has searched. Internal.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from bmvis.source.build_job import BuildJob
from bmvis.source.dependencies import with_value
from bmvis.source.module_folders import ModuleFolders, folders_with
from bmvis.worker.interpreter import is_this_python
from bmvis.worker.protocol import Dependency, Reply

_Answer = TypeVar("_Answer", bound=Reply)


def with_search_path(answer: _Answer, job: BuildJob, folders: ModuleFolders) -> _Answer:
    """Return the answer of a worker with the state of its search path, for the modules that it has imported.

    Args:
        answer: the answer. Its dependency of the kind `search` has the names of modules only.
        job: what the worker has built. Modules in the folders of its path are found first, so they do not count.
        folders: the folders in which modules were found before.
    """
    names = [name for one in answer.dependencies if one.kind == "search" for name in one.of.split()]
    if not names:
        return answer
    if is_this_python(job.python):
        path = [(folder, folders.entries(folder)) for folder in job.path]
        later = [name for name in dict.fromkeys(names) if name.endswith("/") or not any(folders_with(name, path))]
        found = Dependency("search", str(job.cwd), of=" ".join(later))
    else:
        found = Dependency("variable", "PYTHONPATH")
    others = [one for one in answer.dependencies if one.kind != "search"]
    return msgspec.structs.replace(answer, dependencies=(*others, with_value(found, folders)))
