"""The description of a hostile factory."""

from dataclasses import dataclass

GOOD = "return nn.Linear(3, 2)"
"""The end of a factory that returns a model although it has misbehaved."""


@dataclass(frozen=True)
class Draws:
    """The model is drawn: `text` is a regular expression that its tree contains."""

    body: str
    text: str = r"weight:\[2, 3\] bias:\[2\]"


@dataclass(frozen=True)
class Fails:
    """The model fails: `report` is a regular expression that the error contains."""

    body: str
    report: str


UNREADABLE = "cannot be read: it raised"
"""The report if a factory broke what bmvis needs to read its model."""


@dataclass(frozen=True)
class Kind:
    """Factories of one kind."""

    name: str
    source: str
    """Where this kind is described, or was met in public."""
    cases: dict[str, Draws | Fails]


def draws(body: str) -> Draws:
    """Return a case that misbehaves, then returns the good model, which is drawn as if nothing had happened."""
    return Draws(f"{body}\n{GOOD}")


def replaced(target: str, values: dict[str, str]) -> dict[str, Draws | Fails]:
    """Return a case for each name in a class or module that a factory replaces by a value after it made the model."""
    return {
        f"{name} is {value}": Draws(f"import builtins; made = nn.Linear(3, 2); {target}.{name} = {value}; return made")
        for name, value in values.items()
    }
