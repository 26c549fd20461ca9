"""What the docs build and its worker process say to each other; `bmvis.child.server` tells the order."""

from __future__ import annotations

from typing import Literal

import msgspec

from bmvis.model.tree import Model
from bmvis.options import Device


class Request(msgspec.Struct, frozen=True):
    """Build one model, or list what a pattern finds."""

    number: int
    reference: str
    device: Device
    path: tuple[str, ...]
    """Entries for the front of `sys.path`."""
    timeout: float = 0.0
    """Seconds after which the parent gives up; 0 is never."""
    listing: bool = False
    """Whether not a model is asked for, but the names that the reference, a pattern, finds (`bmvis.child.listing`)."""
    memory: int = 0
    """Bytes that the model may take beside what the process had before; 0 where nobody set a limit."""
    inputs: str = ""
    """What to call the model with, as the option `inputs` holds it; '' not to call it."""
    allow: tuple[str, ...] = ("*",)
    """Entries of the allow list, one of which must allow the object that the reference names."""
    inputs_allow: tuple[str, ...] = ("*",)
    """The same for the function that makes the inputs."""
    secret: str = ""
    """Part of the name of the answer's file, which only the answer to this request has."""


Kind = Literal["file", "exists", "names", "link", "modules", "entry", "installed"]


class Fact(msgspec.Struct, frozen=True, array_like=True):
    """One thing that a factory could have read differently."""

    kind: Kind
    """`file`: the content. `exists`: a file, a folder, or nothing. `names`: the names in a folder. `link`: where it
    leads. `modules`: which of the imported modules a folder of `sys.path` has. `entry`: a name in pyproject.toml.
    `installed`: the distributions in a `site-packages` folder."""
    path: str
    value: str = ""
    """'' where there is nothing."""
    of: str = ""
    """For `modules` the imported names, for `entry` the name of the model; space-separated."""
    left: bool = False
    """Whether the factory wrote it."""

    def __str__(self) -> str:
        return f"{self.path} ({self.of})" if self.kind == "entry" else self.path


class ModelRequest(msgspec.Struct, frozen=True):
    """What a page asks a `Source` for: all that an answer depends on."""

    reference: str
    device: Device = "auto"
    base: str = ""
    """Reference of the model to compare with."""
    inputs: str = ""
    """What to call the model with."""


class Built(msgspec.Struct, frozen=True, tag="built"):
    """A model was built and captured."""

    model: Model
    sources: tuple[str, ...]
    """The project's own files that the model came from, absolute: modules, and data files they read."""
    facts: tuple[Fact, ...] = ()
    """All that the factory could have read differently."""
    installed: tuple[str, ...] = ()
    """The folders whose installed distributions the model may use."""
    drift: str = ""
    """How the model differs from its snapshot, where that was to be checked: lines to read."""
    base: Model | None = None
    """The model to compare with, where that was asked for."""


class Listed(msgspec.Struct, frozen=True, tag="listed"):
    """The references that a pattern finds; the other fields are as in `Built`."""

    references: tuple[str, ...]
    sources: tuple[str, ...] = ()
    facts: tuple[Fact, ...] = ()
    installed: tuple[str, ...] = ()


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """No model, and why; the fields are those of `BmvisError`."""

    kind: str
    message: str
    hint: str = ""
    detail: str = ""
    wants_output: bool = False
    """Whether what was printed explains it: before a SystemExit, say, the usage of a command."""


Reply = Built | Listed | Failed


class Answer(msgspec.Struct, frozen=True):
    """What the child writes to its reply file."""

    reply: Reply
    secret: str = ""
    """That of the request."""


class Job(msgspec.Struct, frozen=True):
    """What goes down from the supervisor to a template."""

    request: Request
    ends: float = 0.0
    """When the model's time is over, by the monotonic clock; 0 until a model process has started."""
    folders: tuple[str, ...] = ()
    """Entries that the model's code has added to `sys.path` before it imported what the template has imported."""


class Outcome(msgspec.Struct, frozen=True):
    """How a model process ended: what goes up to the supervisor, and from there to the docs build."""

    status: Literal["ended", "late", "refused"]
    """`late`: its time was over. `refused`: the model needs a process that is not forked."""
    code: int = 0
    """The exit code, or the negative number of the signal that ended it."""
    output: bytes = b""
    """The last of what it printed."""
