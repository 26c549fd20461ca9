"""`make figures`: draw and check 59 architectures at four levels: `python tests/drawings [NAME...]`.

Each drawing must have no fault. At most a tenth may be closed to one box or to the list of connections. `results.txt`
has the number of boxes, the size, and the milliseconds of each drawing.
"""

from __future__ import annotations

import gzip
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bmvis.errors import BmvisError
from bmvis.model.tree import Model
from bmvis.options.definitions import Options
from bmvis.render.html.figure import to_figure
from bmvis.source.source import Source
from bmvis.view.figure.choice import drawn_figure
from bmvis.view.figure.layout.geometry_check import faults
from bmvis.view.figure.levels import figure_size
from bmvis.worker.protocol import ModelRequest

HERE = Path(__file__).parent
IMAGE = "float32[1, 3, 224, 224]"
FEW = "num_hidden_layers=4"
MODELS: dict[str, tuple[str, str]] = {
    **{
        name: (f"drawn_zoo:library({text})", inputs)
        for name, text, inputs in (
            ("bert", "'BertModel'", ""),
            ("albert", "'AlbertModel'", ""),
            ("deberta", f"'DebertaV2Model', {FEW}", ""),
            ("funnel", "'FunnelModel'", ""),
            ("gpt2", "'GPT2LMHeadModel', 'GPT2Config'", ""),
            ("gpt-neox", f"'GPTNeoXForCausalLM', {FEW}", ""),
            ("bloom", "'BloomForCausalLM'", ""),
            ("falcon", "'FalconForCausalLM', num_hidden_layers=3", ""),
            ("llama", "'LlamaForCausalLM'", ""),
            ("gemma", f"'Gemma2ForCausalLM', {FEW}", ""),
            ("mixtral", f"'MixtralForCausalLM', {FEW}", ""),
            ("qwen-moe", f"'Qwen2MoeForCausalLM', {FEW}", ""),
            ("mamba", f"'MambaForCausalLM', {FEW}", ""),
            ("t5", "'T5ForConditionalGeneration'", ""),
            ("bart", "'BartModel'", ""),
            ("whisper", "'WhisperModel'", ""),
            ("wav2vec2", "'Wav2Vec2Model'", ""),
            ("vit", "'ViTForImageClassification'", ""),
            ("swin", "'SwinModel'", ""),
            ("convnext", "'ConvNextForImageClassification'", ""),
            ("mobilenet", "'MobileNetV2ForImageClassification'", ""),
            ("resnet50", "'ResNetForImageClassification'", ""),
            ("regnet", "'RegNetForImageClassification'", ""),
            ("efficientnet", "'EfficientNetForImageClassification'", IMAGE),
            ("pvt", "'PvtV2ForImageClassification'", "pixel_values: " + IMAGE),
            ("levit", "'LevitForImageClassification'", ""),
            ("cvt", "'CvtForImageClassification'", IMAGE),
            ("segformer", "'SegformerForSemanticSegmentation'", "float32[1, 3, 512, 512]"),
            ("glpn", "'GLPNForDepthEstimation'", "float32[1, 3, 480, 480]"),
            ("dpt", "'DPTForDepthEstimation'", "float32[1, 3, 384, 384]"),
            ("yolos", "'YolosForObjectDetection'", ""),
            ("timesformer", "'TimesformerModel'", "float32[1, 8, 3, 224, 224]"),
            ("clip", "'CLIPModel'", "input_ids: int64[1, 8]; pixel_values: float32[1, 3, 224, 224]"),
            ("xlnet", "'XLNetModel', n_layer=4", ""),
            ("perceiver", "'PerceiverForMaskedLM', num_self_attends_per_block=4", "int64[1, 2048]"),
            ("encodec", "'EncodecModel'", "float32[1, 1, 24000]"),
            ("superpoint", "'SuperPointForKeypointDetection'", "float32[1, 3, 240, 320]"),
            ("vits", "'VitsModel'", "int64[1, 16]"),
            ("maskformer", "'MaskFormerModel', 'MaskFormerConfig'", "float32[1, 3, 384, 384]"),
            ("blip", "'BlipForConditionalGeneration'", "input_ids: int64[1, 8]; pixel_values: float32[1, 3, 384, 384]"),
        )
    },
    "detr": ("drawn_zoo:detr()", "float32[1, 3, 800, 800]"),
    "upernet": ("drawn_zoo:upernet()", "float32[1, 3, 512, 512]"),
    **{name: (f"drawn_zoo:timm({name!r})", IMAGE) for name in ("densenet121", "hrnet_w18", "mobilenetv3_large_100")},
    "inception_v3": ("drawn_zoo:timm('inception_v3')", "float32[1, 3, 299, 299]"),
    **{
        name: (f"drawn_zoo:torchvision({name!r})", IMAGE)
        for name in ("googlenet", "shufflenet_v2_x1_0", "squeezenet1_0")
    },
    "deeplab": ("drawn_zoo:torchvision('deeplabv3_resnet50')", IMAGE),
    "transformer": ("torch.nn:Transformer(16, 2, 2, 2, 32, batch_first=True)", "float32[1, 8, 16]; float32[1, 6, 16]"),
    "resnet18": ("drawn_networks:ResNet18", IMAGE),
    "unet": ("drawn_networks:UNet", "float32[1, 3, 64, 64]"),
    "attention unet": ("drawn_zoo:AttentionUNet", "float32[1, 3, 64, 64]"),
    "siamese": ("drawn_networks:Siamese", "float32[2, 32]; float32[2, 32]"),
    "experts": ("drawn_networks:MixtureOfExperts", "int64[1, 8]"),
    "gan": ("drawn_zoo:GAN", "float32[1, 100, 2, 2]; float32[1, 3, 64, 64]"),
    "lstm": ("drawn_zoo:Translator", "int64[1, 8]; int64[1, 6]"),
    "pyramid": ("drawn_zoo:Pyramid", "float32[1, 3, 64, 64]"),
}
LEVELS = ("auto", 1, 2, 3)
MOST_BYTES, MOST_GZIPPED = 12 * 1024, 2560
"""Targets for the SVG of the level `auto`."""
MOST_CLOSED = 0.1


