"""The models of packages/models in PyTorch, by other hands where there are any: ImageNet's ResNets, MobileNetV2
and the vision transformer are torchvision's; the rest is bench/peer's."""

import sys
from pathlib import Path

import torch.nn as nn
import torchvision.models as vision

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench" / "peer"))
import zoo  # noqa: E402

CLASSES = 100
RESNETS = {
    "resnet18_imagenet": vision.resnet18,
    "resnet34_imagenet": vision.resnet34,
    "resnet50_imagenet": vision.resnet50,
}


def deit(size, patch):
    shape = {"num_layers": 12, "num_heads": 3, "hidden_dim": 192, "mlp_dim": 768}
    model = vision.VisionTransformer(image_size=size, patch_size=patch, num_classes=CLASSES, **shape)
    # torchvision begins with a head of zeros; all weights are set anyway.
    return model


class MobileNetV1(nn.Module):
    """Table 1 of arXiv 1704.04861, with the names of the distillation literature."""

    def __init__(self):
        super().__init__()

        def norm(o):
            return [nn.BatchNorm2d(o), nn.ReLU()]

        layers, i = [nn.Sequential(nn.Conv2d(3, 32, 3, 2, 1, bias=False), *norm(32))], 32
        pairs = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
        for o, stride in pairs:
            depthwise = nn.Conv2d(i, i, 3, stride, 1, groups=i, bias=False)
            layers.append(nn.Sequential(depthwise, *norm(i), nn.Conv2d(i, o, 1, bias=False), *norm(o)))
            i = o
        self.model, self.fc = nn.Sequential(*layers), nn.Linear(i, CLASSES)

    def forward(self, x):
        return self.fc(self.model(x).mean((2, 3)))


def make(name):
    """The model that packages/models/src/zoo/registry.ts calls `name`, for 100 classes."""
    if name in RESNETS:
        return RESNETS[name](num_classes=CLASSES)
    if name.startswith("deit_tiny"):
        return deit(image_size(name), int(name.split("_")[2].removeprefix("patch")))
    if name == "mobilenet_v2_imagenet":
        return vision.mobilenet_v2(num_classes=CLASSES, dropout=0.0)
    if name == "mobilenet_v1_imagenet":
        return MobileNetV1()
    return zoo.make(name, CLASSES)


def image_size(name):
    """What a model is tried with: 64 pixels are enough for every layer of an ImageNet network."""
    if name.startswith("deit_tiny"):
        return int(name.split("_")[-1])
    return 64 if name.endswith("_imagenet") else 32


# torchvision's names of a vision transformer, and timm's, which packages/models has.
TIMM = {
    "class_token": "cls_token",
    "conv_proj": "patch_embed.proj",
    "encoder.pos_embedding": "pos_embed",
    "encoder.layers.encoder_layer_": "blocks.",
    "encoder.ln": "norm",
    "ln_1": "norm1",
    "ln_2": "norm2",
    "self_attention.in_proj_": "attn.qkv.",
    "self_attention.out_proj": "attn.proj",
    "mlp.0": "mlp.fc1",
    "mlp.3": "mlp.fc2",
    "heads.head": "head",
}


def our_name(model, name):
    """The name that packages/models has for a tensor of `model`."""
    if isinstance(model, vision.VisionTransformer):
        for theirs, ours in TIMM.items():
            name = name.replace(theirs, ours)
    return name
