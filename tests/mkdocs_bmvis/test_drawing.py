from mkdocs_bmvis.drawing import shared_elements
from mkdocs_bmvis.settings import Settings


def test_equal_settings_share_elements():
    assert shared_elements(Settings(path=("a",))) is shared_elements(Settings(path=("a",)))
    assert shared_elements(Settings(path=("a",))) is not shared_elements(Settings(path=("b",)))
