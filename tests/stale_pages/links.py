"""Edits between two builds: files outside the project that its symlinks lead to.

Code opens them by their real paths.
"""

from stale_pages.edits import Row, link, write

NEXT_TO = "from pathlib import Path\nW = int(Path(__file__).resolve().with_name('{}').read_text())\n"

STALE = {
    "data next to the target of a linked module": Row(
        "from linked_elsewhere import W as width",
        write("../elsewhere/w.txt", "4"),
        {"../elsewhere/module.py": NEXT_TO.format("w.txt"), "../elsewhere/w.txt": "3"},
        before=link("src/linked_elsewhere.py", "../../elsewhere/module.py"),
    ),
    "data in the target of a linked package": Row(
        "from linked_package.part import W as width",
        write("../packages/linked_package/w.txt", "4"),
        {
            "../packages/linked_package/__init__.py": "",
            "../packages/linked_package/part.py": NEXT_TO.format("w.txt"),
            "../packages/linked_package/w.txt": "3",
        },
        before=link("src/linked_package", "../../packages/linked_package"),
    ),
    "file in the target of a linked folder": Row(
        "width = int((ROOT / 'data/linked_folder').resolve().joinpath('w.txt').read_text())",
        write("../storage/w.txt", "4"),
        {"../storage/w.txt": "3"},
        before=link("data/linked_folder", "../../storage"),
    ),
}

FRESH = {
    "file next to the target of linked data": Row(
        "width = int((ROOT / 'data/target.txt').resolve().read_text())",
        write("../files/other.txt", "4"),
        {"../files/w.txt": "3", "../files/other.txt": "3"},
        before=link("data/target.txt", "../../files/w.txt"),
    ),
}
