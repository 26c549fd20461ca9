"""Built models are cached between builds, and a cached model is never out of date."""

import logging
import os
import re
import shutil
from pathlib import Path

import msgspec
import pytest
from forked_workers import start_script

from bmvis.errors import WorkerError
from bmvis.model.tree import Model, Module
from bmvis.source.cache import Cache
from bmvis.source.cache_folder import CacheFolder
from bmvis.source.dependencies import value_of
from bmvis.source.source import Source
from bmvis.worker.protocol import Built, Dependency, Listed

REFERENCE = "zoo.models:build"


@pytest.fixture(scope="module")
def built_project(tmp_path_factory):
    """Create a small project: models.py imports blocks.py, which reads sizes.txt; unrelated.py is not imported."""
    project = tmp_path_factory.mktemp("built")
    package = project / "zoo"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "blocks.py").write_text(
        "from pathlib import Path\nfrom torch import nn\n"
        "SIZE = int(Path(__file__).with_name('sizes.txt').read_text())\n"
        "def block(): return nn.Linear(SIZE, 2)\n"
    )
    (package / "sizes.txt").write_text("3")
    (package / "models.py").write_text("from zoo.blocks import block\ndef build(): return block()\n")
    (package / "unrelated.py").write_text("from torch import nn\ndef build(): return nn.Linear(1, 1)\n")
    assert shape(project) == (2, 3)
    return project


@pytest.fixture
def project(built_project, tmp_path):
    """Copy the project with its cache to another folder."""
    return Path(shutil.copytree(built_project, tmp_path / "project"))


@pytest.fixture
def no_torch(tmp_path_factory, monkeypatch):
    """Make the import of torch fail in every process that is started later."""
    folder = tmp_path_factory.mktemp("no_torch")
    (folder / "torch.py").write_text("raise ImportError('torch is out of reach in this test')")
    return lambda: monkeypatch.setenv("PYTHONPATH", str(folder))


def source(project, **options):
    return Source(project, path=["."], cache=Path(".cache"), **options)


def shape(project, reference=REFERENCE):
    with source(project) as models:
        return models.resolve(reference).model.root.parameters[0].shape


def entries(project):
    return sorted((project / ".cache").glob("*.bmvis"))


def test_unchanged_model_does_not_import_torch(project, no_torch):
    no_torch()
    assert shape(project) == (2, 3)
    with source(project) as models, pytest.raises(WorkerError, match="out of reach"):
        models.resolve("zoo.unrelated:build")


def test_cached_model_names_its_source_files(project):
    shutil.rmtree(project / ".cache")
    with source(project) as models:
        cold = models.resolve(REFERENCE)
    with source(project) as models:
        warm = models.resolve(REFERENCE)
    assert warm == cold
    assert [os.path.relpath(file, project) for file in warm.sources] == [
        os.path.join("zoo", name) for name in ("__init__.py", "blocks.py", "models.py", "sizes.txt")
    ]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        pytest.param("models.py", "from torch import nn\ndef build(): return nn.Linear(5, 5)\n", (5, 5), id="module"),
        pytest.param(
            "blocks.py", "from torch import nn\ndef block(): return nn.Linear(7, 7)\n", (7, 7), id="imported module"
        ),
        pytest.param("sizes.txt", "9", (2, 9), id="data file"),
    ],
)
def test_edited_file_makes_the_entry_out_of_date(project, name, text, expected):
    (project / "zoo" / name).write_text(text)
    assert shape(project) == expected


def test_edit_of_an_unrelated_module_keeps_the_entry(project, no_torch):
    (project / "zoo" / "unrelated.py").write_text("raise SystemExit")
    no_torch()
    assert shape(project) == (2, 3)


def test_files_of_earlier_imported_modules_are_recorded(project):
    (project / "zoo" / "again.py").write_text(
        "def build():\n    import importlib\n    return importlib.import_module('zoo.blocks').block()\n"
    )
    with source(project) as models:
        models.resolve("zoo.unrelated:build")
        models.resolve(REFERENCE)
        again = models.resolve("zoo.again:build")
    names = [Path(file).name for file in again.sources]
    assert names == ["__init__.py", "again.py", "blocks.py", "sizes.txt"]


def test_edit_between_two_references_is_seen(project):
    with source(project) as models:
        models.resolve(REFERENCE)
        (project / "zoo" / "sizes.txt").write_text("8")
        assert models.resolve("zoo.blocks:block").model.root.parameters[0].shape == (2, 8)


def test_changed_distributions_make_the_entry_out_of_date(project, monkeypatch):
    monkeypatch.setattr("bmvis.source.digest_memo.DigestMemo.of_installed", lambda memo, folder: "other versions")
    (built,) = entries(project)
    before = built.read_bytes()
    shape(project)
    assert built.read_bytes() != before


def damage_garbage(entry):
    entry.write_bytes(b"\x00\xff garbage" * 100)


def damage_half(entry):
    entry.write_bytes(entry.read_bytes()[:100])


def damage_bit(entry):
    content = bytearray(entry.read_bytes())
    content[-1] ^= 1
    entry.write_bytes(content)


def damage_format(entry):
    from bmvis.source import fingerprint

    content = b"\x93\x01\x02\x03"
    entry.write_bytes(fingerprint.of_bytes(content).encode() + content)


