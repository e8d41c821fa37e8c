"""The models of packages/models in PyTorch, with the same state_dict names: the peer of the benchmarks
and checks. Written for them in a few lines each; nothing here is part of mcld."""

import torch
import torch.nn as nn
import torch.nn.functional as F


def relu(x):
    return F.relu(x)


def conv(i, o, k, s=1, p=0, g=1, bias=False):
    return nn.Conv2d(i, o, k, s, p, groups=g, bias=bias)


class Block(nn.Module):
    def __init__(self, i, width, stride, bottleneck, shortcut):
        super().__init__()
        shapes = [(i, width, 1, 1), (width, width, 3, stride), (width, width * 4, 1, 1)]
        shapes = shapes if bottleneck else [(i, width, 3, stride), (width, width, 3, 1)]
        self.count = len(shapes)
        for n, (a, b, k, s) in enumerate(shapes, 1):
            setattr(self, f"conv{n}", conv(a, b, k, s, k // 2))
            setattr(self, f"bn{n}", nn.BatchNorm2d(b))
        out = shapes[-1][1]
        self.short = None
        if stride != 1 or i != out:
            self.short = shortcut
            setattr(self, shortcut, nn.Sequential(conv(i, out, 1, stride), nn.BatchNorm2d(out)))

    def forward(self, x):
        y = x
        for n in range(1, self.count + 1):
            y = getattr(self, f"bn{n}")(getattr(self, f"conv{n}")(y))
            y = relu(y) if n < self.count else y
        return relu(y + (getattr(self, self.short)(x) if self.short else x))


class ResNet(nn.Module):
    def __init__(self, stem, stages, classes, bottleneck=False, shortcut="downsample", head="fc", imagenet=False):
        super().__init__()
        self.conv1 = conv(3, stem, 7, 2, 3) if imagenet else conv(3, stem, 3, 1, 1)
        self.bn1 = nn.BatchNorm2d(stem)
        self.pool = nn.MaxPool2d(3, 2, 1) if imagenet else nn.Identity()
        i, self.stages, self.head = stem, len(stages), head
        for s, (width, blocks) in enumerate(stages):
            layers = []
            for b in range(blocks):
                layers.append(Block(i, width, 2 if s and not b else 1, bottleneck, shortcut))
                i = width * (4 if bottleneck else 1)
            setattr(self, f"layer{s + 1}", nn.Sequential(*layers))
        setattr(self, head, nn.Linear(i, classes))

    def features(self, x):
        x = self.pool(relu(self.bn1(self.conv1(x))))
        for s in range(self.stages):
            x = getattr(self, f"layer{s + 1}")(x)
        return x.mean((2, 3))

    def forward(self, x):
        return getattr(self, self.head)(self.features(x))


class WideBlock(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(i), conv(i, o, 3, stride, 1)
        self.bn2, self.conv2 = nn.BatchNorm2d(o), conv(o, o, 3, 1, 1)
        self.convShortcut = conv(i, o, 1, stride) if i != o else None

    def forward(self, x):
        a = relu(self.bn1(x))
        y = self.conv2(relu(self.bn2(self.conv1(a))))
        return (self.convShortcut(a) if self.convShortcut else x) + y


class Stage(nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.layer = nn.Sequential(*layers)

    def forward(self, x):
        return self.layer(x)


class WideResNet(nn.Module):
    def __init__(self, depth, widen, classes):
        super().__init__()
        n, i = (depth - 4) // 6, 16
        self.conv1 = conv(3, 16, 3, 1, 1)
        for s, w in enumerate((16, 32, 64)):
            layers = []
            for b in range(n):
                layers.append(WideBlock(i, w * widen, 2 if s and not b else 1))
                i = w * widen
            setattr(self, f"block{s + 1}", Stage(layers))
        self.bn1, self.fc = nn.BatchNorm2d(i), nn.Linear(i, classes)

    def features(self, x):
        x = self.block1(self.conv1(x))
        # The reference code evaluates the norms after a stage once more: their statistics move twice.
        if self.training:
            self.block2.layer[0].bn1(x)
        x = self.block2(x)
        if self.training:
            self.block3.layer[0].bn1(x)
        x = self.block3(x)
        if self.training:
            self.bn1(x)
        return relu(self.bn1(x)).mean((2, 3))

    def forward(self, x):
        return self.fc(self.features(x))


class VGG(nn.Module):
    def __init__(self, convolutions, classes):
        super().__init__()
        i = 3
        for b, o in enumerate((64, 128, 256, 512, 512)):
            layers = []
            for _ in range(convolutions[b]):
                layers += [conv(i, o, 3, 1, 1, bias=True), nn.BatchNorm2d(o), nn.ReLU()]
                i = o
            setattr(self, f"block{b}", nn.Sequential(*layers))
        self.classifier = nn.Linear(512, classes)

    def features(self, x):
        for b in range(5):
            x = getattr(self, f"block{b}")(x)
            x = F.max_pool2d(x, 2, 2) if b < 3 else x
        return x.mean((2, 3))

    def forward(self, x):
        return self.classifier(self.features(x))


class Inverted(nn.Module):
    def __init__(self, i, o, stride, expand):
        super().__init__()
        h, self.adds = i * expand, stride == 1 and i == o
        self.conv = nn.Sequential(
            conv(i, h, 1), nn.BatchNorm2d(h), nn.ReLU(),
            conv(h, h, 3, stride, 1, h), nn.BatchNorm2d(h), nn.ReLU(),
            conv(h, o, 1), nn.BatchNorm2d(o),
        )  # fmt: skip

    def forward(self, x):
        return x + self.conv(x) if self.adds else self.conv(x)


class MobileNetV2(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.conv1 = nn.Sequential(conv(3, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU())
        stages, i = [], 16
        for s, (o, n, stride) in enumerate(
            ((8, 1, 1), (12, 2, 1), (16, 3, 2), (32, 4, 2), (48, 3, 1), (80, 3, 2), (160, 1, 1))
        ):
            layers = []
            for b in range(n):
                layers.append(Inverted(i, o, stride if not b else 1, 6 if s else 1))
                i = o
            stages.append(nn.Sequential(*layers))
        self.blocks = nn.ModuleList(stages)
        self.conv2 = nn.Sequential(conv(i, 1280, 1), nn.BatchNorm2d(1280), nn.ReLU())
        self.classifier = nn.Sequential(nn.Linear(1280, classes))

    def features(self, x):
        x = self.conv1(x)
        for stage in self.blocks:
            x = stage(x)
        return self.conv2(x).mean((2, 3))

    def forward(self, x):
        return self.classifier(self.features(x))


def shuffle(x, groups):
    b, c, h, w = x.shape
    return x.reshape(b, groups, c // groups, h, w).transpose(1, 2).reshape(b, c, h, w)


class Shuffle1Block(nn.Module):
    def __init__(self, i, width, stride, groups):
        super().__init__()
        o = width - i if stride == 2 else width
        h, self.stride, self.groups = o // 4, stride, groups
        self.conv1, self.bn1 = conv(i, h, 1, g=groups), nn.BatchNorm2d(h)
        self.conv2, self.bn2 = conv(h, h, 3, stride, 1, h), nn.BatchNorm2d(h)
        self.conv3, self.bn3 = conv(h, o, 1, g=3), nn.BatchNorm2d(o)

    def forward(self, x):
        y = shuffle(relu(self.bn1(self.conv1(x))), self.groups)
        y = self.bn3(self.conv3(relu(self.bn2(self.conv2(y)))))
        return relu(torch.cat([y, F.avg_pool2d(x, 3, 2, 1)], 1) if self.stride == 2 else y + x)


class ShuffleV1(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.conv1, self.bn1, i = conv(3, 24, 1), nn.BatchNorm2d(24), 24
        for s, (o, n) in enumerate(((240, 4), (480, 8), (960, 4))):
            layers = []
            for b in range(n):
                layers.append(Shuffle1Block(i, o, 1 if b else 2, 3 if s or b else 1))
                i = o
            setattr(self, f"layer{s + 1}", nn.Sequential(*layers))
        self.linear = nn.Linear(960, classes)

    def features(self, x):
        x = relu(self.bn1(self.conv1(x)))
        return self.layer3(self.layer2(self.layer1(x))).mean((2, 3))

    def forward(self, x):
        return self.linear(self.features(x))


class SplitBlock(nn.Module):
    def __init__(self, c):
        super().__init__()
        h = c // 2
        for n, layer in enumerate((conv(h, h, 1), conv(h, h, 3, 1, 1, h), conv(h, h, 1)), 1):
            setattr(self, f"conv{n}", layer)
            setattr(self, f"bn{n}", nn.BatchNorm2d(h))

    def forward(self, x):
        a, y = x.chunk(2, 1)
        y = self.bn2(self.conv2(relu(self.bn1(self.conv1(y)))))
        return shuffle(torch.cat([a, relu(self.bn3(self.conv3(y)))], 1), 2)


class DownBlock(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        h = o // 2
        layers = (conv(i, i, 3, 2, 1, i), conv(i, h, 1), conv(i, h, 1), conv(h, h, 3, 2, 1, h), conv(h, h, 1))
        for n, layer in enumerate(layers, 1):
            setattr(self, f"conv{n}", layer)
            setattr(self, f"bn{n}", nn.BatchNorm2d(layer.out_channels))

    def forward(self, x):
        left = relu(self.bn2(self.conv2(self.bn1(self.conv1(x)))))
        right = self.bn4(self.conv4(relu(self.bn3(self.conv3(x)))))
        return shuffle(torch.cat([left, relu(self.bn5(self.conv5(right)))], 1), 2)


class ShuffleV2(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.conv1, self.bn1, i = conv(3, 24, 1), nn.BatchNorm2d(24), 24
        for s, (o, n) in enumerate(((116, 3), (232, 7), (464, 3))):
            setattr(self, f"layer{s + 1}", nn.Sequential(DownBlock(i, o), *[SplitBlock(o) for _ in range(n)]))
            i = o
        self.conv2, self.bn2 = conv(464, 1024, 1), nn.BatchNorm2d(1024)
        self.linear = nn.Linear(1024, classes)

    def features(self, x):
        x = relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return relu(self.bn2(self.conv2(x))).mean((2, 3))

    def forward(self, x):
        return self.linear(self.features(x))


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        b, n, c = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, n, c))


class Mlp(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class TransformerBlock(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.norm1, self.attn = nn.LayerNorm(width, 1e-6), Attention(width, heads)
        self.norm2, self.mlp = nn.LayerNorm(width, 1e-6), Mlp(width)

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Patches(nn.Module):
    def __init__(self, width, patch):
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, patch)

    def forward(self, x):
        return self.proj(x).flatten(2).transpose(1, 2)


class VisionTransformer(nn.Module):
    def __init__(self, size, patch, classes, width=192, depth=12, heads=3):
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, (size // patch) ** 2 + 1, width))
        self.patch_embed = Patches(width, patch)
        self.blocks = nn.Sequential(*[TransformerBlock(width, heads) for _ in range(depth)])
        self.norm, self.head = nn.LayerNorm(width, 1e-6), nn.Linear(width, classes)

    def features(self, x):
        x = self.patch_embed(x)
        x = torch.cat([self.cls_token.expand(x.shape[0], -1, -1), x], 1) + self.pos_embed
        return self.norm(self.blocks(x))[:, 0]

    def forward(self, x):
        return self.head(self.features(x))


NARROW, WIDE = (16, 16, 32, 64), (32, 64, 128, 256)
DEEP = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3), "resnet50": (3, 4, 6, 3)}
VGGS = {"vgg8": (1,) * 5, "vgg11": (1, 1, 2, 2, 2), "vgg13": (2,) * 5, "vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}


def make(name, classes=100):
    """The model that packages/models/src/zoo/registry.ts calls `name`."""
    if name in ("ResNet18", "ResNet50") or name.endswith("_imagenet") and name.startswith("resnet"):
        imagenet = name.endswith("_imagenet")
        blocks = DEEP[name.lower().removesuffix("_imagenet")]
        stages = tuple(zip((64, 128, 256, 512), blocks))
        names = ("downsample", "fc") if imagenet else ("shortcut", "linear")
        return ResNet(64, stages, classes, "50" in name, *names, imagenet)
    if name.startswith("resnet"):
        depth, wide = name.removeprefix("resnet"), name.endswith("x4")
        blocks = (int(depth.removesuffix("x4")) - 2) // 6
        stem, *widths = WIDE if wide else NARROW
        return ResNet(stem, tuple((w, blocks) for w in widths), classes)
    if name.startswith("wrn"):
        _, depth, widen = name.split("_")
        return WideResNet(int(depth), int(widen), classes)
    if name in VGGS:
        return VGG(VGGS[name], classes)
    if name.startswith("deit_tiny"):
        return VisionTransformer(int(name.split("_")[-1]), int(name.split("_")[2].removeprefix("patch")), classes)
    return {"MobileNetV2": MobileNetV2, "ShuffleV1": ShuffleV1, "ShuffleV2": ShuffleV2}[name](classes)
