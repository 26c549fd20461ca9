"""Models with the structure of public ones, without torch: stages of blocks that differ in sizes."""

from collections.abc import Sequence

from trees import tensor

from bmvis.model.tree import Model, Module


def conv(name: str, depth: int, outer: int, inner: int, kernel: int = 1, **facts) -> Module:
    return Module(name, depth, "Conv2d", parameters=(tensor("weight", outer, inner, kernel, kernel, **facts),))


def batch_norm(name: str, depth: int, width: int) -> Module:
    return Module(name, depth, "BatchNorm2d", parameters=(tensor("weight", width), tensor("bias", width)))


def dense_layer(number: int, depth: int, width: int) -> list[Module]:
    return [
        Module(f"denselayer{number}", depth, "_DenseLayer"),
        batch_norm("norm1", depth + 1, width),
        conv("conv1", depth + 1, 128, width),
        batch_norm("norm2", depth + 1, 128),
        conv("conv2", depth + 1, 32, 128, 3),
    ]


def densenet(lengths: Sequence[int] = (6, 12, 48, 32)) -> Model:
    """Return a model like DenseNet-201."""
    modules, width = [Module("", 0, "DenseNet"), Module("features", 1, "Sequential"), conv("conv0", 2, 64, 3, 7)], 64
    for stage, length in enumerate(lengths, 1):
        modules.append(Module(f"denseblock{stage}", 2, "_DenseBlock"))
        for number in range(1, length + 1):
            modules += dense_layer(number, 3, width)
            width += 32
        modules += [Module(f"transition{stage}", 2, "_Transition"), conv("conv", 3, width // 2, width)]
        width //= 2
    return Model((*modules, Module("classifier", 1, "Linear", parameters=(tensor("weight", 1000, width),))))


def bottleneck(name: str, depth: int, inner: int, width: int, *, first: bool) -> list[Module]:
    downsample = [
        Module("downsample", depth + 1, "Sequential"),
        conv("0", depth + 2, 4 * width, inner),
        batch_norm("1", depth + 2, 4 * width),
    ]
    return [
        Module(name, depth, "Bottleneck"),
        conv("conv1", depth + 1, width, inner),
        batch_norm("bn1", depth + 1, width),
        conv("conv2", depth + 1, width, width, 3),
        batch_norm("bn2", depth + 1, width),
        conv("conv3", depth + 1, 4 * width, width),
        batch_norm("bn3", depth + 1, 4 * width),
        *(downsample if first else []),
    ]


def resnet(lengths: Sequence[int] = (3, 4, 6, 3)) -> Model:
    """Return a model like ResNet-50."""
    modules, inner = [Module("", 0, "ResNet"), conv("conv1", 1, 64, 3, 7)], 64
    for stage, length in enumerate(lengths):
        modules.append(Module(f"layer{stage + 1}", 1, "Sequential"))
        for number in range(length):
            modules += bottleneck(str(number), 2, inner, 64 * 2**stage, first=not number)
            inner = 256 * 2**stage
    return Model((*modules, Module("fc", 1, "Linear", parameters=(tensor("weight", 1000, inner),))))
