"""The peer that deploy/bench/train and deploy/bench/score compare with: our own PyTorch
implementation of the same rankers, kept beside the programs so that anyone can repeat a ratio.

Independent PyTorch reference of the rankers of "Language System: A Lightweight
Ranking Framework for Language Models".  Numerics: float32 (or float64 on request);
features are float16 and are widened exactly.

DECISIONS (the paper leaves these open; each is one line of code below)
 D1  Sim(i, r~) of eq. 2 and 4 is Sim(i~, r~): i~ is the transformed, projected
     instruction of eq. 1 / eq. 3.  The raw i has D numbers and r~ has d (64), so the raw i
     cannot be meant; and eq. 1 and 3 compute i~ and would use it nowhere else.
 D2  Transformer block, pre-norm:   x = x + Attn(LN1(x));  x = x + MLP(LN2(x)).
     No final norm, no dropout, no mask, no positional or type embedding: the listwise
     ranker is equivariant under permutations of the responses.
     MLP(x) = fc2(act(fc1(x))), hidden 4 d.  Biases everywhere.
 D3  MLP block of the pointwise ranker: no norm (the residual is an option:
     `residual`), eq. 3.
 D4  act = GELU, exact (erf) form; ReLU is an option.
 D5  Attention: h heads (default 4), head = contiguous slice of d/h, scale 1/sqrt(d/h),
     qkv packed in one matrix [3d, d] in the order q, k, v (as nn.MultiheadAttention).
 D6  LayerNorm: biased variance, eps 1e-5 inside the root, weight and bias.
 D7  cosine(a, b) = <a, b> / (max(|a|, 1e-8) max(|b|, 1e-8)).
 D8  "learnable similarity" = affine cosine, s = scale * cosine + bias, two numbers, init
     (1, 0).  Reasons: labels are 0..5, a cosine cannot reach them; two numbers keep the
     "<0.3M" of Table 7 true (312,194 = 0.2977 Mi) while a 64 x 64 bilinear form does not
     (316,288 = 0.3016 Mi); at scale > 0 it orders the candidates exactly as cosine does.
 D9  "replace the instruction feature with a learnable vector": a vector of d numbers takes
     the place of Proj(i), i.e. it enters the block as token 0 (listwise) or the MLP
     (pointwise); all else is unchanged.  d and not D numbers: with 64 the pointwise count
     is 295,360 = 0.28 Mi as in Table 3; with 4096 it would be 299,392 = 0.29 Mi.
 D10 "remove projection": Proj is the identity, d = D (12 D^2 = 192 Mi, 8 D^2 = 128 Mi).
 D11 Losses are means over the groups (listwise), over all B*K pairs (pointwise).
     0 log 0 = 0 in the KL; a group without a positive has no KL loss (error).
     BCE takes the similarity as the logit, no temperature (eq. 8).
 D12 Optimisers have torch semantics: SGD g += wd w; m = mu m + g (first step m = g);
     w -= lr m.  AdamW decoupled, eps 1e-8 outside the root.  Weight decay on EVERY
     parameter, biases, norms and similarity included.
 D13 Cosine schedule: step t = 0..T-1 uses lr * 0.5 * (1 + cos(pi t / T)); no warm-up,
     T = the total number of optimiser steps.
 D14 Init (not part of conformance): torch defaults nn.Linear (U(+-1/sqrt(fan_in)) for
     weight and bias), LayerNorm (1, 0), instruction vector N(0, 1/d), scale 1, bias 0.

TENSOR NAMES
  projection.weight [d, D]            projection.bias [d]
  instruction.vector [d]              (only instruction = "learned")
  block.N.norm1.weight / .bias [d]    (listwise)
  block.N.attention.qkv.weight [3d, d] / .bias [3d]      (listwise)
  block.N.attention.out.weight [d, d] / .bias [d]        (listwise)
  block.N.norm2.weight / .bias [d]    (listwise)
  block.N.mlp.fc1.weight [4d, d] / .bias [4d]
  block.N.mlp.fc2.weight [d, 4d] / .bias [d]
  similarity.scale [1]  similarity.bias [1]   (only similarity = "affine")
All matrices are [out, in], row-major: y = x W^T + b.
"""
from __future__ import annotations
import math
from dataclasses import dataclass, asdict
import torch
from torch import nn
import torch.nn.functional as F

