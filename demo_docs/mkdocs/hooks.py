"""Put the pages of both sites, and the pictures and models they show, among this one's files."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from dialects import for_mkdocs
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

DEMO = Path(__file__).parents[1]
PICTURES = DEMO / "pictures"
PAGES = DEMO / "pages"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    config.watch += [str(PICTURES), str(PAGES)]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for page in PAGES.glob("*.md"):
        files.append(File.generated(config, page.name, content=for_mkdocs(page.read_text())))
    for picture in PICTURES.iterdir():
        files.append(File.generated(config, f"pictures/{picture.name}", abs_src_path=str(picture)))
    return files