class Drawing(NamedTuple):
    """One drawing, measured."""

    text: str
    problems: tuple[str, ...]
    is_closed: bool
    milliseconds: float


def main(names: list[str]) -> int:
    """Draw the figures, write the results, and return the exit code."""
    lines: list[str] = []
    found: list[Drawing] = []
    failed: list[str] = []
    with Source(HERE, path=[".", ".."]) as source:
        for name in names or MODELS:
            reference, inputs = MODELS[name]
            try:
                model = source.answer(ModelRequest(reference, inputs=inputs, figure=True)).model
            except BmvisError as error:
                print(f"{name}: {error.report}")
                failed.append(name)
                continue
            own = list(_drawings(model))
            lines.append(f"{name:22} {' | '.join(one.text for one in own)}")
            print(lines[-1], *(problem for one in own for problem in one.problems), sep="\n  ", flush=True)
            found += own
    closed = sum(one.is_closed for one in found)
    problems = sum(len(one.problems) for one in found)
    slowest = max(one.milliseconds for one in found)
    lines.append(f"{len(found)} drawings, {problems} problems, {closed} closed; the slowest took {slowest:.0f} ms")
    print(lines[-1])
    if not names:
        (HERE / "results.txt").write_text("\n".join([*lines, ""]), encoding="utf-8")
    return 1 if failed or problems or closed > MOST_CLOSED * len(found) else 0


def _drawings(model: Model) -> Iterator[Drawing]:
    """Yield the drawing of each level."""
    for level in LEVELS:
        start = time.process_time()
        drawn, warnings = drawn_figure(model, Options(flow=level))
        if drawn is None:
            problem = model.untraced or model.undrawn
            reasons = [problem.message] if problem else [one.report for one in warnings]
            yield Drawing(f"{level}: none", tuple(reasons), True, 0.0)
            continue
        html = to_figure(drawn, "m", lambda path: f"#m.{path}", model.root.type)
        milliseconds = (time.process_time() - start) * 1000
        svg = html[html.find("<svg") : html.find("</svg>") + 6].encode()
        packed = len(gzip.compress(svg))
        problems = list(faults(drawn.drawing)) if drawn.drawing else []
        if level == "auto" and (len(svg) > MOST_BYTES or packed > MOST_GZIPPED):
            problems.append(f"the SVG of auto has {len(svg):,} bytes, gzipped {packed:,}")
        shown = f"{drawn.drawing.width}x{drawn.drawing.height}" if drawn.drawing else "list"
        boxes = figure_size(drawn.figure)
        text = f"{level}={drawn.figure.level}: {boxes} {shown} {len(svg)}/{packed} B {milliseconds:.0f} ms"
        yield Drawing(text, tuple(problems), drawn.drawing is None or boxes < 2, milliseconds)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
