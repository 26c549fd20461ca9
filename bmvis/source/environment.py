"""Compute digests of environment variables, and decide which of them count."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping

from bmvis.lazy_regex import lazy_regex
from bmvis.source.fingerprint import of_bytes

OF_TERMINALS = lazy_regex(
    r"_|SHLVL|OLDPWD|TERM|COLORTERM|COLUMNS|LINES|WINDOW|WINDOWID|STY|SSH_(TTY|CONNECTION|CLIENT|AUTH_SOCK)|GPG_TTY"
    r"|XDG_SESSION_ID|VTE_VERSION|(I?TERM|TMUX|KONSOLE|GNOME_TERMINAL|WEZTERM|KITTY|ALACRITTY|VSCODE)(_.*)?"
    r"|PYTEST_CURRENT_TEST"
)
"""Environment variables in which the terminals of one user differ, and one that pytest sets for each test."""

OF_BMVIS = lazy_regex(r"BMVIS_\w*|TMPDIR|TEMP|TMP|PYTHON(SAFEPATH|UNBUFFERED|UTF8)|PYTORCH_NVML_BASED_CUDA_CHECK")
"""Environment variables that bmvis sets itself in a worker."""

OF_MACHINES = lazy_regex(r"HOME|USER|LOGNAME|PATH|PWD|SHELL|HOSTNAME|LANG|LANGUAGE|LC_\w+|XDG_\w+|CI|GIT\w+")
"""Environment variables that differ between machines. They do not count if a library reads them."""

_OF_RUNS = lazy_regex(
    r"(CI|GITHUB|RUNNER|ACTIONS|GITLAB|CIRCLE|TRAVIS|BUILDKITE|JENKINS|BUILD|READTHEDOCS|PRE_COMMIT|MAKE|M?FLAGS|VIRTUAL_ENV"
    r"|CONDA|UV|TOX|NOX|POETRY|PDM|HATCH|PIP|SPHINX|DOCUTILS|SOURCE_DATE_EPOCH|NODE|NPM|DEBIAN|SYSTEMD|INVOCATION_ID"
    r"|JOURNAL_STREAM|HOSTTYPE|MAIL|EDITOR|VISUAL|PAGER|LESS\w*|LS_COLORS|DISPLAY|DBUS|WAYLAND|NO_COLOR|FORCE_COLOR"
    r"|MPLBACKEND|PYTHON\w+|\w+_PROXY|\w+_proxy)(_\w+)?"
)
"""Environment variables that commands, CI jobs and desktops set. They do not count among all variables."""


def environment_digest() -> str:
    """Return a digest of the environment variables, without those of the terminal."""
    found = sorted((name, value) for name, value in os.environ.items() if not OF_TERMINALS.fullmatch(name))
    return of_bytes(repr(found).encode(errors="surrogateescape"))


def variable_digest(name: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return a digest of the value of an environment variable; '' if it is not set.

    The digest is short: it detects changes, but many other values have the same one, because a value can be a secret.

    Args:
        name: the name, or the start of several names with a star at its end. A star alone is all variables but those
            of the machine, its terminal, and the command that runs.
        environment: the variables.
    """
    value = _all_that_start(name[:-1], environment) if name.endswith("*") else environment.get(name)
    if value is None:
        return ""
    salt = hashlib.blake2b(name.encode(errors="replace"), digest_size=16).digest()
    return hashlib.blake2b(value.encode(errors="surrogateescape"), digest_size=4, key=salt).hexdigest()


def _all_that_start(prefix: str, environment: Mapping[str, str]) -> str | None:
    """Return the names and values of the variables that start with a text; None if there are none."""
    names = [name for name in environment if name.startswith(prefix)]
    left_out = (OF_TERMINALS, OF_BMVIS) if prefix else (OF_TERMINALS, OF_BMVIS, OF_MACHINES, _OF_RUNS)
    counted = sorted(name for name in names if not any(known.fullmatch(name) for known in left_out))
    return repr([(name, environment[name]) for name in counted]) if counted else None
