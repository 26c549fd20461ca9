"""The settings of a module are what its class and its tensors do not imply."""

from torch import nn

from bmvis import capture


def settings(module: nn.Module) -> dict[str, str]:
    return capture(nn.Sequential(module)).modules[1].settings or {}


def test_attributes_that_a_class_implies_are_no_settings() -> None:
    assert settings(nn.LSTM(4, 8, num_layers=2)).keys().isdisjoint({"mode", "hidden_size"})
    assert settings(nn.ConvTranspose2d(4, 8, 3, stride=2)).keys().isdisjoint({"transposed"})


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.hidden_size, self.head_dim, self.mode, self.transposed = 64, 16, "fused", False


def test_attributes_with_the_same_names_in_other_classes_are_settings() -> None:
    expected = {"hidden_size": "64", "head_dim": "16", "mode": "fused", "transposed": "False"}
    assert settings(Attention()) == expected
