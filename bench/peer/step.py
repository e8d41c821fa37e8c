"""PyTorch's half of `npm run bench:peer`: takes jobs on standard input, one JSON a line ({"work", "model",
"count"}), and answers each with the times in milliseconds of `count` repetitions."""

import json
import sys
import time

import torch
import torch.nn.functional as F
import zoo
from losses import mcld

torch.set_num_threads(2)
BATCH, CLASSES = 64, 100


class Step:
    """Forward, loss, backward and SGD of a model in training."""

    def __init__(self, name, loss):
        self.model = zoo.make(name, CLASSES).to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
        self.loss = loss
        self.x = torch.randn(BATCH, 3, 32, 32).contiguous(memory_format=torch.channels_last)
        self.y = torch.arange(BATCH) % CLASSES
        self.zt = torch.randn(BATCH, CLASSES)

    def __call__(self):
        self.optimizer.zero_grad()
        loss = self.loss(self.model(self.x), self.zt, self.y)
        loss.backward()
        self.optimizer.step()
        return loss.item()


class Forward:
    def __init__(self, name):
        self.model = zoo.make(name, CLASSES).eval().to(memory_format=torch.channels_last)
        self.x = torch.randn(BATCH, 3, 32, 32).contiguous(memory_format=torch.channels_last)

    def __call__(self):
        with torch.inference_mode():
            return self.model(self.x).sum().item()


class Loss:
    """MCLD and its gradient with respect to the student's logits."""

    def __init__(self, classes):
        self.zs, self.zt = torch.randn(BATCH, classes), torch.randn(BATCH, classes)
        self.y = torch.arange(BATCH) % 40

    def __call__(self):
        zs = self.zs.clone().requires_grad_()
        mcld(zs, self.zt, self.y).backward()
        return zs.grad[0, 0].item()


def make(work, model):
    if work == "loss":
        return Loss(int(model))
    if work == "forward":
        return Forward(model)
    return Step(model, mcld if work == "mcld" else lambda zs, zt, y: F.cross_entropy(zs, y))


jobs = {}
for line in sys.stdin:
    job = json.loads(line)
    key = (job["work"], job["model"])
    if key not in jobs:
        jobs.clear()
        jobs[key] = make(*key)
    times = []
    for _ in range(job["count"]):
        start = time.perf_counter()
        jobs[key]()
        times.append((time.perf_counter() - start) * 1e3)
    print(json.dumps(times), flush=True)
