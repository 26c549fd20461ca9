"""`make rows`: count the rows of public models with the default options: `python tests/rows [LIBRARY...]`.

A model of more than `MOST` rows must be in `LONG`, with the reason, and one of many `differs` notes in `NOTED`; none
has a row of more than `LINES` lines in a terminal. `results/` has the counts and the releases.
"""

from __future__ import annotations

import io
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import torch
from rich.console import Console
from torch import nn

from bmvis import capture
from bmvis.options.definitions import Options
from bmvis.render.terminal import print_page
from bmvis.view.layout import layout
from bmvis.view.page import Page

Models = tuple[list[str], Callable[[str], nn.Module]]
"""The names of a library's models, and the function that builds one."""
MOST = 150
"""Maximum number of rows of a model without a written reason."""
ROWS_A_NOTE = 5
"""Minimum number of rows for each `differs` note of a model without a written reason."""
NOTED = {"textnet": "nearly each block has another set of branches"}
"""Models of more notes, and the reason."""
LINES = 2
"""Maximum number of lines of a row in a terminal of `COLUMNS` columns."""
COLUMNS = 100
LONG = {
    "gemma3n": "a vision model of blocks of many structures, next to a text model and an audio model",
    "hrnet_w18": "each scale is fused with each other one by a chain of convolutions of its own length",
    "pe_audio_video": "models of text, audio and video, and encoders of theirs that others have again",
    "pnasnet5large": "cells of five structures, each with branches of several sizes whose names are no series",
    "sam3_video": "a detector and a tracker, each with encoders, decoders and heads of their own",
}
"""Models of more rows, and the reason."""
WRAPPED = dict.fromkeys(
    ("edgetam_video", "openai_privacy_filter", "recurrent_gemma", "sam2_video", "sam3_tracker_video", "sam3_video"),
    "four to six tensors with long names and shapes of their own",
) | {
    "dab-detr": "two long names next to a note about a third one",
    "lightglue": "a note about two tensors of one of two layers",
    "pe_audio_video": "eight long names of tensors",
    "sequencer2d_l": "the tensors of bidirectional LSTMs at the seventh level",
}
"""Models with a row of more lines, and the reason."""
RESULTS = Path(__file__).with_name("results")
"""The folder of the results.

For each model: its rows with `fold=equal`, and by default its rows, its `differs` notes, the lines of its longest row
in a terminal, and the number of rows of several lines.
"""
_HEADING = "# equal  default  notes  lines  wrapped  model"
_FIRST_LINE = re.compile(r"[│ ]*[├└]")
"""The guides before the first line of a row. The root has none."""


def main(libraries: list[str]) -> int:
    """Count the rows, write the results, and return the exit code."""
    warnings.simplefilter("ignore")
    unexplained = []
    for library in libraries or BUILDERS:
        lines = [f"# {library} {version(library)}, torch {torch.__version__}", _HEADING]
        for name, model in _built(library):
            read = capture(model)
            page = layout(read, Options())
            equal, notes = len(layout(read, Options(fold="equal")).rows), sum(bool(row.differs) for row in page.rows)
            heights = row_heights(page)
            wrapped = sum(height > 1 for height in heights)
            lines.append(f"{equal:7} {len(page.rows):8} {notes:6} {max(heights):6} {wrapped:8}  {name}")
            if len(page.rows) > MOST and name not in LONG:
                unexplained.append(f"{library} {name}: {len(page.rows)} rows")
            if ROWS_A_NOTE * notes > len(page.rows) and name not in NOTED:
                unexplained.append(f"{library} {name}: {notes} notes in {len(page.rows)} rows")
            if max(heights) > LINES and name not in WRAPPED:
                unexplained.append(f"{library} {name}: a row of {max(heights)} lines")
            print(lines[-1], flush=True)
        (RESULTS / f"{library}.txt").write_text("\n".join([*lines, ""]), encoding="utf-8")
    print(*unexplained, sep="\n")
    return 1 if unexplained else 0


def row_heights(page: Page) -> list[int]:
    """Return the number of lines of each row in a terminal."""
    console = Console(width=COLUMNS, file=io.StringIO())
    with console.capture() as printed:
        print_page(page, console)
    heights: list[int] = []
    for line in printed.get().partition("\n\n")[0].splitlines():
        if _FIRST_LINE.match(line) or not heights:
            heights.append(1)
        else:
            heights[-1] += 1
    assert len(heights) == len(page.rows)
    return heights


def _built(library: str) -> Iterator[tuple[str, nn.Module]]:
    """Yield the models of a library that can be built on the meta device or on the CPU, without downloads."""
    names, build = BUILDERS[library]()
    for name in names:
        for device in ("meta", "cpu") if library != "transformers" else ("meta",):  # its models can be too large
            try:
                with torch.device(device):
                    model = build(name)
            except Exception as error:
                if device == "cpu" or library == "transformers":
                    print(f"# not built: {name}: {type(error).__name__}", file=sys.stderr)
                continue
            yield name, model
            break


def _define_operators() -> None:
    """Define the operators that a torchvision for another build of torch lacks. No constructor calls them."""
    if "torchvision" in sys.modules:
        return
    library = torch.library.Library("torchvision", "FRAGMENT")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _LIBRARIES.append(library)


_LIBRARIES: list[torch.library.Library] = []
"""Kept, because an operator goes with its library."""


def _torchvision() -> Models:
    _define_operators()
    import torchvision

    def build(name: str) -> nn.Module:
        backbone = {"weights_backbone": None} if name.split("_")[-1] == "fpn" or "_" in name else {}
        try:
            return torchvision.models.get_model(name, weights=None, **backbone)
        except TypeError:
            return torchvision.models.get_model(name, weights=None)

    return torchvision.models.list_models(), build


def _timm() -> Models:
    """Return the first model of each module of timm: the others differ in sizes and numbers of blocks."""
    _define_operators()
    import timm

    listed = [timm.list_models(module=module) for module in timm.list_modules()]
    return [names[0] for names in listed if names], timm.create_model


def _transformers() -> Models:
    _define_operators()  # it imports torchvision if that is installed
    from transformers import CONFIG_MAPPING, AutoModel
    from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

    return list(MODEL_MAPPING_NAMES), lambda name: AutoModel.from_config(CONFIG_MAPPING[name]())


BUILDERS = {"torchvision": _torchvision, "timm": _timm, "transformers": _transformers}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
