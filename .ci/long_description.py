"""Set the long description of the distribution: the README, whose relative links work on GitHub only, with URLs."""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"\]\((?![a-z]+:|#)")
_IMAGE = re.compile(r'(\s(?:src|srcset)=")(?![a-z]+:)')


class LongDescription(MetadataHookInterface):
    """The hook of hatchling that `[tool.hatch.metadata.hooks.custom]` in pyproject.toml names."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the long description to the metadata."""
        source = metadata["urls"]["Source"]
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        text = _LINK.sub(f"]({source}/blob/main/", text)
        text = _IMAGE.sub(rf"\g<1>{source}/raw/main/", text)
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
