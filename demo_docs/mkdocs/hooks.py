"""Put the options reference where a page asks for it, and the pictures of both sites among this one's files."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from options_table import TABLES

PICTURES = Path(__file__).parents[1] / "pictures"


def on_page_markdown(markdown: str, **_: Any) -> str:
    for name, table in TABLES.items():
        markdown = markdown.replace(f"{{{{ {name} }}}}", table)
    return markdown


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for picture in PICTURES.iterdir():
        files.append(File(picture.name, str(PICTURES), config.site_dir, config.use_directory_urls))
    return files
