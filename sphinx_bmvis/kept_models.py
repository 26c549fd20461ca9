"""What the environment keeps of each model: the compressed model, and the rows that show its modules.

The blocks of a model repeat, so that it takes about a twentieth of its size. Sphinx loads the environment at the start
of every build: with a thousand models, it has to be small. It also has to be complete: a page can be written although
its model was built by an earlier build, and the cache was deleted since.
"""

from __future__ import annotations

import zlib
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from bmvis.options.definitions import Options
from bmvis.worker.protocol import Built, ModelRequest
from sphinx_bmvis.requests import TreeRequest

if TYPE_CHECKING:  # a build without changes needs no layout, and does not import it
    from bmvis.model.tree import Model
    from bmvis.view.page import Page

TreeKey = tuple[ModelRequest, Options]
"""Key of a layout: the request of its model, and the options that apply to the layout."""
MODELS = 8
"""Number of decoded models in memory: a page often shows one model several times."""
PAGES = 64
"""Number of layouts in memory: those of named trees are needed before their pages are written."""
_FAST = 1
"""The level of compression. The best one takes four times as long for a fifth less."""
_IDS = msgspec.msgpack.Decoder(dict[str, str])


def pack(built: Built) -> bytes:
    """Return what pages show of a model, compressed, without its dependencies."""
    # The sources can change without a change of the model.
    return zlib.compress(
        msgspec.msgpack.encode(msgspec.structs.replace(built, sources=(), dependencies=(), installed=())), _FAST
    )


def pack_ids(model: Model, page: Page) -> bytes:
    """Return the ids of the rows that show the modules of a tree, by module path, without the anchor of the tree."""
    from bmvis.render.html.tree import module_ids

    return zlib.compress(msgspec.msgpack.encode(module_ids("", model, page)), _FAST)


def unpack_ids(kept: bytes) -> dict[str, str]:
    """Return what `pack_ids` was given."""
    return _IDS.decode(zlib.decompress(kept))


def share(data: dict[str, Any]) -> None:
    """Replace equal keys and dependencies in the data of the domain by the same objects, which are stored once."""
    known: dict[Any, Any] = {}

    def shared(value: Any) -> Any:
        return known.setdefault(value, value)

    for kind in ("dependencies", "listed", "read"):
        found = {key: known.get(of) or shared(tuple(map(shared, of))) for key, of in data[kind].items()}
        data[kind] = {shared(key): of for key, of in found.items()}
    data["packed"] = {shared(key): answer for key, answer in data["packed"].items()}
    data["ids"] = {shared((shared(key), shared(options))): ids for (key, options), ids in data["ids"].items()}


class Layouts:
    """Models and layouts, of which the latest stay in memory."""

    def __init__(self) -> None:
        self.model = lru_cache(MODELS)(_unpack)
        self.ids = lru_cache(MODELS)(unpack_ids)
        self._pages = lru_cache(PAGES)(self._laid_out)

    def page(self, kept: bytes, options: Options) -> Page:
        """Return the layout of a packed model."""
        return msgspec.structs.replace(self._pages(kept, _layout_options(options)), options=options)

    def _laid_out(self, kept: bytes, options: Options) -> Page:
        from bmvis.view.layout import layout

        built = self.model(kept)
        return layout(built.model, options, built.base)


def tree_key(request: TreeRequest) -> TreeKey:
    """Return the key of the layout of a tree."""
    return request.key, _layout_options(request.options)


def _layout_options(options: Options) -> Options:
    """Return options without those that only renderers and hosts use, so that equal trees share a layout."""
    return msgspec.structs.replace(options, name="", caption="", alt="", classes=(), search=False)


def _unpack(kept: bytes) -> Built:
    return _decoder().decode(zlib.decompress(kept))


@cache
def _decoder() -> msgspec.msgpack.Decoder[Built]:
    """Return the decoder of models. A build without changes decodes none, and to create it takes 2 ms."""
    return msgspec.msgpack.Decoder(Built)
