"""Markdown pages with `<model-structure>` elements: a Python-Markdown extension and a MkDocs plugin."""

from mkdocs_bmvis.extension import BmvisExtension, makeExtension

__all__ = ["BmvisExtension", "makeExtension"]
