"""Writes reference values like those in model.*.json for other seeds: PyTorch in float64, inputs by the
formula. `python golden.py SEED FOLDER REFERENCES [MODEL...]` takes batch, targets and names from the
files in REFERENCES, and their tolerances as the least that is allowed."""

import json
import math
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench" / "peer"))
import zoo  # noqa: E402


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


def measured(reference, seed, dtype, layout=torch.contiguous_format):
    name, batch = reference["model"], reference["batch"]
    model = zoo.make(name).to(dtype)
    state = {
        n: torch.tensor(scaled(n, s, fill(k, math.prod(s), seed)).astype(np.float64)).reshape(s)
        for k, (n, s) in enumerate(reference["parameters"])
    }
    counters = {n: t for n, t in model.state_dict().items() if n.endswith("num_batches_tracked")}
    model.load_state_dict({**state, **counters}, strict=True)
    model = model.to(memory_format=layout)
    x = (np.float32(1.7) * fill(1000, batch * 3072, seed)).astype(np.float64)
    x = torch.tensor(x).reshape(batch, 3, 32, 32).to(dtype).contiguous(memory_format=layout)
    y = torch.tensor(reference["targets"])
    model.eval()
    with torch.no_grad():
        out = {"evalLogits": model(x).flatten().tolist(), "pooledFeatureNorms": model.features(x).norm(dim=1).tolist()}
    model.train()
    logits = model(x)
    loss = F.cross_entropy(logits, y)
    loss.backward()
    after = model.state_dict()
    running = [n for n, _ in reference["parameters"] if "running_" in n]
    return {
        **out,
        "trainLogits": logits.flatten().tolist(),
        "crossEntropy": loss.item(),
        "gradientNorms": {n: p.grad.double().norm().item() for n, p in model.named_parameters()},
        "runningNormsAfterOneTrainForward": {n: after[n].double().norm().item() for n in running},
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
        "runningNorms": max(abs(moved[n] - v) / v for n, v in norms.items()),
    }


def values(reference, seed):
    """Tolerances: four times what PyTorch's own float32 needs with this seed, never below the reference's."""
    exact = measured(reference, seed, torch.float64)
    layouts = (torch.contiguous_format, torch.channels_last)
    own = [deviations(measured(reference, seed, torch.float32, layout), exact) for layout in layouts]
    tolerance = {n: max(least, *(4 * d[n] for d in own)) for n, least in reference["tolerance"].items()}
    kept = {k: reference[k] for k in ("model", "batch", "targets", "parameters")}
    return {**kept, **exact, "seed": seed, "tolerance": tolerance}


def main(seed, folder, references, *names):
    torch.set_num_threads(2)
    Path(folder).mkdir(parents=True, exist_ok=True)
    for file in sorted(Path(references).glob("model.*.json")):
        reference = json.loads(file.read_text())
        if names and reference["model"] not in names:
            continue
        Path(folder, file.name).write_text(json.dumps(values(reference, int(seed))))


main(*sys.argv[1:])
