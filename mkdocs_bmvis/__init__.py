"""Python-Markdown extension and MkDocs plugin for `<model-structure>` elements and related ones.

`makeExtension` and `BmvisExtension` are public, and so are the plugin `bmvis` and the settings of both.
"""

from mkdocs_bmvis.extension import BmvisExtension, makeExtension

__all__ = ["BmvisExtension", "makeExtension"]
