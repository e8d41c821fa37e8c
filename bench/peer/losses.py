"""The losses of packages/distillers in plain PyTorch, with the options' defaults and no warm-up: the peer
of the benchmarks and checks."""

import torch
import torch.nn.functional as F


def kl(zs, zt, t, left=None):
    if left is not None:
        zs, zt = zs.masked_fill(~left, -1e30), zt.masked_fill(~left, -1e30)
    return F.kl_div(F.log_softmax(zs / t, 1), F.log_softmax(zt / t, 1), reduction="batchmean", log_target=True) * t * t


def two_way(z, at, t):
    z = z / t
    rest = z.masked_fill(at, -1e30).logsumexp(1)
    whole = z.logsumexp(1)
    return torch.stack([z[at] - whole, rest - whole], 1)


def two_way_kl(zs, zt, student_at, teacher_at, t):
    return F.kl_div(two_way(zs, student_at, t), two_way(zt, teacher_at, t), reduction="batchmean", log_target=True) * t * t


def hot(index, classes):
    return F.one_hot(index, classes).bool()


def ce(zs, zt, y):
    return F.cross_entropy(zs, y)


def kd(zs, zt, y):
    return 0.1 * F.cross_entropy(zs, y) + 0.9 * kl(zs, zt, 4)


def dkd(zs, zt, y):
    at = hot(y, zs.shape[1])
    return F.cross_entropy(zs, y) + two_way_kl(zs, zt, at, at, 4) + 8 * kl(zs, zt, 4, ~at)


def rld(zs, zt, y):
    classes = zs.shape[1]
    confidence = two_way_kl(zs, zt, hot(y, classes), hot(zt.argmax(1), classes), 1)
    below = zt < zt.gather(1, y[:, None])
    return F.cross_entropy(zs, y) + confidence + 8 * kl(zs, zt, 4, below)


def mcld(zs, zt, y, tau=0.1):
    s = F.normalize(zs, dim=1) @ F.normalize(zt, dim=1).T / tau
    same = y[:, None] == y[None, :]
    diagonal = torch.eye(len(y), dtype=torch.bool, device=zs.device)
    instance = (s.masked_fill(same & ~diagonal, -1e30).logsumexp(1) - s.diagonal()).mean()
    positives = same.to(s.dtype)
    sample = (s.logsumexp(1) - (positives * s).sum(1) / positives.sum(1)).mean()
    c = F.normalize(zs, dim=0).T @ F.normalize(zt, dim=0) / tau
    category = (c.logsumexp(1) - c.diagonal()).mean()
    return F.cross_entropy(zs, y) + instance + sample + category


METHODS = {"ce": ce, "kd": kd, "dkd": dkd, "rld": rld, "mcld": mcld}
