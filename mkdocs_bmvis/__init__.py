"""Markdown pages with `<model-structure>` elements: a Python-Markdown extension and a MkDocs plugin."""
