"""The answers to the requests of a site: models, or the reasons why they could not be built."""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING, Any

from bmvis.errors import BmvisError
from bmvis.options.definitions import Options
from bmvis.worker.protocol import Built, ModelRequest
from sphinx_bmvis.kept_models import Layouts, pack, pack_ids
from sphinx_bmvis.requests import TreeRequest

if TYPE_CHECKING:
    from bmvis.view.page import Page


class Answers:
    """The answer to each distinct request. Models are packed, with their dependencies apart from them.

    Args:
        data: the data of the domain, which the environment keeps.
    """

    def __init__(self, data: dict[str, Any]) -> None:
        self._data = data
        self.layouts = Layouts()

    def get(self, key: ModelRequest) -> Built | BmvisError:
        """Return the answer to a request.

        Raises:
            KeyError: no page has this request, or the models are not built yet.
        """
        kept = self._data["packed"][key]
        return kept if isinstance(kept, BmvisError) else self.layouts.model(kept)

    def note(self, key: ModelRequest, answer: Built | BmvisError) -> bool:
        """Store the answer to a request. Return whether pages that show it must be written again."""
        for kind in ("retried", "drifted"):
            self._data[kind].discard(key)
        if isinstance(answer, BmvisError):
            kept: BmvisError | bytes = answer
            self._data["dependencies"].pop(key, None)  # those of an earlier model: each build asks for it again
        else:
            self._data["dependencies"][key] = answer.dependencies
            self._data["retried"].update([key] if answer.is_retried else [])
            self._data["drifted"].update([key] if answer.drift else [])
            kept = pack(answer)
        before = self._data["packed"].get(key)
        self._data["packed"][key] = kept
        if isinstance(kept, BmvisError) and isinstance(before, BmvisError):
            return kept.parts != before.parts
        return bool(before != kept)

    def kept(self, key: ModelRequest) -> bytes | BmvisError | None:
        """Return the answer to a request as the environment keeps it; None if there is none."""
        found: bytes | BmvisError | None = self._data["packed"].get(key)
        return found

    def failed(self) -> list[ModelRequest]:
        """Return the requests whose answer is an error."""
        return [key for key, answer in self._data["packed"].items() if isinstance(answer, BmvisError)]

    def page(self, key: ModelRequest, options: Options) -> Page:
        """Return the layout of a tree whose model did not fail."""
        return self.layouts.page(self._data["packed"][key], options)

    def packed_ids(self, request: TreeRequest) -> bytes | None:
        """Return the ids of the rows of a tree, as `pack_ids` does; None if its model failed."""
        kept = self._data["packed"][request.key]
        if isinstance(kept, BmvisError):
            return None
        return pack_ids(self.layouts.model(kept).model, self.layouts.page(kept, request.options))

    def remove_others(self, requested: Container[ModelRequest]) -> None:
        """Remove the answers to requests that no page has any more."""
        for kind in ("packed", "dependencies"):
            self._data[kind] = {key: found for key, found in self._data[kind].items() if key in requested}
        for kind in ("retried", "drifted"):
            self._data[kind] = {key for key in self._data[kind] if key in requested}
