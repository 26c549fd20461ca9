"""The hosts accept the snippets of the pages."""

import re
import shlex
import sys

import pytest
import yaml
from test_pages import PAGES, dialects, load

from bmvis.cli import main
from bmvis.options.parsing import parse_site_options
from bmvis.reference_patterns import is_pattern
from bmvis.source.pyproject import read_project
from mkdocs_bmvis.settings import DESCRIPTIONS, read_settings
from sphinx_bmvis import api_pages, settings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

filled = load("generated").filled
HOSTS = ("sphinx", "mkdocs")
FENCE = re.compile(r"^( *)```(\w+)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def snippets(*languages):
    """Yield the code in fences of the languages, on the pages of both hosts, with its place."""
    for host in HOSTS:
        texts = {name: filled(dialects.chosen(text, host), host) for name, text in PAGES.items()}
        for name, text in texts.items():
            found = [
                (language, body, indent) for indent, language, body in FENCE.findall(text) if language in languages
            ]
            for number, (_, body, indent) in enumerate(found):
                yield pytest.param(re.sub(f"^{indent}", "", body, flags=re.MULTILINE), id=f"{host}-{name}-{number}")


class Loader(yaml.SafeLoader):
    """Reads tags such as `!ENV` as None."""


Loader.add_multi_constructor("!", lambda *_: None)


def settings_in(value):
    """Yield what a configuration has for the plugin, or the extension, wherever it does."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("bmvis", "mkdocs_bmvis") and isinstance(inner, dict):
                yield inner
            else:
                yield from settings_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from settings_in(inner)


@pytest.mark.parametrize("text", list(snippets("yaml")))
def test_plugin_accepts_the_settings_of_snippets(text):
    for written in settings_in(yaml.load(text, Loader)):
        read_settings(written)


@pytest.mark.parametrize("text", list(snippets("toml")))
def test_pyproject_snippets_are_valid(text, tmp_path):
    written = tomllib.loads(text)
    (tmp_path / "pyproject.toml").write_text(text)
    names = written.pop("tool", {}).get("bmvis", {}).get("models", {})
    assert read_project(tmp_path).models.keys() == {name for name in names if not is_pattern(name)}
    for found in settings_in(written):
        read_settings(found)


@pytest.mark.parametrize("text", list(snippets("python")))
def test_code_snippets_are_valid_python(text):
    compile(text, "page", "exec")


@pytest.mark.parametrize("text", list(snippets("console")))
def test_commands_accept_the_flags_of_snippets(text):
    for command in re.findall(r"^\$ bmvis (.*)$", text, re.MULTILINE):
        name, *rest = shlex.split(command)
        main.commands[name].make_context(name, rest)


def test_settings_named_on_pages_exist_on_both_hosts():
    class Application:
        """Records what is registered."""

        names: list[str] = []  # noqa: RUF012

        def add_config_value(self, name, *_):
            self.names.append(name)

        def connect(self, *_):
            """Ignore events."""

    settings.setup(Application())
    api_pages.setup(Application())
    texts = "\n".join(PAGES.values())
    named = set(re.findall(r"\{\{ setting (\w+) \}\}", texts))
    assert named != set()
    written = {f"bmvis_{name}" for name in named} | set(re.findall(r"\bbmvis_\w+", texts))
    assert written - set(Application.names) == set()
    assert named <= set(DESCRIPTIONS)


def test_site_options_of_snippets_are_valid():
    written = re.findall(r"options: (\{.*?\})", "\n".join(PAGES.values()))
    assert written != []
    for text in written:
        parse_site_options(yaml.safe_load(text))