COS_EPS = 1e-8
LN_EPS = 1e-5


@dataclass
class RankerConfig:
    kind: str                      # "listwise" | "pointwise"
    hidden_size: int               # D
    projection: bool = True
    projection_dim: int = 64       # d (ignored without projection)
    instruction: str = "feature"   # "feature" | "learned"
    blocks: int = 1                # 0 = block removed
    heads: int = 4                 # listwise only
    mlp_multiple: int = 4
    activation: str = "gelu"       # "gelu" (erf) | "relu"
    residual: bool = False         # pointwise MLP block: x + MLP(x) instead of MLP(x)
    similarity: str = "cosine"     # "cosine" | "affine"

    @property
    def dim(self):
        return self.projection_dim if self.projection else self.hidden_size

    def to_json(self):
        d = asdict(self)
        if not self.projection:
            d["projection_dim"] = self.hidden_size
        return d


def act(x, name):
    return F.gelu(x, approximate="none") if name == "gelu" else F.relu(x)


class MLP(nn.Module):
    def __init__(self, d, mult, activation):
        super().__init__()
        self.fc1 = nn.Linear(d, mult * d)
        self.fc2 = nn.Linear(mult * d, d)
        self.activation = activation

    def forward(self, x):
        return self.fc2(act(self.fc1(x), self.activation))


