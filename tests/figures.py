"""Figures for tests, from edge lists: a dotted path is in the frames of the modules above."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from edge_lists import parse_edge_list

from bmvis.render.html.figure import to_figure
from bmvis.view.figure.figure import Box, Edge, Figure, Frame
from bmvis.view.figure.layout.checked_drawing import draw
from bmvis.view.figure.layout.drawing import DrawnFigure

EDGE_LISTS: Mapping[str, str] = {
    "resnet": "in:x > conv1; conv1 > bn1; bn1 > relu; relu > maxpool; maxpool > layer1.0..x2; layer1.0..x2 > layer2.0; "
    "layer2.0 > layer2.1; layer2.1 > avgpool; avgpool > fc; fc > out:output",
    "downsample": "in:x > l.conv1; l.conv1 > l.bn1; l.bn1 > l.conv2; l.conv2 > (+)l; in:x > l.downsample.0; "
    "l.downsample.0 > l.downsample.1; l.downsample.1 > (+)l; (+)l > l.relu; l.relu > out:y",
    "unet": "in:x > inc; inc > down1; down1 > down2; down2 > down3; down3 > down4; down4 > up1; down3 > up1; "
    "up1 > up2; down2 > up2; up2 > up3; down1 > up3; up3 > up4; inc > up4; up4 > outc; outc > out:output",
    "unet blocks": "in:x > inc.net; inc.net > down1.pool; down1.pool > down1.conv; down1.conv > down2.pool; "
    "down2.pool > down2.conv; down2.conv > up1.up; down1.conv > (concat)up1; up1.up > (concat)up1; "
    "(concat)up1 > up1.conv; up1.conv > up2.up; inc.net > (concat)up2; up2.up > (concat)up2; "
    "(concat)up2 > up2.conv; up2.conv > outc; outc > out:output",
    "siamese": "in:a > encoder#1; in:b > encoder#2; encoder#1 > (−)root; encoder#2 > (−)root; (−)root > head; "
    "head > out:output",
    "experts": "in:x > emb; emb > layers.norm; layers.norm > layers.gate; layers.norm > layers.experts.0..x4; "
    "emb > (× +)layers; layers.experts.0..x4 > (× +)layers; layers.gate > (× +)layers; (× +)layers > head; "
    "head > out:output",
    "bert": "in:input_ids > embeddings.word; embeddings.position > (+)embeddings; embeddings.word > (+)embeddings; "
    "embeddings.type > (+)embeddings; (+)embeddings > embeddings.norm; embeddings.norm > encoder.layer.0..x12; "
    "encoder.layer.0..x12 > pooler.dense; pooler.dense > pooler.activation; "
    "encoder.layer.0..x12 > out:last_hidden_state; pooler.activation > out:pooler_output",
    "llama": "in:input_ids > model.embed_tokens; model.embed_tokens > model.layers.0..x32; "
    "model.rotary_emb > model.layers.0..x32; model.layers.0..x32 > model.norm; model.norm > lm_head; "
    "lm_head > out:logits",
    "llama layer": "in:x > model.embed; model.embed > model.layers.norm; model.layers.norm > model.layers.attn.q; "
    "model.layers.norm > model.layers.attn.k; model.layers.norm > model.layers.attn.v; "
    "model.layers.attn.q > (attention)model.layers.attn; model.layers.attn.k > (attention)model.layers.attn; "
    "model.layers.attn.v > (attention)model.layers.attn; model.rotary > (attention)model.layers.attn; "
    "(attention)model.layers.attn > model.layers.attn.o; model.layers.attn.o > (+)model.layers; "
    "model.embed > (+)model.layers; (+)model.layers > model.norm; model.norm > out:y",
    "t5": "in:ids > encoder.embed; encoder.embed > encoder.block.0; encoder.block.0 > encoder.block.1..x5; "
    "encoder.block.1..x5 > encoder.norm; in:decoder_ids > decoder.embed; decoder.embed > decoder.block.0; "
    "encoder.norm > decoder.block.0; decoder.block.0 > decoder.block.1..x5; encoder.norm > decoder.block.1..x5; "
    "decoder.block.1..x5 > decoder.norm; decoder.norm > lm_head; lm_head > out:logits; "
    "encoder.norm > out:encoder_last_hidden_state",
    "fpn": "in:x > encoder.conv1; encoder.conv1 > encoder.layer1; encoder.layer1 > encoder.layer2; "
    "encoder.layer2 > encoder.layer3; encoder.layer3 > encoder.layer4; encoder.layer4 > decoder.p5; "
    "decoder.p5 > decoder.p4; encoder.layer3 > decoder.p4; decoder.p4 > decoder.p3; encoder.layer2 > decoder.p3; "
    "decoder.p3 > decoder.p2; encoder.layer1 > decoder.p2; decoder.p5 > decoder.seg0; decoder.p4 > decoder.seg1; "
    "decoder.p3 > decoder.seg2; decoder.p2 > decoder.seg3; decoder.seg0 > decoder.merge; decoder.seg1 > decoder.merge; "
    "decoder.seg2 > decoder.merge; decoder.seg3 > decoder.merge; decoder.merge > head.conv; head.conv > out:output",
    "clip": "in:pixels > vision.embeddings; vision.embeddings > vision.layers.0..x12; "
    "vision.layers.0..x12 > vision.norm; vision.norm > visual; in:ids > text.token; text.token > (+)text; "
    "text.position > (+)text; (+)text > text.layers.0..x12; text.layers.0..x12 > text.norm; text.norm > textual; "
    "visual > (matmul)root; textual > (matmul)root; (matmul)root > out:per_image; (matmul)root > out:per_text; "
    "textual > out:text_embeds; visual > out:image_embeds",
    "hrnet": "in:x > stem; stem > t0; stem > t1; t0 > a0; t1 > a1; a0 > f00; a0 > f01; a1 > f10; a1 > f11; "
    "f00 > (+)root; f10 > (+)root; f01 > (+)root~2; f11 > (+)root~2; (+)root > b0; (+)root~2 > b1; (+)root~2 > b2; "
    "b0 > (+)root~3; b1 > (+)root~3; b2 > (+)root~3; b0 > (+)root~4; b1 > (+)root~4; b2 > (+)root~4; "
    "(+)root~3 > (concat)root; (+)root~4 > (concat)root; (concat)root > out:y",
    "inception": "in:x > stem; stem > m.b1; stem > m.b2.0; m.b2.0 > m.b2.1; stem > m.b3; stem > m.pool; m.pool > m.b4; "
    "m.b1 > (concat)m; m.b2.1 > (concat)m; m.b3 > (concat)m; m.b4 > (concat)m; (concat)m > fc; fc > out:y",
    "densenet": "in:x > c0; c0 > l1; c0 > l2; l1 > l2; c0 > l3; l1 > l3; l2 > l3; c0 > l4; l1 > l4; l2 > l4; l3 > l4; "
    "c0 > t; l1 > t; l2 > t; l3 > t; l4 > t; t > out:y",
    "heads": "in:x > backbone; backbone > neck; neck > cls1; cls1 > cls2; neck > box1; box1 > box2; neck > mask; "
    "cls2 > out:scores; box2 > out:boxes; mask > out:masks; neck > out:features",
    "cycle of frames": "in:x > a.one; a.one > b.one; b.one > a.two; a.two > b.two; b.two > out:y",
    "lstm": "in:src > encoder.embedding; encoder.embedding > encoder.rnn; encoder.rnn > decoder.attention; "
    "encoder.rnn > decoder.rnn; in:tgt > decoder.embedding; decoder.embedding > (concat)decoder; "
    "decoder.attention > (concat)decoder; (concat)decoder > decoder.rnn; decoder.rnn > decoder.fc; "
    "decoder.fc > out:y; decoder.rnn > out:h",
    "detr": "in:x > backbone; backbone > projection; backbone > position; projection > encoder.layers.0..x6; "
    "position > encoder.layers.0..x6; encoder.layers.0..x6 > decoder.layers.0..x6; "
    "position > decoder.layers.0..x6; query > decoder.layers.0..x6; decoder.layers.0..x6 > decoder.norm; "
    "decoder.norm > classes; decoder.norm > bbox; classes > out:logits; bbox > out:boxes; "
    "encoder.layers.0..x6 > out:encoded",
    "no edges out": "in:x > a; a > b",
}
"""Trunks with skips, and figures that are more difficult."""


def framed(text: str, *, repeats: int = 1) -> Figure:
    """Return the figure of an edge list, with a frame for each module above a box, and shapes."""
    figure = parse_edge_list(text)
    boxes = tuple(_named(box) for box in figure.boxes)
    edges = tuple(Edge(edge.source, edge.target, (1, 8, 16 * len(edge.source))) for edge in figure.edges)
    return Figure(boxes, edges, _frames("", boxes, repeats), "x: float32[1, 8]", 2)


def _named(box: Box) -> Box:
    if box.kind != "module":
        return box
    return msgspec.structs.replace(box, label=box.label.rpartition(".")[2], type_name="BasicBlock")


def _parent(box: Box) -> str:
    if box.kind == "join":
        return box.path or ""
    return (box.path or "").rpartition(".")[0] if box.kind == "module" else ""


def _frames(prefix: str, boxes: tuple[Box, ...], repeats: int) -> tuple[Frame, ...]:
    dotted = f"{prefix}." if prefix else ""
    below = [_parent(box) for box in boxes if _parent(box).startswith(dotted) and _parent(box) != prefix]
    paths = dict.fromkeys(dotted + path.removeprefix(dotted).partition(".")[0] for path in below)
    found = []
    for path in paths:
        own = tuple(box.key for box in boxes if _parent(box) == path)
        label = path.rpartition(".")[2]
        found.append(Frame(label, path, label.title(), repeats, own, _frames(path, boxes, repeats)))
    return tuple(found)


def figure_html(figure: Figure, anchor: str = "m", *, is_drawn: bool = True) -> str:
    drawing = draw(figure) if is_drawn else None
    assert (drawing is not None) == is_drawn
    return to_figure(DrawnFigure(figure, drawing), anchor, lambda path: f"#{anchor}.{path}", "Net")
