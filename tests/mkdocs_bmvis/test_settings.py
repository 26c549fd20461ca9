import msgspec

from mkdocs_bmvis.settings import DESCRIPTIONS, Settings


def test_every_setting_is_described():
    assert list(DESCRIPTIONS) == [field.name for field in msgspec.structs.fields(Settings)]
