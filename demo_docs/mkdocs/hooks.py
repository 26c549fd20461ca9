"""Put the options reference where a page asks for it."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from options_table import PLACE, options_table


def on_page_markdown(markdown: str, **_: Any) -> str:
    return markdown.replace(PLACE, options_table())
