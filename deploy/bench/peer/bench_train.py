"""The peer of deploy/bench/train: the same training in PyTorch, as most would write it (plain) and
as well as we could (best). Ours; needs torch, numpy and safetensors.

One training epoch of a ranker at the paper's MBPP scale; prints one JSON line.

  bench_train.py --features train.safetensors --kind listwise --threads 2 [--impl plain]

Phases (wall seconds, each measured on its own):
  load_s   file -> float16 arrays resident in memory (every page touched)
  group_s  N random groups of K per query, kept only with both labels, until N are found
  train_s  1 epoch over the shuffled groups: gather, widen, forward, loss, backward, step
  train_s_at_p10_pace  the epoch at the pace of its 10th-percentile step: an estimate for a
           machine shared with others; train_cpu_s is the process CPU time of the same phase
  prepare_s (best only) one-off conversion / compilation that a user pays once per run
--impl plain       gather [B, K+1, D] float16 -> float32, the reference module, torch.optim.SGD
--impl dataloader  the same behind a torch DataLoader over groups (what many people write)
--impl best        unique rows only, one projection GEMM with a hand-written backward, optional
                   bf16 GEMM (--gemm bf16), oneDNN instead of MKL for float32 (--gemm onednn,
                   --tail onednn), torch.compile for the rest (--compile), buffers reused, SGD fused
--groups-file F    read or (first time) write the groups, so that two implementations can use
                   the same groups and the same order: tensors query I32 [G], rows I32 [G, K], order I32 [G]
"""
import argparse, json, os, sys, time, resource
ap = argparse.ArgumentParser()
ap.add_argument("--features", required=True)
ap.add_argument("--kind", choices=["listwise", "pointwise"], required=True)
ap.add_argument("--threads", type=int, default=1)
ap.add_argument("--impl", choices=["plain", "dataloader", "best"], default="plain")
ap.add_argument("--batch", type=int, default=256)
ap.add_argument("--groups", type=int, default=100)
ap.add_argument("--k", type=int, default=10)
ap.add_argument("--epochs", type=int, default=1)
ap.add_argument("--lr", type=float, default=0.5)
ap.add_argument("--momentum", type=float, default=0.9)
ap.add_argument("--weight-decay", type=float, default=1e-4)
ap.add_argument("--schedule", choices=["constant", "cosine"], default="constant")
ap.add_argument("--seed", type=int, default=0)
ap.add_argument("--heads", type=int, default=4)
ap.add_argument("--blocks", type=int, default=1)
ap.add_argument("--residual", action="store_true")
ap.add_argument("--activation", default="gelu")
ap.add_argument("--gemm", choices=["mkl", "onednn", "bf16"], default="onednn", help="best: the projection GEMM (mkl, onednn: float32)")
ap.add_argument("--tail", choices=["eager", "onednn", "bf16"], default="onednn", help="best: the linears after the projection")
ap.add_argument("--table", choices=["f16", "f32", "bf16"], default=None, help="best: how features are kept")
ap.add_argument("--no-dedup", action="store_true")
ap.add_argument("--compile", action="store_true")
ap.add_argument("--test", help="a second features file: rerank accuracy after training")
ap.add_argument("--order-queries", type=int, default=0, help="0: shuffle all groups; c > 0: pools of c queries, shuffled inside (not the paper's order)")
ap.add_argument("--pairs", action="store_true", help="pointwise: every (instruction, response) pair once instead of groups of K")
ap.add_argument("--groups-file")
ap.add_argument("--init", help="initial weights: read, or (first time) written; names of reference.py")
ap.add_argument("--trace", help="write the loss of every step and the final weights' checksums here (JSON)")
ap.add_argument("--cold", action="store_true", help="drop the file from the page cache first")
ap.add_argument("--max-steps", type=int, default=0)
ap.add_argument("--profile", action="store_true")
a = ap.parse_args()
for v in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[v] = str(a.threads)
import numpy as np, torch
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import reference as R
from safetensors.torch import load_file
torch.set_num_threads(a.threads)
torch.manual_seed(a.seed)
clock = time.perf_counter
rss = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
cpu = lambda: sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
base_rss = rss()


