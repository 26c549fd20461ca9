"""The messages between the docs build and its worker process; `bmvis.child.server` describes their order."""

from __future__ import annotations

from typing import Literal

import msgspec

from bmvis.model.tree import Model
from bmvis.options.definitions import Device, Options
from bmvis.untrusted.file_names import readable

TIMEOUT = 120.0
"""Default timeout for one model in seconds, including the import of its libraries."""


class Request(msgspec.Struct, frozen=True):
    """A request to build one model, or to list the references that a pattern matches."""

    number: int
    reference: str
    device: Device
    path: tuple[str, ...]
    """Entries for the front of `sys.path`."""
    cwd: str = ""
    """The working directory of the model's process; '' is that of the worker."""
    timeout: float = 0.0
    """Timeout in seconds; 0 is none."""
    listing: bool = False
    """Whether to list what the pattern `reference` matches (`bmvis.child.building.listing`), not to build."""
    memory: int = 0
    """Limit in bytes for the model, in addition to the memory of the process before; 0 if the setting is not set."""
    inputs: str = ""
    """The inputs to call the model with, in the syntax of the option `inputs`; '' not to call it."""
    allow: tuple[str, ...] = ("*",)
    """Entries of the allow list, one of which must allow the object that the reference names."""
    inputs_allow: tuple[str, ...] = ("*",)
    """Entries of the allow list for the function that makes the inputs."""
    figure: bool = False
    """Whether to record the dataflow, with default inputs if there are none."""
    defaults: tuple[tuple[str, str], ...] = ()
    """Patterns of references, each with default arguments (`bmvis.source.default_arguments`)."""
    secret: str = ""
    """A random part of the name of the answer's file, unique to this request."""

    @property
    def is_called(self) -> bool:
        """Whether the model is called."""
        return bool(self.inputs) or self.figure


DependencyKind = Literal[
    "file",
    "source",
    "exists",
    "names",
    "link",
    "modules",
    "search",
    "entry",
    "installed",
    "variable",
    "time",
    "mode",
    "git",
]


DependencyKey = tuple[DependencyKind, str, str]
"""A dependency without its value: its kind, path and `of`."""


class Dependency(msgspec.Struct, frozen=True, array_like=True):
    """One file, folder, name or version that the result of a factory depends on."""

    kind: DependencyKind
    """`file`: its content. `source`: the content of a Python source that is imported and not read by other code.
    `exists`: a file, a folder, or nothing. `names`: the names in a folder. `link`: the target of a link. `modules`:
    which of the imported modules a folder of `sys.path` has. `search`: which folders of `sys.path` have the imported
    modules, relative to the folder `path`. `entry`: a name in pyproject.toml. `installed`: the
    distributions in a `site-packages` folder. `variable`: an environment variable, by its name, or all whose
    names start with a text, which has a star at its end. `time`: the modification time of a file or folder. `mode`:
    whether a file can be executed. `git`: the state of a repository with its working tree."""
    path: str
    value: str = ""
    """A digest or description of the state; '' if the path does not exist."""
    of: str = ""
    """For `source` a digest of its syntax tree, or '' if its bytes count. For `modules` and `search` the imported
    names, separated by spaces, with a slash where any folder of this name counts. For `entry` the name of the model."""
    is_written: bool = False
    """Whether the factory wrote it."""

    @property
    def key(self) -> DependencyKey:
        """Return what the dependency is, without its value."""
        return self.kind, self.path, self.of

    def __str__(self) -> str:
        if self.kind == "variable":
            return "one of the environment variables" if self.path == "*" else f"environment variable {self.path}"
        if self.kind == "search":
            return "the search path of Python"
        path = readable(self.path)
        if self.kind == "git":
            return f"git repository {path}"
        return f"{path} ({self.of})" if self.kind == "entry" else path


class ModelRequest(msgspec.Struct, frozen=True):
    """A request of a page to a `Source`."""

    reference: str
    device: Device = "auto"
    base: str = ""
    """Reference of the model to compare with."""
    inputs: str = ""
    """The inputs to call the model with."""
    figure: bool = False
    """Whether the page draws the architecture figure."""


def model_request(reference: str, options: Options) -> ModelRequest:
    """Return the request of a page for `reference` with `options`."""
    return ModelRequest(reference, options.device, options.base, options.inputs, bool(options.flow))


class Built(msgspec.Struct, frozen=True, tag="built"):
    """A model was built and captured."""

    model: Model
    sources: tuple[str, ...]
    """Absolute paths of the project files that the model depends on: modules, and data files that they read."""
    dependencies: tuple[Dependency, ...] = ()
    """The dependencies that the result of the factory depends on."""
    installed: tuple[str, ...] = ()
    """The folders whose installed distributions the model can import."""
    drift: str = ""
    """The differences from the snapshot as text, if the mode is `check`."""
    base: Model | None = None
    """The model to compare with, if one was requested."""
    is_retried: bool = False
    """Whether the next build calls the model again although nothing has changed: the call ended its process."""


class Listed(msgspec.Struct, frozen=True, tag="listed"):
    """The references that a pattern matches; the other fields are as in `Built`."""

    references: tuple[str, ...]
    sources: tuple[str, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    installed: tuple[str, ...] = ()
    passed_over: tuple[str, ...] = ()
    """The names that match the pattern and give no model, each with the reason: `load (returns int)`."""


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The request failed; the first fields are those of `BmvisError`, the last ones are as in `Built`."""

    kind: str
    message: str
    hint: str = ""
    detail: str = ""
    wants_output: bool = False
    """Whether the printed output can explain the failure: for example, usage text before a SystemExit."""
    is_permanent: bool = False
    """Whether the request fails again while the dependencies do not change: not after a network error, for example."""
    sources: tuple[str, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    installed: tuple[str, ...] = ()


Reply = Built | Listed | Failed


class Answer(msgspec.Struct, frozen=True):
    """The content of a reply file."""

    reply: Reply
    secret: str = ""
    """The secret of the request."""


class Job(msgspec.Struct, frozen=True):
    """A message from the supervisor to a template."""

    request: Request
    ends: float = 0.0
    """The deadline of the model, in seconds of the monotonic clock; 0 until a model process has started."""
    folders: tuple[str, ...] = ()
    """Entries that the model's code added to `sys.path` before it imported the libraries of the template."""


class Outcome(msgspec.Struct, frozen=True):
    """How a model process ended: a message to the supervisor, and from there to the docs build."""

    status: Literal["ended", "timed out", "refused", "changed"]
    """`refused`: the model needs a process that is not forked. `changed`: a file has changed that Python has imported
    when the process started; between templates: the template has imported a module, in `output`, that changes what
    other models see."""
    code: int = 0
    """The exit code, or the negative number of the signal that killed it."""
    output: bytes = b""
    """The end of its output."""