def damage_text(entry):
    from bmvis.source import fingerprint

    content = msgspec.msgpack.encode([[b"built", b"\xff\xfe"], []])
    entry.write_bytes(fingerprint.of_bytes(content).encode() + content)


def damage_pipe(entry):
    entry.unlink()
    os.mkfifo(entry)


def damage_size(entry):
    entry.write_bytes(b"")
    os.truncate(entry, 10**12)


def damage_link(entry):
    entry.unlink()
    entry.symlink_to("/dev/zero")


def damage_folder(entry):
    entry.unlink()
    entry.mkdir()


@pytest.mark.parametrize(
    "damage",
    [
        damage_garbage,
        damage_half,
        damage_bit,
        damage_format,
        damage_text,
        damage_pipe,
        damage_size,
        damage_link,
        damage_folder,
        Path.unlink,
    ],
    ids=lambda damage: damage.__name__.removeprefix("damage_"),
)
def test_damaged_entry_is_built_again(project, damage):
    (entry,) = entries(project)
    damage(entry)
    assert shape(project) == (2, 3)


def test_cache_that_cannot_be_written_is_reported_once(project, caplog):
    shutil.rmtree(project / ".cache")
    (project / ".cache").write_text("a file where the folder should be")
    with source(project) as models:
        assert models.resolve(REFERENCE).model.root.parameters[0].shape == (2, 3)
        models.resolve("zoo.unrelated:build")
    (warning,) = [record.getMessage() for record in caplog.records if record.name == "bmvis.source.cache_folder"]
    assert f"the cache in {project / '.cache'} cannot be written" in warning


def test_log_names_the_reason_of_a_rebuild(project, caplog):
    caplog.set_level(logging.DEBUG, "bmvis")
    shape(project)
    assert not caplog.records
    (project / "zoo" / "sizes.txt").write_text("9")
    shape(project)
    messages = [record.getMessage() for record in caplog.records]
    assert f"zoo.models:build: out of date, {os.path.join('zoo', 'sizes.txt')} has changed" in messages
    assert any(re.search(r"zoo.models:build: built in [\d.]+ s by ", message) for message in messages)


def test_least_recently_used_entries_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr("bmvis.source.cache_folder.MAX_BYTES", 2000)
    cache = Cache(CacheFolder(tmp_path / "cache"), tmp_path, lambda folder: "")
    model = Built(Model((Module("", 0, "N" * 400),)), ())
    for number in range(10):
        cache.put(model, f"zoo:build({number})")
        os.utime(tmp_path / "cache" / cache._file_name((f"zoo:build({number})",)), (number, number))
        assert cache.get("zoo:build(0)"), "an entry that is used stays"
    assert sum(file.stat().st_size for file in (tmp_path / "cache").glob("*.bmvis")) <= 2000
    assert cache.get("zoo:build(9)")
    assert not cache.get("zoo:build(1)")


def test_entry_is_never_written_in_part(project, monkeypatch):
    def killed(*_):
        raise OSError("the disk is full")

    monkeypatch.setattr(Path, "replace", killed)
    entries(project)[0].unlink()
    assert shape(project) == (2, 3)
    assert {file.name for file in (project / ".cache").iterdir()} <= {".gitignore", "digests.msgpack"}


def test_concurrent_builds_share_a_cache(project):
    shutil.rmtree(project / ".cache")
    script = (
        "import sys; from pathlib import Path; from bmvis.source.source import Source\n"
        "with Source(Path(sys.argv[1]), path=['.'], cache=Path('.cache')) as models:\n"
        "    print(models.resolve('zoo.models:build').model.root.parameters[0].shape)"
    )
    builds = [start_script(script, str(project), cwd=project.parent) for _ in range(2)]
    printed = []
    for build in builds:
        with build.stdout:
            printed.append(build.stdout.read())
        assert build.wait() == 0
    assert printed == [b"(2, 3)\n"] * 2
    assert shape(project) == (2, 3)


def test_moved_checkout_keeps_its_cache(project, tmp_path_factory, no_torch):
    moved = tmp_path_factory.mktemp("elsewhere") / "project"
    project.rename(moved)
    no_torch()
    assert shape(moved) == (2, 3)


def test_version_control_ignores_the_folder(project):
    assert (project / ".cache" / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize("name", ["log.txt", os.fsdecode(b"gr\xf6\xdfe.txt")], ids=["plain", "not UTF-8"])
@pytest.mark.parametrize(("is_edited", "is_left"), [(False, True), (True, True), (True, False), (False, False)])
def test_file_that_a_factory_wrote_counts_as_of_the_last_build(name, is_edited, is_left, tmp_path):
    def cache():
        return Cache(CacheFolder(tmp_path / "cache"), tmp_path, str)

    (tmp_path / name).write_text("by the factory")
    dependency = Dependency("file", str(tmp_path / name), "as it was before", is_written=is_left)
    if not is_left:
        dependency = msgspec.structs.replace(dependency, value=value_of(dependency))
    listed = Listed(("zoo:a",), (), (dependency,))
    cache().put(listed, "zoo:*")
    if is_edited:
        (tmp_path / name).write_text("by hand")
    assert cache().get("zoo:*") == (None if is_edited else listed)