def load(path):
    t = load_file(path)                                  # may be lazily mapped
    ins, res = t["instruction"].clone(), t["responses"].clone()
    return ins, res, t["offsets"].numpy().copy(), t["labels"].clone()


def make_groups(offsets, labels, N, K, seed):
    g = np.random.Generator(np.random.PCG64(seed)); lab = labels.numpy()
    gq, gr = [], []
    for q in range(len(offsets) - 1):
        lo, hi = offsets[q], offsets[q + 1]; y = lab[lo:hi]
        if y.min() == y.max() or hi - lo < K: continue
        have, tries = 0, 0
        while have < N and tries < 50:
            pick = np.argpartition(g.random((N, hi - lo), dtype=np.float32), K, axis=1)[:, :K]
            s = y[pick].sum(1); pick = pick[(s > 0) & (s < K)][:N - have]
            if len(pick):
                gr.append(pick + lo); gq.append(np.full(len(pick), q)); have += len(pick)
            tries += 1
    return np.concatenate(gq), np.concatenate(gr)


def accuracy(model, path, K, seed=5, per_query=20):
    ins, res, off, lab = load(path); g = np.random.Generator(np.random.PCG64(seed))
    hit = rnd = orc = n = 0
    with torch.inference_mode():
        for q in range(len(off) - 1):
            rows = torch.from_numpy(np.stack([g.permutation(off[q + 1] - off[q])[:K] + off[q] for _ in range(per_query)]))
            y = lab[rows]; s = model(ins[q][None].expand(per_query, -1), res[rows])
            hit += float(y.gather(1, s.argmax(1, keepdim=True)).sum()); rnd += float(y.mean(1).sum()); orc += float(y.max(1).values.sum()); n += per_query
    return dict(test_accuracy=round(hit / n, 4), test_random=round(rnd / n, 4), test_oracle=round(orc / n, 4))


if a.cold:
    fd = os.open(a.features, os.O_RDONLY); os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED); os.close(fd)
t0 = clock(); ins, res, offsets, labels = load(a.features); load_s = clock() - t0
Q, D = ins.shape
t0 = clock()
if a.groups_file and os.path.exists(a.groups_file):
    f = load_file(a.groups_file); gq, gr, order = (f[k].long() for k in ("query", "rows", "order"))
else:
    gq, gr = make_groups(offsets, labels, a.groups, a.k, a.seed)
    gq, gr = torch.from_numpy(gq).long(), torch.from_numpy(gr).long()
    if a.pairs:
        gr = torch.arange(len(res))[:, None]; gq = torch.from_numpy(np.repeat(np.arange(Q), np.diff(offsets))).long()
    order = torch.randperm(len(gq))
    if a.order_queries:
        pool = torch.empty(Q, dtype=torch.long); pool[torch.randperm(Q)] = torch.arange(Q) // a.order_queries
        order = order[torch.argsort(pool[gq[order]], stable=True)]
    if a.groups_file:
        from safetensors.torch import save_file
        save_file(dict(query=gq.int(), rows=gr.int(), order=order.int()), a.groups_file, metadata=dict(format="groups/1"))
y_all = labels[gr]
group_s = clock() - t0
G = len(gq)

model = R.Ranker(R.RankerConfig(a.kind, D, heads=a.heads, blocks=a.blocks, residual=a.residual, activation=a.activation))
if a.init:
    from safetensors.torch import save_file
    if os.path.exists(a.init):
        w0 = load_file(a.init)
        with torch.no_grad():
            for n, p in model.named_parameters(): p.copy_(w0[n])
    else: save_file({n: p.detach().contiguous() for n, p in model.named_parameters()}, a.init, metadata=dict(format="ranker/1", kind=a.kind))
loss_fn = R.LOSSES["list_kl" if a.kind == "listwise" else "point_bce"]
steps_per_epoch = (G + a.batch - 1) // a.batch
total = steps_per_epoch * a.epochs
opt = torch.optim.SGD(model.parameters(), lr=a.lr, momentum=a.momentum, weight_decay=a.weight_decay,
                      **(dict(fused=True) if a.impl == "best" else {}))
