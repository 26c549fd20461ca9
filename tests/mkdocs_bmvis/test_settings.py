from pathlib import Path

import msgspec

from mkdocs_bmvis.settings import DESCRIPTIONS, Settings

DOCUMENTED = Path(__file__).parents[2] / "demo_docs" / "pages" / "mkdocs.md"


def test_every_setting_is_described_and_documented():
    assert list(DESCRIPTIONS) == [field.name for field in msgspec.structs.fields(Settings)]
    table = DOCUMENTED.read_text().partition("## Settings")[2]
    rows = [line.split("`")[1] for line in table.splitlines() if line.startswith("| `")]
    assert sorted(rows) == sorted(DESCRIPTIONS)
