"""Writes reference values: PyTorch in float64, inputs by formulas, so that nothing has to be downloaded.

    golden.py FOLDER [--seed N] [NAME...]

NAME is a model of packages/models, or `losses`; by default all that stands in test/golden. See test/golden/README.md."""

import argparse
import json
import math
from pathlib import Path

import numpy as np
import reference_losses as losses
import reference_models as models
import torch
import torch.nn as nn
import torch.nn.functional as F

OWN_MODELS = (
    "deit_tiny_patch4_32",
    "deit_tiny_patch16_224",
    "resnet18_imagenet",
    "resnet34_imagenet",
    "resnet50_imagenet",
    "mobilenet_v1_imagenet",
    "mobilenet_v2_imagenet",
)


def fill(k, n, seed):
    h = np.sin(12.9898 * np.arange(n, dtype=np.float64) + 78.233 * k + 37.719 * seed) * 43758.5453
    return (2 * (h - np.floor(h)) - 1).astype(np.float32)


def scaled(name, shape, v):
    f = np.float32
    if name.endswith("running_mean"):
        return f(0.1) * v
    if name.endswith("running_var"):
        return f(1) + f(0.5) * v
    if len(shape) == 1:
        return f(1) + f(0.2) * v if name.endswith("weight") else f(0.1) * v
    return v * f(math.sqrt(6 / math.prod(shape[1:])))


def short(value):
    """Nine digits: more than any float32 shows."""
    if isinstance(value, dict):
        return {k: short(v) for k, v in value.items()}
    if isinstance(value, list):
        return [short(v) for v in value]
    return float(f"{value:.9g}") if isinstance(value, float) else value


def measured(name, batch, targets, seed, dtype, layout=torch.contiguous_format):
    """A model's logits, features, loss, gradients and statistics, with PyTorch's names."""
    model = models.make(name)
    state = model.state_dict()
    filled = [n for n in state if not n.endswith("num_batches_tracked")]
    for k, n in enumerate(filled):
        shape = tuple(state[n].shape)
        state[n] = torch.tensor(scaled(models.our_name(model, n), shape, fill(k, math.prod(shape), seed))).reshape(shape)
    model.load_state_dict(state, strict=True)
    model = model.to(dtype).to(memory_format=layout)

    size = models.image_size(name)
    x = np.float32(1.7) * fill(1000, batch * 3 * size * size, seed)
    x = torch.tensor(x).reshape(batch, 3, size, size).to(dtype).contiguous(memory_format=layout)
    features = []
    classifier = [m for m in model.modules() if isinstance(m, nn.Linear)][-1]
    classifier.register_forward_pre_hook(lambda _, inputs: features.append(inputs[0]))
    model.eval()
    with torch.no_grad():
        evaluated = model(x).flatten().tolist()
    model.train()
    logits = model(x)
    loss = F.cross_entropy(logits, torch.tensor(targets))
    loss.backward()
    after = model.state_dict()

    def ours(n):
        return models.our_name(model, n)

    return {
        "parameters": [[ours(n), list(state[n].shape)] for n in filled],
        "evalLogits": evaluated,
        "pooledFeatureNorms": features[0].norm(dim=1).tolist(),
        "trainLogits": logits.flatten().tolist(),
        "crossEntropy": loss.item(),
        "gradientNorms": {ours(n): p.grad.double().norm().item() for n, p in model.named_parameters()},
        "runningNormsAfterOneTrainForward": {n: after[n].double().norm().item() for n in filled if "running_" in n},
    }


def deviations(found, exact):
    """What the tolerances are about, each in its own measure."""

    def largest(key):
        return max(abs(a - b) for a, b in zip(found[key], exact[key])) / max(map(abs, exact[key]))

    gradients, norms = exact["gradientNorms"], exact["runningNormsAfterOneTrainForward"]
    moved = found["runningNormsAfterOneTrainForward"]
    return {
        "evalLogits": largest("evalLogits"),
        "trainLogits": largest("trainLogits"),
        "crossEntropy": abs(found["crossEntropy"] - exact["crossEntropy"]) / exact["crossEntropy"],
        "gradientNorms": max(abs(found["gradientNorms"][n] - g) for n, g in gradients.items()) / max(gradients.values()),
        "runningNorms": max((abs(moved[n] - v) / v for n, v in norms.items()), default=0),
    }


