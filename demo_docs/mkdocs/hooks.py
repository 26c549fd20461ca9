"""Put the pages of both sites into MkDocs' dialect, add the pictures, and redirect former addresses."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from dialects import for_mkdocs
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files
from site_pages import DEMO, PICTURES, write_redirects

STYLE = ".md-typeset table code { overflow-wrap: normal; word-break: normal; }\n"
"""Material breaks names in tables anywhere."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    config.watch += [str(PICTURES), *map(str, DEMO.glob("*.*"))]
    config.extra_css.append("site.css")
    return config


@event_priority(100)  # before the plugin reads which galleries the pages have
def on_files(files: Files, config: MkDocsConfig) -> Files:
    for page in files.documentation_pages():
        page.content_string = for_mkdocs(page.content_string)
    for picture in PICTURES.iterdir():
        files.append(File.generated(config, f"pictures/{picture.name}", abs_src_path=str(picture)))
    files.append(File.generated(config, "site.css", content=STYLE))
    return files


def on_post_build(config: MkDocsConfig) -> None:
    write_redirects(Path(config.site_dir), "{}/index.html".format)
