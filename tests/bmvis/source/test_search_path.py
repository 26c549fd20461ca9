"""Models depend on the search path of Python: another path can have another module of the same name."""

from __future__ import annotations

import shutil
import sys
import zipfile
from pathlib import Path

import pytest
from pythons import TORCH_PYTHON

from bmvis.source.module_folders import ModuleFolders, folders_with
from bmvis.source.source import Source
from bmvis.worker.interpreter import is_this_python

NET = "from torch import nn\ndef build(): return nn.Linear({}, 1)\n"
needs_torch_here = pytest.mark.skipif(
    not is_this_python(TORCH_PYTHON), reason="another Python builds the models, which takes over no sys.path"
)


def write(folder: Path, name: str, text: str) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return str(folder)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[str, str]:
    """Create two folders with a module of the same name, of which the second one builds a wider model."""
    return write(tmp_path / "a", "shared_net.py", NET.format(3)), write(tmp_path / "b", "shared_net.py", NET.format(4))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


def width(project: Path, path: tuple[str, ...] = (), reference: str = "shared_net:build") -> int:
    with Source(project, path=path, cache=Path(".cache")) as models:
        size: int = models.resolve(reference).model.root.parameters[0].shape[1]
        return size


def is_cached(project: Path, monkeypatch: pytest.MonkeyPatch, path: tuple[str, ...] = ()) -> bool:
    """Return whether a build starts no worker."""
    with monkeypatch.context() as patch:
        patch.setattr("bmvis.source.cached_builds.Builder._worker", lambda *args: pytest.fail("a model was built"))
        try:
            width(project, path)
        except pytest.fail.Exception:
            return False
    return True


@needs_torch_here
def test_module_of_another_folder_replaces_the_model(project, folders, monkeypatch):
    first, second = folders
    monkeypatch.syspath_prepend(first)
    assert width(project) == 3
    assert is_cached(project, monkeypatch)
    monkeypatch.syspath_prepend(second)
    assert width(project) == 4
    monkeypatch.setattr(sys, "path", [first, *sys.path])
    assert width(project) == 3


@needs_torch_here
def test_folder_without_the_imported_modules_changes_nothing(project, folders, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(folders[0])
    assert width(project) == 3
    monkeypatch.syspath_prepend(write(tmp_path / "c", "unrelated.py", ""))
    assert is_cached(project, monkeypatch)


@needs_torch_here
def test_module_in_a_zip_file_replaces_the_model(project, tmp_path, monkeypatch):
    archive = tmp_path / "library.zip"
    monkeypatch.syspath_prepend(str(archive))
    optional = "try: from zipped_net import WIDTH\nexcept ImportError: WIDTH = 3\n"
    path = (write(project / "src", "shared_net.py", optional + NET.format("WIDTH")),)
    assert width(project, path) == 3
    for size in (4, 5):
        with zipfile.ZipFile(archive, "w") as packed:
            packed.writestr("zipped_net.py", f"WIDTH = {size}")
        assert width(project, path) == size
        assert is_cached(project, monkeypatch, path)


@needs_torch_here
def test_folder_of_the_project_comes_before_the_search_path(project, folders, monkeypatch):
    first, second = folders
    assert width(project, (first,)) == 3
    monkeypatch.syspath_prepend(second)
    assert width(project, (first,)) == 3
    assert is_cached(project, monkeypatch, (first,))


@needs_torch_here
def test_missing_module_that_is_copied_into_site_packages_replaces_the_model(project, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    installed = tmp_path / "venv" / "site-packages"
    monkeypatch.syspath_prepend(write(installed, "installed_net.py", ""))
    optional = "try: from optional_net import WIDTH\nexcept ImportError: WIDTH = 3\n"
    path = (write(project / "src", "shared_net.py", optional + NET.format("WIDTH")),)
    assert width(project, path) == 3
    write(installed, "unrelated_net.py", "")
    assert is_cached(project, monkeypatch, path)
    write(installed, "optional_net.py", "WIDTH = 4")
    assert width(project, path) == 4
    assert is_cached(project, monkeypatch, path)


@needs_torch_here
def test_cache_of_a_moved_project_is_used(project, monkeypatch, tmp_path):
    source = write(project / "src", "shared_net.py", NET.format(3))
    with monkeypatch.context() as patch:
        patch.syspath_prepend(source)
        assert width(project) == 3
    moved = Path(shutil.move(project, tmp_path / "moved"))
    monkeypatch.syspath_prepend(str(moved / "src"))
    assert is_cached(moved, monkeypatch)


@needs_torch_here
def test_module_that_was_missing_appears_in_a_new_folder(project, tmp_path, monkeypatch):
    code = "from torch import nn\ntry:\n    from extra_sizes import W\nexcept ImportError:\n    W = 3\n"
    zoo = write(project / "src", "net_of_extra.py", f"{code}def build(): return nn.Linear(W, 1)\n")
    assert width(project, (zoo,), "net_of_extra:build") == 3
    monkeypatch.syspath_prepend(write(tmp_path / "new", "extra_sizes.py", "W = 4\n"))
    assert width(project, (zoo,), "net_of_extra:build") == 4


@pytest.mark.builds
def test_another_python_has_another_pythonpath(project, folders, monkeypatch):
    first, second = folders
    monkeypatch.setattr("bmvis.source.search_path.is_this_python", lambda python: False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", first)
        assert width(project) == 3
    monkeypatch.setenv("PYTHONPATH", second)
    assert width(project) == 4


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("module", ["a"]),
        ("package/", ["b"]),
        ("folder", []),
        ("folder/", ["a", "b"]),
        ("missing/", []),
        ("loop/", []),
    ],
)
def test_folders_with(name: str, expected: list[str], tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write(tmp_path / folder, "module.py", "")
        (tmp_path / folder / "folder").mkdir()
    write(tmp_path / "b" / "package", "__init__.py", "")
    (tmp_path / "a" / "loop").symlink_to("loop")
    folders = ModuleFolders()
    path = [(folder, folders.entries(str(tmp_path / folder))) for folder in ("a", "b", "c")]
    assert list(folders_with(name, [])) == []
    assert list(folders_with(name, path)) == expected