# The least that is allowed; else four times what PyTorch's own float32 needs.
LEAST = {"evalLogits": 5e-5, "trainLogits": 1e-4, "crossEntropy": 5e-5, "gradientNorms": 1e-3, "runningNorms": 5e-5}


def model_values(name, seed):
    batch = {32: 16, 64: 8, 224: 4}[models.image_size(name)]
    targets = [(37 * i + 1) % models.CLASSES for i in range(batch)]
    exact = measured(name, batch, targets, seed, torch.float64)
    layouts = (torch.contiguous_format, torch.channels_last)
    own = [deviations(measured(name, batch, targets, seed, torch.float32, layout), exact) for layout in layouts]
    tolerance = {n: max(least, *(4 * d[n] for d in own)) for n, least in LEAST.items()}
    facts = {"model": name, "seed": seed, "imageSize": models.image_size(name), "batch": batch, "targets": targets}
    return {**facts, **exact, "tolerance": tolerance}


def loss_cases(seed):
    """Logits of a student and a teacher, and targets, by the case's name."""

    def logits(k, b, c, scale):
        return (np.float32(scale) * fill(k, b * c, seed)).astype(np.float64).reshape(b, c)

    return {
        "plain": (logits(1, 8, 20, 4), logits(2, 8, 20, 6), [(7 * i + 1) % 20 for i in range(8)]),
        # Two of a class; the teacher is often wrong.
        "pairs": (logits(3, 6, 5, 3), logits(4, 6, 5, 3), [0, 2, 2, 4, 1, 0]),
        "confident": (logits(5, 8, 10, 40), logits(6, 8, 10, 40), [1, 3, 0, 2, 4, 1, 3, 0]),
        "oneclass": (logits(7, 5, 6, 3), logits(8, 5, 6, 3), [2] * 5),
    }


def value_and_gradient(loss, student, teacher, dtype):
    zs = torch.tensor(student, dtype=dtype, requires_grad=True)
    value = loss(zs, torch.tensor(teacher, dtype=dtype))
    value.backward()
    return value.item(), zs.grad.flatten().tolist()


def loss_values(case, seed, epoch=4.5):
    student, teacher, targets = loss_cases(seed)[case]
    y = torch.tensor(targets)
    whole = {
        f"distiller.{name}": (lambda zs, zt, loss=loss: loss(zs, zt, y, epoch)) for name, loss in losses.WHOLE.items()
    }
    found = {}
    for name, loss in {**losses.TERMS, **whole}.items():
        value, gradient = value_and_gradient(loss, student, teacher, torch.float64)
        value32, gradient32 = value_and_gradient(loss, student, teacher, torch.float32)
        found[name] = {
            "value": value,
            "gradient": gradient,
            "valueTolerance": max(1e-6, 1e-5 * abs(value), 4 * abs(value32 - value)),
            "gradientTolerance": max(
                1e-6, 1e-5 * max(map(abs, gradient)), 4 * max(abs(a - b) for a, b in zip(gradient32, gradient))
            ),
        }
        options = losses.OPTIONS.get(name.removeprefix("distiller."))
        if options:
            found[name]["options"] = options
    batch, classes = student.shape
    inputs = {"student": student.flatten().tolist(), "teacher": teacher.flatten().tolist(), "targets": targets}
    return {"case": case, "seed": seed, "epoch": epoch, "batch": batch, "classes": classes, **inputs, "losses": found}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", default=[*OWN_MODELS, "losses"])
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(2)
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in options.names:
        if name == "losses":
            written = {f"loss.{case}": loss_values(case, options.seed) for case in loss_cases(options.seed)}
        else:
            written = {f"model.{name}": model_values(name, options.seed)}
        for file, values in written.items():
            (options.folder / f"{file}.json").write_text(json.dumps(short(values)) + "\n")
            print(file, flush=True)


main()