class Attention(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        assert d % heads == 0, "heads must divide the width"
        self.h = heads
        self.qkv = nn.Linear(d, 3 * d)
        self.out = nn.Linear(d, d)

    def forward(self, x):                                   # [B, T, d]
        B, T, d = x.shape
        q, k, v = self.qkv(x).view(B, T, 3, self.h, d // self.h).permute(2, 0, 3, 1, 4)
        a = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(d // self.h), dim=-1)
        return self.out((a @ v).transpose(1, 2).reshape(B, T, d))


class TransformerBlock(nn.Module):
    def __init__(self, c: RankerConfig):
        super().__init__()
        d = c.dim
        self.norm1 = nn.LayerNorm(d, eps=LN_EPS)
        self.attention = Attention(d, c.heads)
        self.norm2 = nn.LayerNorm(d, eps=LN_EPS)
        self.mlp = MLP(d, c.mlp_multiple, c.activation)

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class MLPBlock(nn.Module):
    def __init__(self, c: RankerConfig):
        super().__init__()
        self.mlp = MLP(c.dim, c.mlp_multiple, c.activation)
        self.residual = c.residual

    def forward(self, x):
        return x + self.mlp(x) if self.residual else self.mlp(x)


class _Vector(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.vector = nn.Parameter(torch.randn(d) / math.sqrt(d))


class Affine(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.bias = nn.Parameter(torch.zeros(1))


class Ranker(nn.Module):
    def __init__(self, c: RankerConfig):
        super().__init__()
        self.c = c
        d = c.dim
        if c.projection:
            self.projection = nn.Linear(c.hidden_size, d)
        if c.instruction == "learned":
            self.instruction = _Vector(d)
        kind = TransformerBlock if c.kind == "listwise" else MLPBlock
        self.block = nn.ModuleList([kind(c) for _ in range(c.blocks)])
        if c.similarity == "affine":
            self.similarity = Affine()

    def project(self, x):
        return self.projection(x) if self.c.projection else x

    def tokens(self, instruction, responses):
        """instruction [B, D], responses [B, K, D] -> [B, 1 + K, d], token 0 = instruction."""
        if self.c.instruction == "learned":
            z = self.project(responses)
            v = self.instruction.vector.expand(z.shape[0], 1, z.shape[2])
            return torch.cat([v, z], dim=1)
        return self.project(torch.cat([instruction[:, None], responses], dim=1))

    def from_tokens(self, z):
        for b in self.block:
            z = b(z)
        i, r = z[:, :1], z[:, 1:]
        num = (i * r).sum(-1)
        den = i.norm(dim=-1).clamp_min(COS_EPS) * r.norm(dim=-1).clamp_min(COS_EPS)
        s = num / den
        if self.c.similarity == "affine":
            s = self.similarity.scale * s + self.similarity.bias
        return s

    def forward(self, instruction, responses):
        p = next(self.parameters(), None)
        dt = torch.float32 if p is None else p.dtype
        return self.from_tokens(self.tokens(instruction.to(dt), responses.to(dt)))


def ListwiseRanker(**kw):
    return Ranker(RankerConfig(kind="listwise", **kw))


def PointwiseRanker(**kw):
    return Ranker(RankerConfig(kind="pointwise", **kw))


# ---------------------------------------------------------------- losses, eq. 5-10
def loss_list_kl(s, y):            # eq. 5, 6
    total = y.sum(-1, keepdim=True)
    if not bool((total > 0).all()):
        raise ValueError("a group without a positive response has no KL loss")
    py = y / total
    logps = torch.log_softmax(s, dim=-1)
    return (torch.special.xlogy(py, py) - py * logps).sum(-1).mean()


def loss_list_mse(s, y):           # eq. 7
    return ((s - y) ** 2).mean(-1).mean()


def loss_point_bce(s, y):          # eq. 8, 9
    return (F.softplus(s) - y * s).mean()


def loss_point_mse(s, y):          # eq. 10
    return ((s - y) ** 2).mean()


LOSSES = dict(list_kl=loss_list_kl, list_mse=loss_list_mse,
              point_bce=loss_point_bce, point_mse=loss_point_mse)


# ---------------------------------------------------------------- training
def learning_rate(lr, schedule, t, total):
    return lr if schedule == "constant" else lr * 0.5 * (1 + math.cos(math.pi * t / total))


def make_optimizer(model, o):
    p = list(model.parameters())
    if o["name"] == "sgd":
        return torch.optim.SGD(p, lr=o["lr"], momentum=o.get("momentum", 0.0),
                               weight_decay=o["weight_decay"])
    return torch.optim.AdamW(p, lr=o["lr"], betas=tuple(o["betas"]), eps=o["eps"],
                             weight_decay=o["weight_decay"])


def train_steps(model, batches, loss_name, o, steps):
    """batches: list of (instruction, responses, labels); step t uses batches[t % len]."""
    opt, fn = make_optimizer(model, o), LOSSES[loss_name]
    losses, lrs = [], []
    for t in range(steps):
        lr = learning_rate(o["lr"], o["schedule"], t, steps)
        for g in opt.param_groups:
            g["lr"] = lr
        i, r, y = batches[t % len(batches)]
        opt.zero_grad(set_to_none=True)
        dt = next(model.parameters()).dtype
        loss = fn(model(i, r), y.to(dt))
        loss.backward()
        opt.step()
        losses.append(loss.item())
        lrs.append(lr)
    return losses, lrs


def parameter_count(model):
    return sum(p.numel() for p in model.parameters())


if __name__ == "__main__":
    Mi = 2 ** 20
    for D in (4096, 3584, 5120):
        l, p = parameter_count(ListwiseRanker(hidden_size=D)), parameter_count(PointwiseRanker(hidden_size=D))
        print(f"D={D} listwise {l} = {l/Mi:.4f} Mi   pointwise {p} = {p/Mi:.4f} Mi")
    n = parameter_count(PointwiseRanker(hidden_size=4096, blocks=0)); print("no MLP block", n, n / Mi)
    n = parameter_count(PointwiseRanker(hidden_size=4096, instruction="learned")); print("pointwise learned", n, n / Mi)
    with torch.device("meta"):
        n = parameter_count(ListwiseRanker(hidden_size=4096, projection=False)); print("no projection list", n, n / Mi)
        n = parameter_count(PointwiseRanker(hidden_size=4096, projection=False)); print("no projection point", n, n / Mi)
