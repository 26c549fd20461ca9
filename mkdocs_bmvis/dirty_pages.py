"""Builds with `--dirty`, in which MkDocs converts only the pages whose text is newer than their output."""

from __future__ import annotations

from pathlib import Path

from mkdocs.structure.files import Files

_SIGNS = (b"<model-", b"-8<-")
"""Texts of pages with models: elements, and the inclusion of files by `pymdownx.snippets`, which can have some."""


def remove_outputs(files: Files) -> None:
    """Remove the output of pages with models, so that MkDocs converts them: a model can change without a text.

    A build without `--dirty` removes the output of all pages.
    """
    for file in files.documentation_pages():
        source = Path(file.abs_src_path) if file.abs_src_path else None
        if source and source.is_file() and any(sign in source.read_bytes() for sign in _SIGNS):
            Path(file.abs_dest_path).unlink(missing_ok=True)
