"""Put the pages of both sites into MkDocs' dialect, add the pictures, and redirect former addresses."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from dialects import for_mkdocs
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files
from site_pages import DEMO, PICTURES, write_redirects


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    config.watch += [str(PICTURES), *map(str, DEMO.glob("*.*"))]
    return config


@event_priority(100)  # before the plugin reads which galleries the pages have
def on_files(files: Files, config: MkDocsConfig) -> Files:
    for page in files.documentation_pages():
        page.content_string = for_mkdocs(page.content_string)
    for picture in PICTURES.iterdir():
        files.append(File.generated(config, f"pictures/{picture.name}", abs_src_path=str(picture)))
    return files


def on_post_build(config: MkDocsConfig) -> None:
    write_redirects(Path(config.site_dir), "{}/index.html".format)
