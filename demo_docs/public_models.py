"""Public networks of transformers, from their configurations. `convnets` and `unet` have those that it lacks."""

from __future__ import annotations

from torch import nn
from transformers import (
    AutoModel,
    CLIPConfig,
    CLIPTextConfig,
    CLIPVisionConfig,
    ConvNextConfig,
    EfficientNetConfig,
    EncodecConfig,
    LlamaConfig,
    LlamaForCausalLM,
    MambaConfig,
    MambaForCausalLM,
    Mask2FormerConfig,
    MixtralConfig,
    MixtralForCausalLM,
    MobileNetV2Config,
    PreTrainedConfig,
    ResNetConfig,
    SamConfig,
    SegformerConfig,
    SwinConfig,
    ViTConfig,
    Wav2Vec2Config,
    WhisperConfig,
)


def _model(config: PreTrainedConfig) -> nn.Module:
    return AutoModel.from_config(config)


def resnet50() -> nn.Module:
    """ResNet-50."""
    return _model(ResNetConfig())


def efficientnet_b7() -> nn.Module:
    """EfficientNet-B7."""
    return _model(EfficientNetConfig())


def mobilenet_v2() -> nn.Module:
    """MobileNetV2."""
    return _model(MobileNetV2Config())


def convnext() -> nn.Module:
    """ConvNeXt-T."""
    return _model(ConvNextConfig())


def vit() -> nn.Module:
    """ViT-B/16."""
    return _model(ViTConfig())


def swin() -> nn.Module:
    """Swin-T."""
    return _model(SwinConfig())


def segformer() -> nn.Module:
    """SegFormer-B0."""
    return _model(SegformerConfig())


def mask2former() -> nn.Module:
    """Mask2Former, with Swin-T."""
    return _model(Mask2FormerConfig())


def sam() -> nn.Module:
    """Segment Anything, with ViT-B."""
    return _model(SamConfig())


def clip() -> nn.Module:
    """CLIP, with ViT-B/32."""
    return _model(CLIPConfig(text_config=CLIPTextConfig(), vision_config=CLIPVisionConfig()))


def whisper() -> nn.Module:
    """Whisper, small."""
    each = {"layers": 12, "ffn_dim": 3072, "attention_heads": 12}
    sizes = {f"{part}_{name}": size for part in ("encoder", "decoder") for name, size in each.items()}
    return _model(WhisperConfig(d_model=768, **sizes))


def wav2vec2() -> nn.Module:
    """wav2vec 2.0, base."""
    return _model(Wav2Vec2Config())


def encodec() -> nn.Module:
    """EnCodec, for 24 kHz."""
    return _model(EncodecConfig())


def llama3() -> nn.Module:
    """Llama 3 with 8 billion parameters."""
    sizes = {"vocab_size": 128_256, "intermediate_size": 14_336, "num_key_value_heads": 8}
    return LlamaForCausalLM(LlamaConfig(**sizes))


def mixtral() -> nn.Module:
    """Mixtral 8x7B."""
    return MixtralForCausalLM(MixtralConfig())


def mamba() -> nn.Module:
    """Mamba with 130 million parameters."""
    return MambaForCausalLM(MambaConfig(num_hidden_layers=24))
