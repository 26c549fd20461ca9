"""The `bmvis` domain: which models the pages ask for, what became of them, and where they stand."""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Any, ClassVar, cast

import msgspec
from docutils import nodes as docutils_nodes
from sphinx.application import Sphinx
from sphinx.domains import Domain
from sphinx.environment import BuildEnvironment

from bmvis.errors import BmvisError
from bmvis.options import Device, Options
from bmvis.protocol import Built
from sphinx_bmvis.nodes import model_structure

Key = tuple[str, Device]
"""What one model is built from: the reference as written, and the device."""

_BUILT = msgspec.msgpack.Decoder(Built)


class Request(msgspec.Struct, frozen=True):
    """One tree that a page asks for."""

    reference: str
    options: Options
    anchor: str
    location: str
    """Where it is asked for, as Sphinx writes it before a warning: `/docs/models.rst:12`."""

    @property
    def key(self) -> Key:
        """Return what its model is built from."""
        return self.reference, self.options.device


class BmvisDomain(Domain):
    """Requests by page, and the answer to each distinct one.

    Answers are kept as bytes: an environment that holds a thousand big models still pickles at once.
    """

    name = "bmvis"
    label = "Models"
    data_version = 1
    initial_data: ClassVar[dict[str, Any]] = {"requests": {}, "unanswered": set(), "answers": {}}

    @property
    def requests(self) -> dict[str, list[Request]]:
        """The trees of each page, in its order."""
        return cast("dict[str, list[Request]]", self.data["requests"])

    @property
    def unanswered(self) -> set[str]:
        """Pages read in this build, whose models are to be looked up."""
        return cast("set[str]", self.data["unanswered"])

    def answer(self, key: Key) -> Built | BmvisError:
        """Return what came of a request.

        Raises:
            KeyError: nothing asked for it, or the models are not built yet.
        """
        kept = self.data["answers"][key]
        return kept if isinstance(kept, BmvisError) else _BUILT.decode(kept)

    def note_answer(self, key: Key, answer: Built | BmvisError) -> bool:
        """Keep what came of a request; return whether pages that show it must be written again."""
        kept = answer if isinstance(answer, BmvisError) else msgspec.msgpack.encode(answer)
        before = self.data["answers"].get(key)
        self.data["answers"][key] = kept
        return isinstance(kept, BmvisError) or before != kept

    def forget_unasked(self) -> None:
        """Drop answers that no page asks for any more."""
        asked = {request.key for requests in self.requests.values() for request in requests}
        self.data["answers"] = {key: reply for key, reply in self.data["answers"].items() if key in asked}

    def failed_keys(self) -> set[Key]:
        """Return the requests that ended in an error."""
        return {key for key in self.data["answers"] if isinstance(self.data["answers"][key], BmvisError)}

    def pages_with(self, keys: Set[Key]) -> set[str]:
        """Return the pages that ask for any of `keys`."""
        return {page for page, requests in self.requests.items() if any(request.key in keys for request in requests)}

    def process_doc(self, env: BuildEnvironment, docname: str, document: docutils_nodes.document) -> None:
        """Note what a page that was just read asks for."""
        requests = [
            Request(node["reference"], node["options"], node["ids"][0], node["location"])
            for node in document.findall(model_structure)
            if "error" not in node
        ]
        if requests:
            self.requests[docname] = requests
            self.unanswered.add(docname)

    def clear_doc(self, docname: str) -> None:
        """Forget what a page asked for."""
        self.requests.pop(docname, None)
        self.unanswered.discard(docname)

    def merge_domaindata(self, docnames: Set[str], otherdata: dict[str, Any]) -> None:
        """Take over what another process read."""
        for docname in docnames & otherdata["requests"].keys():
            self.requests[docname] = otherdata["requests"][docname]
            self.unanswered.add(docname)

    def get_objects(self) -> Iterable[tuple[str, str, str, str, str, int]]:
        """Return nothing yet."""
        return ()


def setup(app: Sphinx) -> None:
    """Register the domain."""
    app.add_domain(BmvisDomain)


def domain_of(env: BuildEnvironment) -> BmvisDomain:
    """Return the domain of a build."""
    return cast("BmvisDomain", env.get_domain(BmvisDomain.name))
