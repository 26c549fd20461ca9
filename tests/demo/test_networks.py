"""The hand-written networks of the demo are those of their libraries, and their trees fit a page."""

import sys
from pathlib import Path

import pytest
import torch

from bmvis import capture
from bmvis.model.totals import subtree_totals
from bmvis.options.definitions import Options
from bmvis.view.layout import layout

sys.path.insert(0, str(Path(__file__).parents[2] / "demo_docs"))
from convnets import densenet201, googlenet, mobilenet_v3
from unet import stable_diffusion

sys.path.pop(0)
IMAGE = (torch.empty(1, 3, 224, 224, device="meta"),)
LATENT = tuple(torch.empty(1, *shape, device="meta") for shape in ((4, 64, 64), (320,), (77, 768)))


@pytest.mark.parametrize(
    ("build", "inputs", "parameters", "equal", "most"),
    [
        pytest.param(densenet201, IMAGE, 20_013_928, 507, 45, id="DenseNet-201 of torchvision"),
        pytest.param(googlenet, IMAGE, 6_624_904, 209, 60, id="GoogLeNet of torchvision"),
        pytest.param(mobilenet_v3, IMAGE, 5_483_032, 158, 45, id="MobileNetV3-Large of torchvision"),
        pytest.param(stable_diffusion, LATENT, 859_520_964, 282, 120, id="U-Net of Stable Diffusion 1.5 of diffusers"),
    ],
)
def test_network_has_the_parameters_of_its_library_and_few_rows(build, inputs, parameters, equal, most):
    with torch.device("meta"):
        network = build().eval()
    assert network(*inputs).shape in ((1, 1000), (1, 4, 64, 64))
    model = capture(network)
    assert subtree_totals(model)[0].count == parameters
    assert len(layout(model, Options(fold="equal")).rows) == equal
    assert len(layout(model, Options()).rows) <= most
