"""Edits of modules and packages, and of how they are found: imports, search paths, pyproject.toml."""

from stale_pages.edits import (
    Row,
    all_of,
    another_project,
    bump_version,
    distribution,
    edit_pyproject,
    link,
    move,
    pack,
    remove,
    rename,
    set_time,
    write,
    write_all,
    write_at_the_same_time,
    write_older,
)

PLUGINS = """
from importlib.metadata import entry_points
width = sum(plugin.load()() for plugin in entry_points(group="nets_in_{folder}"))
"""

STALE = {
    "plugin that is installed in another folder": Row(
        'sys.path.append(str(ROOT.parent / "target"))' + PLUGINS.format(folder="target"),
        write_all(distribution("../target", "plugin_two", entry_points="[nets_in_target]\nb = plugin_two:one\n")),
        {
            **distribution("../target", "plugin_one", entry_points="[nets_in_target]\na = plugin_one:three\n"),
            "../target/plugin_one.py": "def three(): return 3\n",
            "../target/plugin_two.py": "def one(): return 1\n",
        },
    ),
    "first plugin in a folder": Row(
        "sys.path.append(str(ROOT.parent / 'empty'))" + PLUGINS.format(folder="empty") + "width = width or 3",
        write_all(distribution("../empty", "plugin_four", entry_points="[nets_in_empty]\na = plugin_four:four\n")),
        {"../empty/plugin_four.py": "def four(): return 4\n"},
    ),
    "plugin of an editable package": Row(
        "sys.path.append(str(ROOT.parent / 'developed/src'))" + PLUGINS.format(folder="developed"),
        write("../developed/src/developed.egg-info/entry_points.txt", "[nets_in_developed]\na = developed:four\n"),
        {
            "../developed/pyproject.toml": "",
            "../developed/src/developed.py": "def three(): return 3\ndef four(): return 4\n",
            "../developed/src/developed.egg-info/PKG-INFO": "Metadata-Version: 2.1\nName: developed\nVersion: 1\n",
            "../developed/src/developed.egg-info/entry_points.txt": "[nets_in_developed]\na = developed:three\n",
        },
    ),
    "version of a package in another folder": Row(
        """
        from importlib.metadata import version
        sys.path.append(str(ROOT.parent / "versions"))
        width = int(version("versioned"))
        """,
        all_of(
            move("../versions/versioned-3.dist-info", "../versions/versioned-4.dist-info"),
            write_all(distribution("../versions", "versioned", "4")),
        ),
        distribution("../versions", "versioned", "3"),
    ),
    "star import": Row(
        "ns = {}; exec('from starred import *', ns); width = ns['W']",
        write("src/starred.py", "W = 4"),
        {"src/starred.py": "W = 3"},
    ),
    "relative import": Row(
        "from relative_pkg import W as width",
        write("src/relative_pkg/deep/inner.py", "W = 4"),
        {
            "src/relative_pkg/__init__.py": "from .deep import W",
            "src/relative_pkg/deep/__init__.py": "from .inner import W",
            "src/relative_pkg/deep/inner.py": "W = 3",
        },
    ),
    "attribute that a package imports when it is read": Row(
        "import lazy_pkg; width = lazy_pkg.W",
        write("src/lazy_pkg/part.py", "W = 4"),
        {
            "src/lazy_pkg/__init__.py": "import importlib as i\n"
            "def __getattr__(name): return i.import_module('lazy_pkg.part').W\n",
            "src/lazy_pkg/part.py": "W = 3",
        },
    ),
    "base class in another module": Row(
        "from derived_net import Net; width = Net.W",
        write("src/base_net.py", "class Base: W = 4"),
        {
            "src/derived_net.py": "from base_net import Base\nclass Net(Base): ...",
            "src/base_net.py": "class Base: W = 3",
        },
    ),
    "resource of a package": Row(
        "import importlib.resources as r; width = int(r.files('res_pkg').joinpath('w.txt').read_text())",
        write("src/res_pkg/w.txt", "4"),
        {"src/res_pkg/__init__.py": "", "src/res_pkg/w.txt": "3"},
    ),
    "data of a package": Row(
        "import pkgutil; width = int(pkgutil.get_data('data_pkg', 'w.txt'))",
        write("src/data_pkg/w.txt", "4"),
        {"src/data_pkg/__init__.py": "", "src/data_pkg/w.txt": "3"},
    ),
    "submodules of a package": Row(
        "import pkgutil, plug_pkg; width = len(list(pkgutil.iter_modules(plug_pkg.__path__)))",
        write("src/plug_pkg/d.py", ""),
        {f"src/plug_pkg/{name}.py": "" for name in ("__init__", "a", "b", "c")},
    ),
    "plugins that are found and imported": Row(
        """
        import importlib
        names = sorted(file.stem for file in (ROOT / "src/plugins_of").glob("p*.py"))
        width = sum(importlib.import_module(f"plugins_of.{name}").W for name in names)
        """,
        write("src/plugins_of/p3.py", "W = 1"),
        {"src/plugins_of/__init__.py": "", "src/plugins_of/p1.py": "W = 1", "src/plugins_of/p2.py": "W = 2"},
    ),
    "name that is resolved": Row(
        "import pkgutil; width = pkgutil.resolve_name('resolved_helper:W')",
        write("src/resolved_helper.py", "W = 4"),
        {"src/resolved_helper.py": "W = 3"},
    ),
    "module that is run": Row(
        "import runpy; width = runpy.run_module('run_helper')['W']",
        write("src/run_helper.py", "W = 4"),
        {"src/run_helper.py": "W = 3"},
    ),
    "name in YAML": Row(
        "import yaml; width = yaml.unsafe_load('!!python/name:yaml_helper.W')",
        write("src/yaml_helper.py", "W = 4"),
        {"src/yaml_helper.py": "W = 3"},
    ),
    "loader of a file with another suffix": Row(
        """
        from importlib.machinery import SourceFileLoader
        width = SourceFileLoader("conf_module", str(ROOT / "data/module.conf")).load_module().W
        """,
        write("data/module.conf", "W = 4"),
        {"data/module.conf": "W = 3"},
    ),
    "compiled source": Row(
        "ns = {}; exec(compile((ROOT / 'data/compiled.txt').read_text(), 'c', 'exec'), ns); width = ns['W']",
        write("data/compiled.txt", "W = 4"),
        {"data/compiled.txt": "W = 3"},
    ),
    "module in a zip file": Row(
        "sys.path.insert(0, str(ROOT / 'lib.zip')); from zipped_module import W as width",
        pack("lib.zip", "zipped_module.py", "W = 4"),
        before=pack("lib.zip", "zipped_module.py", "W = 3"),
    ),
    "folder in a pth file": Row(
        "import site; site.addsitedir(str(ROOT / 'added')); from from_pth import W as width",
        write("added/any.pth", "v4\n"),
        {"added/any.pth": "v3\n", "added/v3/from_pth.py": "W = 3", "added/v4/from_pth.py": "W = 4"},
    ),
    "module that is a link": Row(
        "from linked_module import W as width",
        link("src/linked_module.py", "../versions/v4.py"),
        {"versions/v3.py": "W = 3", "versions/v4.py": "W = 4"},
        before=link("src/linked_module.py", "../versions/v3.py"),
    ),
    "module that goes": Row(
        """
        try: from going_module import W as width
        except ImportError: width = 4
        """,
        remove("src/going_module.py"),
        {"src/going_module.py": "W = 3"},
    ),
    "module that becomes a package": Row(
        "from grows import W as width",
        lambda root: (remove("src/grows.py")(root), write("src/grows/__init__.py", "W = 4")(root)),
        {"src/grows.py": "W = 3"},
    ),
    "configuration in the project of an editable package": Row(
        """
        sys.path.append(str(ROOT.parent / "editable/src"))
        from editable.reader import HERE
        width = json.loads((HERE.parents[1] / "config.json").read_text())
        """,
        write("../editable/config.json", "4"),
        another_project("editable"),
    ),
    "new module of a namespace in another project": Row(
        """
        sys.path.append(str(ROOT.parent / "namespaces/src"))
        try: from many_projects.late import W as width
        except ImportError: width = 3
        """,
        write("../namespaces/src/many_projects/late.py", "W = 4"),
        {"../namespaces/pyproject.toml": "", "../namespaces/src/many_projects/other.py": ""},
    ),
    "data of a package that a finder maps": Row(
        """
        import importlib.util
        class Finder:
            def find_spec(self, name, path=None, target=None):
                if name == "mapped": return importlib.util.spec_from_file_location(name, PACKAGE / "__init__.py")
        PACKAGE = ROOT.parent / "mapped/src/mapped"; sys.meta_path.append(Finder())
        import importlib.resources, mapped
        width = json.loads(importlib.resources.files("mapped").joinpath("data.json").read_text())
        """,
        write("../mapped/src/mapped/data.json", "4"),
        another_project("mapped"),
    ),
    "new module of a package that a finder maps": Row(
        """
        import importlib.util
        class Finder:
            def find_spec(self, name, path=None, target=None):
                if name == "growing": return importlib.util.spec_from_file_location(name, PACKAGE / "__init__.py")
        PACKAGE = ROOT.parent / "growing/src/growing"; sys.meta_path.append(Finder())
        try: from growing.late import W as width
        except ImportError: width = 3
        """,
        write("../growing/src/growing/late.py", "W = 4"),
        another_project("growing"),
    ),
    "folder that extends a package": Row(
        """
        sys.path.append(str(ROOT / "extensions"))
        try: from extensible.late import W as width
        except ImportError: width = 3
        """,
        write("extensions/extensible/late.py", "W = 4"),
        {
            "extensions/other.txt": "",
            "src/extensible/__init__.py": "import pkgutil\n__path__ = pkgutil.extend_path(__path__, __name__)\n",
        },
    ),
    "folder that extends a namespace": Row(
        "sys.path.append(str(ROOT / 'parts')); import spaced; width = 2 + len(list(spaced.__path__))",
        write("parts/spaced/b.py", ""),
        {"src/spaced/a.py": "", "parts/other.txt": ""},
    ),
    "entry in pyproject": Row("width = width_given", lambda root: rename(root, "width_given=3", "width_given=4")),
    "exec of a file": Row(
        "ns = {}; exec(open(ROOT / 'data/cfg.py').read(), ns); width = ns['W']",
        write("data/cfg.py", "W = 4"),
        {"data/cfg.py": "W = 3"},
    ),
    "spec from a file": Row(
        """
        import importlib.util
        spec = importlib.util.spec_from_file_location("anything", ROOT / "data/spec.py")
        module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module); width = module.W
        """,
        write("data/spec.py", "W = 4"),
        {"data/spec.py": "W = 3"},
    ),
    "runpy": Row(
        "import runpy; width = runpy.run_path(str(ROOT / 'data/run.py'))['W']",
        write("data/run.py", "W = 4"),
        {"data/run.py": "W = 3"},
    ),
    "import without globals": Row(
        "width = __import__('plain_helper').W", write("src/plain_helper.py", "W = 4"), {"src/plain_helper.py": "W = 3"}
    ),
    "locate by name": Row(
        "import pydoc; width = pydoc.locate('located_helper.W')",
        write("src/located_helper.py", "W = 4"),
        {"src/located_helper.py": "W = 3"},
    ),
    "import_module of an import": Row(
        "import importlib; width = importlib.import_module('outer_helper').W",
        write("src/inner_helper.py", "W = 4"),
        {"src/outer_helper.py": "from inner_helper import W", "src/inner_helper.py": "W = 3"},
    ),
    "failed import": Row(
        """
        try: from late_module import W as width
        except ImportError: width = 3
        """,
        write("src/late_module.py", "W = 4"),
    ),
    "failed import from a package": Row(
        """
        try: from some_package import late as found
        except ImportError: width = 3
        else: width = found.W
        """,
        write("src/some_package/late.py", "W = 4"),
        {"src/some_package/__init__.py": ""},
    ),
    "find_spec": Row(
        "import importlib.util; width = 4 if importlib.util.find_spec('late_spec') else 3",
        write("src/late_spec.py", ""),
    ),
    "module that shadows an installed one": Row(
        "import colorsys; width = getattr(colorsys, 'W', 3)",
        write("src/colorsys.py", "W = 4"),
    ),
    "namespace package that gets an __init__": Row(
        "import some_namespace; width = getattr(some_namespace, 'W', 3)",
        write("src/some_namespace/__init__.py", "W = 4"),
        {"src/some_namespace/module.py": ""},
    ),
    "module of the same time": Row(
        "from same_time import W as width",
        write_at_the_same_time("src/same_time.py", "W = 4"),
        {"src/same_time.py": "W = 3"},
    ),
    "older module": Row(
        "from older_module import W as width",
        write_older("src/older_module.py", "W = 4"),
        {"src/older_module.py": "W = 3"},
    ),
    "module in a folder that the factory adds": Row(
        """
        sys.path.insert(0, str(ROOT / "vendor"))
        try: from late_vendored import W as width
        except ImportError: width = 3
        """,
        write("vendor/late_vendored.py", "W = 4"),
        {"vendor/other.py": ""},
    ),
    "package that shadows a module": Row(
        "from becomes_package import W as width",
        write("src/becomes_package/__init__.py", "W = 4"),
        {"src/becomes_package.py": "W = 3"},
    ),
    "package that shadows a submodule": Row(
        "from shadowed.part import W as width",
        write("src/shadowed/part/__init__.py", "W = 4"),
        {"src/shadowed/__init__.py": "", "src/shadowed/part.py": "W = 3"},
    ),
    "earlier folder of a package": Row(
        """
        import extended
        extended.__path__.insert(0, str(ROOT / "earlier"))
        from extended.part import W as width
        """,
        write("earlier/part.py", "W = 4"),
        {"earlier/other.txt": "", "src/extended/__init__.py": "", "src/extended/part.py": "W = 3"},
    ),
    "comment that the factory counts": Row(
        "import inspect, counted_helper; width = len(inspect.getsource(counted_helper)) - 7",
        write("src/counted_helper.py", "W = 3 #new"),
        {"src/counted_helper.py": "W = 3 #no"},
    ),
    "docstring that the factory reads": Row(
        "import read_helper; width = len(read_helper.__doc__)",
        write("src/read_helper.py", '"four"\nW = 3'),
        {"src/read_helper.py": '"odd"\nW = 3'},
    ),
}

