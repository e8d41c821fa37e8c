"""The losses of packages/distillers from their papers' equations (docs/method.md), plainly, in PyTorch. `zs` and `zt`
are [B, C], `y` is [B]; each function gives a scalar. Gradients are autograd's."""

import torch
import torch.nn.functional as F


def kd_term(zs, zt, t, left=None):
    """T² KL(p(zt, T) || p(zs, T)), batch mean, over the classes in `left`."""
    total = 0
    for i in range(len(zs)):
        mine, theirs = (zs[i], zt[i]) if left is None else (zs[i][left[i]], zt[i][left[i]])
        if len(mine):
            p = F.softmax(theirs / t, 0)
            total = total + (p * (F.log_softmax(theirs / t, 0) - F.log_softmax(mine / t, 0))).sum()
    return t * t * total / len(zs)


def two_way_term(zs, zt, student_at, teacher_at, t):
    """T² KL between the distributions (one class, all others), batch mean."""

    def split(z, at):
        logs = F.log_softmax(z / t, 1)
        others = torch.ones_like(z, dtype=torch.bool).scatter(1, at[:, None], False)
        rest = logs[others].reshape(len(z), -1).logsumexp(1)
        return torch.stack([logs.gather(1, at[:, None])[:, 0], rest], 1)

    mine, theirs = split(zs, student_at), split(zt, teacher_at)
    return t * t * (theirs.exp() * (theirs - mine)).sum(1).mean()


def others_of(y, classes):
    return F.one_hot(y, classes) == 0


def similarities(a, b):
    """Cosines between the rows of two matrices."""
    return F.cosine_similarity(a[:, None], b[None], dim=2)


def info_nce(logits, positives, candidates):
    """mean_i -(1/|P_i|) sum over P_i of log(e^s_ij / sum over candidates of e^s_ik)."""
    logs = logits - logits.masked_fill(~candidates, -torch.inf).logsumexp(1, keepdim=True)
    return -((logs * positives).sum(1) / positives.sum(1)).mean()


def mcld_terms(zs, zt, y, tau=0.1):
    same, own = y[:, None] == y[None], torch.eye(len(y), dtype=torch.bool)
    rows, columns = similarities(zs, zt) / tau, similarities(zs.T, zt.T) / tau
    category = torch.eye(len(columns), dtype=torch.bool)
    return {
        "instance": info_nce(rows, own, own | ~same),
        "sample": info_nce(rows, same, torch.ones_like(same)),
        "category": info_nce(columns, category, torch.ones_like(category)),
    }


def clkd_instance(zs, zt):
    """Mean squared difference of the logits, each row divided by its length."""
    return ((zs / zs.norm(dim=1, keepdim=True) - zt / zt.norm(dim=1, keepdim=True)) ** 2).mean()


def clkd_class(zs, zt):
    return ((zs / zs.norm(dim=0) - zt / zt.norm(dim=0)) ** 2).mean()


def clkd_correlation(zs, zt):
    """||R(zs) - R(zt)||_F^2 / C^2 with Pearson's correlations between the classes."""
    return ((torch.corrcoef(zs.T) - torch.corrcoef(zt.T)) ** 2).sum() / zs.shape[1] ** 2


def mlld_batch(zs, zt, t):
    """||G_s - G_t||_F^2 / B, G = P P^T."""
    ps, pt = F.softmax(zs / t, 1), F.softmax(zt / t, 1)
    return ((ps @ ps.T - pt @ pt.T) ** 2).sum() / len(zs)


def mlld_class(zs, zt, t):
    """||H_s - H_t||_F^2 / C, H = P^T P."""
    ps, pt = F.softmax(zs / t, 1), F.softmax(zt / t, 1)
    return ((ps.T @ ps - pt.T @ pt) ** 2).sum() / zs.shape[1]


def ckd_contrast(zs, zt, tau):
    """mean_i -log(e^(-|zs_i - zt_i|/tau) / (the same + sum_{j != i} e^(-|zs_i - zs_j|/tau)))."""
    total = 0
    for i in range(len(zs)):
        positive = -(zs[i] - zt[i]).norm() / tau
        negatives = [-(zs[i] - zs[j]).norm() / tau for j in range(len(zs)) if j != i]
        total = total - positive + torch.stack([positive, *negatives]).logsumexp(0)
    return total / len(zs)


def ce(zs, zt, y, epoch):
    return F.cross_entropy(zs, y)


def kd(zs, zt, y, epoch):
    return 0.1 * F.cross_entropy(zs, y) + 0.9 * kd_term(zs, zt, 4)


def whole_epochs(epoch, warmup=20):
    return min((int(epoch) + 1) / warmup, 1)


def dkd(zs, zt, y, epoch):
    g = whole_epochs(epoch)
    others = kd_term(zs, zt, 4, others_of(y, zs.shape[1]))
    return F.cross_entropy(zs, y) + g * (two_way_term(zs, zt, y, y, 4) + 8 * others)


def rld(zs, zt, y, epoch):
    g = whole_epochs(epoch)
    below = zt < zt.gather(1, y[:, None])
    return F.cross_entropy(zs, y) + g * (two_way_term(zs, zt, y, zt.argmax(1), 1) + 8 * kd_term(zs, zt, 4, below))


def clkd(zs, zt, y, epoch):
    return F.cross_entropy(zs, y) + clkd_instance(zs, zt) + clkd_class(zs, zt) + clkd_correlation(zs, zt)


def mlld(zs, zt, y, epoch):
    terms = (kd_term, mlld_batch, mlld_class)
    return F.cross_entropy(zs, y) + sum(term(zs, zt, t) for term in terms for t in (2, 3, 4, 5, 6))


def ckd(zs, zt, y, epoch):
    return F.cross_entropy(zs, y) + ckd_contrast(zs, zt, 1)


def mcld(zs, zt, y, epoch):
    terms = mcld_terms(zs, zt, y)
    return F.cross_entropy(zs, y) + terms["instance"] + terms["sample"] + min(epoch / 20, 1) * terms["category"]


COMBINATION = {
    "parts": [{"name": "kd", "weight": 2}, {"name": "mcld", "weight": 0.5, "partWarmupEpochs": 10, "warmup": "none"}]
}


def combination(zs, zt, y, epoch):
    whole = 2 * 0.9 * kd_term(zs, zt, 4) + 0.5 * min(epoch / 10, 1) * sum(mcld_terms(zs, zt, y).values())
    return F.cross_entropy(zs, y) + whole


# What test/src/golden/losses.ts knows by the same names.
TERMS = {
    "clkd.instance": lambda zs, zt: clkd_instance(zs, zt),
    "clkd.class": lambda zs, zt: clkd_class(zs, zt),
    "clkd.correlation": lambda zs, zt: clkd_correlation(zs, zt),
    "mlld.batch.T4": lambda zs, zt: mlld_batch(zs, zt, 4),
    "mlld.class.T4": lambda zs, zt: mlld_class(zs, zt, 4),
    "ckd.contrast.tau1": lambda zs, zt: ckd_contrast(zs, zt, 1),
    "ckd.contrast.tau0.5": lambda zs, zt: ckd_contrast(zs, zt, 0.5),
}
WHOLE = {
    "ce": ce,
    "kd": kd,
    "dkd": dkd,
    "rld": rld,
    "clkd": clkd,
    "mlld": mlld,
    "ckd": ckd,
    "mcld": mcld,
    "combination": combination,
}
OPTIONS = {"combination": COMBINATION}
