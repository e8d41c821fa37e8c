"""PyTorch's half of parity.ts: trains from the weights and batches in FOLDER in float64 and in two float32
layouts, and writes what each step came to. `python parity.py FOLDER`; plan.json there says what to do."""

import copy
import json
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent / "peer"))
import zoo  # noqa: E402
from losses import METHODS  # noqa: E402


class EdgedRelu(torch.autograd.Function):
    """ReLU whose gradient begins at `edges[n]` instead of 0, n its place in the model."""

    edges = ()
    seen = []

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        ctx.place = len(EdgedRelu.seen)
        EdgedRelu.seen.append(x.detach().double())
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, dy):
        (x,) = ctx.saved_tensors
        return dy * (x > EdgedRelu.edges[ctx.place])


def relu_inputs(run, images):
    """What each ReLU of a run's model is given."""
    model = copy.deepcopy(run.model)
    EdgedRelu.seen = []
    with torch.no_grad():
        model(images.to(run.dtype).contiguous(memory_format=run.layout))
    return EdgedRelu.seen


def tensors_of(model):
    return {n: t for n, t in model.state_dict().items() if not n.endswith("num_batches_tracked")}


def flat(model, optimizer):
    """Parameters and statistics in the state dict's order, then the momenta of the parameters."""
    momenta = [optimizer.state[p].get("momentum_buffer") for p in model.parameters()]
    momenta = [torch.zeros_like(p) if m is None else m for p, m in zip(model.parameters(), momenta)]
    arrays = [*tensors_of(model).values(), *momenta]
    return torch.cat([a.detach().contiguous().flatten() for a in arrays])


def pieces(model):
    """Sizes of what `flat` joins."""
    return [t.numel() for t in [*tensors_of(model).values(), *model.parameters()]]


class Run:
    def __init__(self, plan, weights, dtype, layout=torch.contiguous_format):
        self.model = zoo.make(plan["model"]).to(dtype)
        self.dtype, self.layout, self.plan = dtype, layout, plan
        offset = 0
        with torch.no_grad():
            for tensor in tensors_of(self.model).values():
                tensor.copy_(torch.tensor(weights[offset : offset + tensor.numel()]).reshape(tensor.shape))
                offset += tensor.numel()
        self.model = self.model.to(memory_format=layout)
        self.optimizer = torch.optim.SGD(
            self.model.parameters(), lr=plan["lr"], momentum=plan["momentum"], weight_decay=plan["weightDecay"]
        )

    def step(self, images, teacher, labels, loss, roll=0):
        """`roll` turns the batch's rows, which changes nothing but the order of the sums."""
        images, teacher, labels = (t.roll(roll, 0) for t in (images, teacher, labels))
        x = images.to(self.dtype).contiguous(memory_format=self.layout)
        self.optimizer.zero_grad()
        value = loss(self.model(x), teacher.to(self.dtype), labels)
        value.backward()
        self.optimizer.step()
        return value.item()

    def copied(self, dtype, layout=torch.contiguous_format):
        """The same state in another number format or layout."""
        other = copy.copy(self)
        other.dtype, other.layout = dtype, layout
        other.model = copy.deepcopy(self.model).to(dtype).to(memory_format=layout)
        other.optimizer = torch.optim.SGD(other.model.parameters(), **{
            k: self.plan[v] for k, v in (("lr", "lr"), ("momentum", "momentum"), ("weight_decay", "weightDecay"))
        })
        for mine, theirs in zip(self.model.parameters(), other.model.parameters()):
            buffer = self.optimizer.state[mine].get("momentum_buffer")
            if buffer is not None:
                other.optimizer.state[theirs]["momentum_buffer"] = buffer.to(dtype).clone()
        return other


def steps_from(run, given):
    """One step from a float32 state, made four ways: its loss in float64; what it makes of the state in float64,
    and in float32 with channels last; and how much of each tensor hangs on ReLU inputs that are 0 to float32.

    Where such an input lies within its rounding error of 0, a float32 run may pass a gradient that a float64
    run blocks, or the other way round; both are right. How large that error is, PyTorch's own float32 says:
    twice its largest deviation from float64 at that ReLU in either layout. The step is made in float64 with all
    such inputs counted as positive, and with all as negative; what float32 may come to lies between."""
    peer = run.copied(torch.float32, torch.channels_last)
    zoo.relu = EdgedRelu.apply
    exact = relu_inputs(run.copied(torch.float64), given[0])
    layouts = [relu_inputs(r, given[0]) for r in (run, peer)]
    near = [2 * max((a - b).abs().max().item() for a in found) for *found, b in zip(*layouts, exact)]
    results = []
    for sign in (1, -1):
        EdgedRelu.edges, EdgedRelu.seen = [sign * n for n in near], []
        reference = run.copied(torch.float64)
        value = reference.step(*given)
        results.append(flat(reference.model, reference.optimizer))
    zoo.relu = torch.relu
    other = run.copied(torch.float32)
    before = flat(run.model, run.optimizer)
    for r in (peer, other):
        r.step(*given)
    exact, peers, others = (results[0] + results[1]) / 2, flat(peer.model, peer.optimizer), flat(other.model, other.optimizer)
    strict, loose, *rest = (t.split(pieces(run.model)) for t in (*results, before, exact, peers, others))
    hanging = [(a - b).abs().max().item() for a, b in zip(strict, loose)]
    return value, exact, peers, hanging, [within(*tensors) for tensors in zip(*rest)]


def within(before, exact, peer, other):
    """Is PyTorch's step in its other layout within 1e-4 of the tensor's largest update, or what float32 resolves?"""
    limit = max(1e-4 * (exact - before).abs().max().item(), exact.abs().max().item() * 2**-23)
    return (other - peer).abs().max().item() <= limit


def main(folder):
    torch.set_num_threads(2)
    folder = Path(folder)
    plan = json.loads((folder / "plan.json").read_text())
    steps, batch, classes = plan["steps"], plan["batch"], plan["classes"]
    weights = np.fromfile(folder / "weights.bin", np.float32)
    images = torch.tensor(np.fromfile(folder / "images.bin", np.float32)).reshape(steps, batch, 3, 32, 32)
    teacher = torch.tensor(np.fromfile(folder / "teacher.bin", np.float32)).reshape(steps, batch, classes)
    labels = torch.tensor(np.fromfile(folder / "labels.bin", np.int32)).long().reshape(steps, batch)
    results = {}
    for name in plan["methods"]:
        loss = METHODS[name]
        exact = Run(plan, weights, torch.float64)
        plain = Run(plan, weights, torch.float32)
        layouts = (torch.contiguous_format, torch.channels_last)
        others = [(Run(plan, weights, torch.float32, layout), roll) for layout in layouts for roll in (17, 41)]
        result = results[name] = {"float64": [], "float32": [[] for _ in range(1 + len(others))], "step": [], "near": [], "own": []}
        with open(folder / f"{name}.states.bin", "wb") as states:
            for s in range(steps):
                given = (images[s], teacher[s], labels[s], loss)
                if s % plan["every"] == 0:
                    flat(plain.model, plain.optimizer).numpy().tofile(states)
                    value, after, peer, near, own = steps_from(plain, given)
                    after.numpy().tofile(states)
                    peer.numpy().tofile(states)
                    result["step"].append(value)
                    result["near"].append(near)
                    result["own"].append(own)
                result["float64"].append(exact.step(*given))
                result["float32"][0].append(plain.step(*given))
                for k, (run, roll) in enumerate(others, 1):
                    result["float32"][k].append(run.step(*given, roll))
    (folder / "results.json").write_text(json.dumps(results))


main(sys.argv[1])
