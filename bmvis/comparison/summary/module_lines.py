"""Join the lines of one module, and of the modules inside that changed with it. Internal."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator, Sequence

import msgspec

from bmvis.comparison.lines import FORMER, IMPACTS, DriftLine, Part
from bmvis.comparison.tensor_changes import Impact

MAX_LINES = 2
"""Lines of a change of a model."""
MAX_PARTS = 6
"""Changes that share a line."""
_EFFECTS = {"tie_word_embeddings": "tied"}
"""Fields of the configuration of a transformers model, and the topics of what they change."""
_VERBS = {"added": "added: ", "removed": "removed: ", "changed": ""}
_ALONE = ("wrapped", "unwrapped", "order")
"""Topics of lines that are joined with no other line of the module."""


def join_lines(lines: Iterable[DriftLine]) -> list[DriftLine]:
    """Return one line for the changes of one class of a module, and for a module and what changed inside of it.

    If there are more than `MAX_LINES`, a module has one line for its changes of all classes.
    """
    single = _without_repeats(list(lines))
    for by_class in (True, False):
        joined = list(_with_sizes(list(_with_inner(list(_of_one_class(single, by_class=by_class))))))
        if len(joined) <= MAX_LINES:
            break
    return joined


def most_serious(lines: Sequence[DriftLine]) -> Impact:
    """Return the most serious class of some lines."""
    return min((line.impact for line in lines), key=IMPACTS.index)


def _without_repeats(lines: Sequence[DriftLine]) -> list[DriftLine]:
    """Return lines without those that repeat another one.

    A field of a configuration can have an effect that is a line, and an argument can be in `extra_repr()` and among the
    settings of a module.
    """
    topics = {line.topic for line in lines}
    caused = [line for line in lines if _EFFECTS.get(line.topic) not in topics]
    best: dict[Hashable, DriftLine] = {}
    for line in caused:
        name = line.topic.partition(".")[0]
        is_argument = bool(name) and line.text.startswith(f"{name}: ")
        key = (line.path, line.subject, name, line.after) if is_argument else id(line)
        if key not in best or best[key].before == "none":
            best[key] = line
    kept = set(map(id, best.values()))
    return [line for line in caused if id(line) in kept]


def _of_one_class(lines: Sequence[DriftLine], *, by_class: bool) -> Iterator[DriftLine]:
    alike: dict[Hashable, list[DriftLine]] = {}
    root: Hashable = None
    replaced = {line.path for line in lines if line.topic == "class"}
    for number, line in enumerate(lines):
        if line.topic == "wrapped" and not line.path:
            root = number
        if root is not None and line.subject == FORMER:
            alike[root].append(line)
            continue
        impact = line.impact if by_class and line.path not in replaced else None  # all follows from the other class
        key = (line.path, line.subject, impact) if _is_joinable(line) else number
        alike.setdefault(key, []).append(line)
    for found in alike.values():
        found.sort(key=lambda line: line.topic != "class")
        for start in range(0, len(found), MAX_PARTS):
            some = found[start : start + MAX_PARTS]
            yield some[0] if len(some) == 1 else _join(some, _texts(some))


def _texts(lines: Sequence[DriftLine]) -> list[str]:
    """Return the texts of lines; equal changes of several arguments are one: `eps, variance_epsilon: 1 → 2`."""
    found: dict[Hashable, list[DriftLine]] = {}
    for number, line in enumerate(lines):
        change = f": {line.before} → {line.after}"
        is_argument = bool(line.topic) and line.text == line.topic + change and line.subject == lines[0].subject
        found.setdefault((change, line.impact) if is_argument else number, []).append(line)
    return [", ".join([*(line.topic for line in same[:-1]), _text_of(same[-1], lines[0])]) for same in found.values()]


def _text_of(line: DriftLine, first: DriftLine) -> str:
    return line.text if line.subject == first.subject else f"{line.subject} {line.text}"


def _with_inner(lines: Sequence[DriftLine]) -> Iterator[DriftLine]:
    """Yield lines, each joined with those of the same modules that are one or two levels further inside."""
    hosts = {line.path: number for number, line in enumerate(lines) if _is_host(line)}
    inner: dict[int, list[int]] = {}
    taken: set[int] = set()
    for number, line in sorted(enumerate(lines), key=lambda one: one[1].path.count(".")):
        above = line.path.rpartition(".")[0]
        host = hosts.get(above, hosts.get(above.rpartition(".")[0]))
        if host is None or host in taken or not (_is_host(line) or _comes_with_class(line, lines[host])):
            continue
        found = [lines[other] for other in (host, *inner.get(host, ()), number)]
        if sum(len(one.parts) or 1 for one in found) <= MAX_PARTS:
            inner.setdefault(host, []).append(number)
            taken.add(number)
    for number, line in enumerate(lines):
        below = [lines[other] for other in inner.get(number, ())]
        if below:
            texts = [f"{one.path[len(line.path) + 1 :]} {_VERBS[one.kind]}{one.text}" for one in below]
            yield _join([line, *below], [line.text, *texts])
        elif number not in taken:
            yield line


def _with_sizes(lines: Sequence[DriftLine]) -> Iterator[DriftLine]:
    """Yield lines; that of added modules has the size that follows from their number, as that of a router does."""
    sized = {line.path.rpartition(".")[0]: line for line in lines if line.topic == "shape"}
    caused: dict[int, DriftLine] = {}
    for number, line in enumerate(lines):
        container, _, numbers = line.path.rpartition(".")
        size = sized.get(container.rpartition(".")[0])
        if line.kind == "changed" or size is None or not container:
            continue
        count = _number_of(numbers) if line.kind == "added" else -_number_of(numbers)
        if count and _growths(size) == {count}:
            caused[number] = size
    repeated = set(map(id, caused.values()))
    for number, line in enumerate(lines):
        if (size := caused.get(number)) is not None:
            yield _join([line, size], [line.text, f"{size.path.rpartition('.')[2]} {size.text}"])
        elif id(line) not in repeated:
            yield line


def _number_of(numbers: str) -> int:
    """Return how many numbers a label such as `8-15` represents; 0 for another one."""
    found = 0
    for run in numbers.split(","):
        first, _, last = run.partition("-")
        if not (first.isdecimal() and (last or first).isdecimal()):
            return 0
        found += int(last or first) - int(first) + 1
    return found


def _growths(line: DriftLine) -> set[int]:
    """Return by how much each size in a change of shape grew."""
    old, new = ([int(size) for size in re.findall(r"\d+", text)] for text in (line.before, line.after))
    return {is_now - was for was, is_now in zip(old, new, strict=False) if was != is_now}


def _is_host(line: DriftLine) -> bool:
    return bool(line.path) and not line.tensors and not line.subject and _is_joinable(line)


def _comes_with_class(line: DriftLine, host: DriftLine) -> bool:
    """Return whether a module was added to or removed from one that has another class now."""
    topics = {host.topic, *(part.topic for part in host.parts)}
    return line.kind != "changed" and not line.subject and "class" in topics


def _is_joinable(line: DriftLine) -> bool:
    return line.kind == "changed" and line.was is None and line.topic not in _ALONE


def _join(lines: Sequence[DriftLine], texts: Sequence[str]) -> DriftLine:
    parts = [part for line in lines for part in line.parts or (_part(line),)]
    first = lines[0]
    return msgspec.structs.replace(
        first, text=", ".join(texts), impact=most_serious(lines), before="", after="", topic="", parts=tuple(parts)
    )


def _part(line: DriftLine) -> Part:
    return Part(line.text, line.impact, line.topic, line.before, line.after)
