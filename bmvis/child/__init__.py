"""Build models in worker processes, so that a docs build does not import torch. Internal; started, never imported.

`bmvis.worker` starts `bmvis.child.server`. The design: *each model is built in a separate process*. Side effects of its
code (patched classes, hooks, counters, timers, a cached base model that PEFT modifies) end with that process.

On Linux, the started process has these descendants:

    supervisor ── template () ── template (transformers) ── template (transformers, peft)
    no torch      imports torch  └─ a model                 └─ a model

- A **template** imports installed libraries and forks. It never runs project code and never computes: after a CPU
  kernel has run in a parent, a kernel in its child hangs. A template must have exactly one thread when it forks, so it
  waits with `select` instead of a listener thread. A library that starts a thread when imported is not preloaded.
- A **model process** starts with torch alone. When the project's code imports an installed library for the first
  time, the process ends, and the same model is built in a fork of a template that has imported it. Thus a model sees
  only the libraries that it has imported itself, in the order of its imports. A factory can run more than once anyway
  (on meta, then on the CPU). After half a second of CPU time it is not restarted for preloading.
- Submodules that libraries import lazily (`transformers.models.bert`) are preloaded in the template of their package:
  first those that its first model imports, until two in a row import few modules, then large ones that two models
  import. If such an import changes what other models see, such as a class of another module
  (`processes/import_effects.py`), the template ends, and the next one does not import it.
- Preloading must not be observable, but for the names of more submodules in `sys.modules`. The model process imports a
  library itself if the project has changed anything that the library can observe: the environment, the working
  directory, the default dtype, names in modules of libraries, stubs in `sys.modules`. If the project has a module with
  the name of a preloaded library, a template without that library is used.
- The **supervisor** adopts orphans (`PR_SET_CHILD_SUBREAPER`), so it finds every process that a model leaves behind.
  After each model it ends all processes below the template; at the end of the build, all descendants.
  https://man7.org/linux/man-pages/man2/PR_SET_CHILD_SUBREAPER.2const.html

A **single** process builds one model and ends. It is used on macOS and Windows. On Linux it is used if a template
cannot fork (threads, CUDA), or if the project has its own copy of a library that torch needs.
"""

import os

INITIAL_ENVIRONMENT = dict(os.environ)
"""The environment variables from before libraries and user code change them: those of the docs build."""