losses, prepare_s, stage, marks = [], 0.0, {}, []      # marks: clock at the end of each step


def set_lr(t):
    for g in opt.param_groups: g["lr"] = R.learning_rate(a.lr, a.schedule, t, total)


def batches():
    for e in range(a.epochs):
        o = order if e == 0 else torch.randperm(G)
        for s in range(0, G, a.batch): yield o[s:s + a.batch]


def run_plain():
    for t, b in enumerate(batches()):
        if a.max_steps and t >= a.max_steps: break
        set_lr(t); opt.zero_grad(set_to_none=True)
        loss = loss_fn(model(ins[gq[b]].float(), res[gr[b]].float()), y_all[b])
        loss.backward(); opt.step(); losses.append(loss.item()); marks.append(clock())


def run_dataloader():
    class Groups(torch.utils.data.Dataset):
        def __len__(self): return G
        def __getitem__(self, k): return ins[gq[k]], res[gr[k]], y_all[k]
    dl = torch.utils.data.DataLoader(Groups(), batch_size=a.batch, sampler=order.tolist())
    for t, (i, r, y) in enumerate(dl):
        if a.max_steps and t >= a.max_steps: break
        set_lr(t); opt.zero_grad(set_to_none=True)
        loss = loss_fn(model(i.float(), r.float()), y)
        loss.backward(); opt.step(); losses.append(loss.item()); marks.append(clock())


lin = lambda x, w, b=None: torch.ops.mkldnn._linear_pointwise(x, w, b, "none", [], "")   # oneDNN float32


class Project(torch.autograd.Function):          # X [U, D] unique rows, W [d, D] f32
    @staticmethod
    def forward(ctx, X, W, b):
        ctx.save_for_backward(X)
        if a.gemm == "mkl": return torch.addmm(b, X, W.t())
        return lin(X, W, b) if a.gemm == "onednn" else (X @ W.to(X.dtype).t()).float() + b
    @staticmethod
    def backward(ctx, dz):
        X, = ctx.saved_tensors
        if a.gemm == "onednn": return None, lin(dz.t().contiguous(), X.t()), dz.sum(0)
        return None, (dz.to(X.dtype).t() @ X).float(), dz.sum(0)


class FastLinear(torch.autograd.Function):       # oneDNN instead of MKL for the small linears
    @staticmethod
    def forward(ctx, x, W, b):
        ctx.save_for_backward(x, W)
        return lin(x, W, b)
    @staticmethod
    def backward(ctx, dy):
        x, W = ctx.saved_tensors
        return lin(dy, W.t()), lin(dy.t().contiguous(), x.t()), dy.sum(0)


