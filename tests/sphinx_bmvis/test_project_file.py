"""Default arguments of pyproject.toml on the pages of a site: which trees get them, and what follows a change."""

PAGE = """\
Models
======

.. model-structure:: zoo:tiny
   :name: default

.. model-structure:: zoo:tiny(layers=4)
   :name: written

.. model-structure:: named
   :name: named

.. model-gallery::

   zoo:ti* | | group
"""
PROJECT = """
[tool.bmvis]
path = ["src"]
[tool.bmvis.models]
named = "zoo:tiny()"
[tool.bmvis.arguments]
"zoo:*" = "layers=5"
"zoo:t*ny" = "layers=2"
"shapes:*" = "layers=9"
"""


def blocks(built):
    """Return the number of blocks of each tree, and the facts of the card."""
    page = built.page("index.html")
    counts = {name: page.find(id=name).select_one(".bmvis-x")["data-x"] for name in ("default", "written", "named")}
    return counts, page.select_one(".bmvis-card").get_text(" ", strip=True)


def test_default_arguments_apply_to_each_page_and_pages_follow_their_change(make_site):
    site = make_site({"index.rst": PAGE})
    site.write("pyproject.toml", PROJECT)
    built = site.build()
    counts, card = blocks(built)
    assert counts == {"default": "2", "written": "4", "named": "2"}
    assert "56 parameters" in card
    assert built.warnings == ""
    site.write("pyproject.toml", PROJECT.replace("layers=2", "layers=3"))
    counts, card = blocks(site.build())
    assert counts == {"default": "3", "written": "4", "named": "3"}
    assert "84 parameters" in card
