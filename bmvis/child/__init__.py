"""The worker process: builds models, so that a docs build need not import torch. Internal; started, never imported.

`bmvis.worker` starts `bmvis.child.server`. The design: *each model is built in a process of its own*, so what its code
does to a process (patched classes, hooks, counters, timers, a cached base that PEFT changes) ends with it.

On Linux, the started process and those below it are

    supervisor ── template () ── template (transformers) ── template (transformers, peft)
    no torch      imports torch  └─ a model                 └─ a model

- A **template** imports installed libraries and forks. It never runs code of the project and never computes: after a
  CPU kernel in a parent, a kernel in its child hangs. It must have exactly one task when it forks, so it selects where
  others listen in a thread. A library that starts a thread when imported is not preloaded.
- A **model process** starts with torch alone. When the project's code imports an installed library for the first
  time, the process ends, and the same model is built in a fork of a template that has imported it. So a model sees
  the libraries that it has imported itself, and no other, in the order in which it imports them. A factory runs more
  than once anyway (on meta, then on the CPU); after half a second of computing it is not repeated for this cause.
- Submodules that libraries import late (`transformers.models.bert`) go into the template of their package: those that
  its first model imports, then those that two models import.
- Preloading must not show. The model process imports a library itself if anything was changed that the library could
  have seen: the environment, the directory, the default dtype, names in modules of libraries, stubs in `sys.modules`.
  Where the project has a module with the name of a preloaded one, the template without it is taken.
- The **supervisor** adopts orphans (`PR_SET_CHILD_SUBREAPER`), so whatever a model leaves is found, however detached.
  After each model everything below its template is ended; at the end of the build, all.

A **single** process, as today's Python starts it, builds one model and ends. It is used on macOS and Windows, and on
Linux where a template cannot fork (threads, CUDA) or where the project has its own copy of a library that torch needs.
"""