def run_best():
    global prepare_s, ins, res
    gt = torch.bfloat16 if a.gemm == "bf16" else torch.float32
    t0 = clock()
    tt = {None: torch.bfloat16 if gt == torch.bfloat16 else torch.float16, "f16": torch.float16, "f32": torch.float32, "bf16": torch.bfloat16}[a.table]
    table = torch.empty(len(res) + Q, D, dtype=tt)
    table[:Q] = ins; table[Q:] = res; del ins, res
    rows = torch.cat([gq[:, None], gr + Q], dim=1)                       # [G, 1 + K]
    most = a.batch * rows.shape[1]
    raw = torch.empty(most, D, dtype=tt); wide = raw if tt == gt else torch.empty(most, D, dtype=gt)   # buffers reused by every step
    if a.tail == "onednn":
        torch.nn.Linear.forward = lambda self, x: FastLinear.apply(x.reshape(-1, x.shape[-1]), self.weight, self.bias).view(*x.shape[:-1], -1)
    auto = lambda: torch.autocast("cpu", torch.bfloat16, enabled=a.tail == "bf16")
    def list_tail(z, inv, y):
        with auto(): zz = z[inv]; 
        with auto():
            for blk in model.block: zz = blk(zz)
        n = torch.nn.functional.normalize(zz.float(), dim=-1, eps=R.COS_EPS)
        return loss_fn((n[:, :1] * n[:, 1:]).sum(-1), y)
    def point_tail(zu, inv, y):                                           # the MLP on unique rows only
        with auto():
            for blk in model.block: zu = blk(zu)
        z = torch.nn.functional.normalize(zu.float(), dim=-1, eps=R.COS_EPS)[inv]
        return loss_fn((z[:, :1] * z[:, 1:]).sum(-1), y)
    f = list_tail if a.kind == "listwise" else point_tail
    cf = torch.compile(f, dynamic=True) if a.compile else f
    def step(b, fn):
        r = rows[b]
        if a.no_dedup: u, inv = r.reshape(-1), torch.arange(r.numel()).view(r.shape)
        else: u, inv = torch.unique(r, return_inverse=True)
        X = wide[:len(u)]; torch.index_select(table, 0, u, out=raw[:len(u)])
        if wide is not raw: X.copy_(raw[:len(u)])
        loss = fn(Project.apply(X, model.projection.weight, model.projection.bias), inv, y_all[b])
        opt.zero_grad(set_to_none=True); loss.backward(); opt.step()
        return loss, len(u)
    if a.compile:                                                         # pay compilation outside train_s
        keep = {n: p.detach().clone() for n, p in model.named_parameters()}
        set_lr(0)
        for k in range(3): step(order[k * a.batch:(k + 1) * a.batch], cf)
        with torch.no_grad():
            for n, p in model.named_parameters(): p.copy_(keep[n])
        opt.state.clear()
    prepare_s = clock() - t0
    t0 = clock(); c0 = cpu(); U = 0
    for t, b in enumerate(batches()):
        if a.max_steps and t >= a.max_steps: break
        set_lr(t)
        loss, u = step(b, cf if len(b) == a.batch else f); losses.append(loss.item()); U += u; marks.append(clock())
    stage["unique_rows_per_step"] = round(U / len(losses), 1)
    return clock() - t0, cpu() - c0


if a.impl == "best":
    train_s, train_cpu = run_best()
else:
    c0, t0 = cpu(), clock(); (run_plain if a.impl == "plain" else run_dataloader)()
    train_s, train_cpu = clock() - t0, cpu() - c0
peak = rss()
gaps = np.diff(np.array(marks))[:-1] if len(marks) > 3 else np.array([train_s])   # full steps only
quiet = float(np.percentile(gaps, 10)) * G * a.epochs / a.batch                    # what the epoch takes at the pace of its fastest tenth
trained = min(len(losses) * a.batch, G * a.epochs)
out = dict(impl="torch-" + a.impl + ("-compile" if a.compile else "") + (f"-gemm_{a.gemm}-tail_{a.tail}" if a.impl == "best" else ""), kind=a.kind + ("-pairs" if a.pairs else ""), threads=a.threads, order_queries=a.order_queries,
           batch=a.batch, groups=G, k=a.k, dim=D, load_s=round(load_s, 3), group_s=round(group_s, 3), prepare_s=round(prepare_s, 3), train_s=round(train_s, 3),
           train_cpu_s=round(train_cpu, 3), train_s_at_p10_pace=round(quiet, 3), step_ms_p10=round(float(np.percentile(gaps, 10)) * 1e3, 2), step_ms_p50=round(float(np.percentile(gaps, 50)) * 1e3, 2), total_s=round(load_s + group_s + prepare_s + train_s, 3), groups_per_s=round(trained / train_s, 1), steps=len(losses),
           first_loss=round(losses[0], 5), last_loss=round(float(np.mean(losses[-11:-1] if len(losses) > 11 else losses)), 5), peak_rss_mb=round(peak), base_rss_mb=round(base_rss), cold=a.cold,
           loadavg=round(os.getloadavg()[0], 2), torch=torch.__version__, **stage)
if a.trace:
    json.dump(dict(kind=a.kind, impl=out["impl"], losses=losses, final_abs_mean={n: float(p.detach().double().abs().mean()) for n, p in model.named_parameters()}), open(a.trace, "w"))
if a.test: out.update(accuracy(model, a.test, a.k))
print(json.dumps(out))
