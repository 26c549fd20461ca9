"""The help of each command is complete and keeps its examples as they are written."""

import click
import pytest
from click.testing import CliRunner

from bmvis.cli.commands import main

NAMES = sorted(main.commands)


def help_of(*arguments):
    return CliRunner().invoke(main, [*arguments, "--help"], terminal_width=80).output


def test_list_of_commands_has_whole_sentences():
    lines = help_of().partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in lines] == NAMES
    assert [line for line in lines if not line.endswith(".") or line.endswith("...")] == []


@pytest.mark.parametrize("name", NAMES)
def test_options_are_described_and_examples_keep_their_lines(name):
    assert "\\b" not in help_of(name)
    options = [option for option in main.commands[name].params if isinstance(option, click.Option)]
    assert [option.name for option in options if not option.help] == []


@pytest.mark.parametrize(
    ("name", "line"),
    [("update", "      <!-- /bmvis -->"), ("myst", '      exec bmvis myst --path src "$@"')],
)
def test_example_of_several_lines(name, line):
    assert line in help_of(name).splitlines()


@pytest.mark.parametrize("name", NAMES)
def test_example_of_a_command_is_in_one_line(name):
    lines = help_of(name).partition("Options:")[0].splitlines()
    examples = [index for index, line in enumerate(lines) if line.startswith("      bmvis ")]
    assert all(lines[index + 1] == "" for index in examples)
    assert all(line.count("`") % 2 == 0 for line in lines if "`.." in line)


def test_defaults_and_integers_are_in_the_help():
    text = " ".join(help_of("check").split())
    assert "--timeout FLOAT RANGE Time limit for each model in seconds. [default: 120.0; x>0]" in text
    assert "Format of the report. [default: text]" in text
    assert "--depth INTEGER" in help_of("show")
    assert "Takes text." not in help_of("show")


def test_comparison_has_no_option_for_its_first_model():
    assert "--base" not in help_of("compare")
    assert "--base" in help_of("show")