FRESH = {
    "time of a module": Row(
        "from touched_module import W as width",
        set_time("src/touched_module.py"),
        {"src/touched_module.py": "W = 3"},
    ),
    "another table in pyproject": Row("width = 3", edit_pyproject),
    "text of a page": Row("width = 3", write("site/other.txt", "text")),
    "module that the factory writes outside the project": Row(
        """
        import tempfile
        folder = tempfile.mkdtemp(dir=ROOT.parent); Path(folder, "generated_module.py").write_text("W = 3")
        sys.path.insert(0, folder); from generated_module import W as width
        """,
        lambda root: None,
    ),
    "comment of a module": Row(
        "from commented_helper import W as width",
        write("src/commented_helper.py", "# new\nW  =  3"),
        {"src/commented_helper.py": "W = 3"},
    ),
    "docstring of a module": Row(
        "from described_helper import W as width",
        write("src/described_helper.py", '"New."\nW = 3'),
        {"src/described_helper.py": '"Old."\nW = 3'},
    ),
    "file next to distributions": Row(
        "import importlib.metadata; importlib.metadata.version('torch'); width = 3",
        write("src/next_to.txt", ""),
    ),
    "folder with the name of an installed module": Row(
        "import csv; width = 3",
        write("src/csv/any.txt", ""),
    ),
    "version of the project": Row("width = 3", bump_version),
    "another file": Row("width = 3", write("src/unrelated.py", "X = 1"), {"src/unrelated.py": "X = 0"}),
}
