from mkdocs_bmvis.drawing import shared_trees
from mkdocs_bmvis.settings import Settings


def test_equal_settings_share_trees():
    assert shared_trees(Settings(path=("a",))) is shared_trees(Settings(path=("a",)))
    assert shared_trees(Settings(path=("a",))) is not shared_trees(Settings(path=("b",)))
