"""The peer of deploy/bench/score: the same scoring in PyTorch, in every way we know to make it
quick. Ours; needs torch and numpy.

Latency of one rerank (1 instruction + K responses), D = 4096, float16 in, scores out. JSON lines.
   bench_infer.py --threads 1 [--rankers 1|100]   (100: a different ranker per call, weights not in cache)"""
import argparse, json, os, time, sys
ap = argparse.ArgumentParser(); ap.add_argument("--threads", type=int, default=1); ap.add_argument("--dim", type=int, default=4096)
ap.add_argument("--k", type=int, default=10); ap.add_argument("--rankers", type=int, default=1); ap.add_argument("--n", type=int, default=3000)
a = ap.parse_args()
for v in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"): os.environ[v] = str(a.threads)
import numpy as np, torch
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import reference as R
torch.set_num_threads(a.threads); torch.manual_seed(0)
x = torch.randn(1, 1 + a.k, a.dim).half()
i, r = x[:, 0].contiguous(), x[:, 1:].contiguous()

def measure(name, fs, kind):
    n = a.n; ts = np.empty(n); m = len(fs)
    g = np.random.default_rng(0).integers(0, m, n)
    with torch.inference_mode():
        for k in range(200): fs[k % m](i, r)
        for k in range(n):
            f = fs[g[k]]; t = time.perf_counter_ns(); f(i, r); ts[k] = time.perf_counter_ns() - t
    q = np.percentile(ts, [1, 50, 90, 99]) / 1e3
    print(json.dumps(dict(name=name, kind=kind, threads=a.threads, rankers=m, p1_us=round(q[0], 1), p50_us=round(q[1], 1), p90_us=round(q[2], 1), p99_us=round(q[3], 1), loadavg=round(os.getloadavg()[0], 2))), flush=True)

class Lean(torch.nn.Module):     # the same mathematics with the fewest eager operations
    def __init__(s, m):
        super().__init__(); s.m = m; s.list = m.c.kind == "listwise"
    def forward(s, i, r):
        m = s.m; z = m.projection(torch.cat([i, r[0]]).float())
        b = m.block[0]
        if s.list:
            T, d = z.shape; h = b.attention.h
            q, k, v = b.attention.qkv(b.norm1(z)).view(T, 3, h, d // h).permute(1, 2, 0, 3).unbind(0)
            o = torch.nn.functional.scaled_dot_product_attention(q[None], k[None], v[None])[0]
            z = z + b.attention.out(o.transpose(0, 1).reshape(T, d)); z = z + b.mlp(b.norm2(z))
        else: z = b.mlp(z)
        n = z / z.norm(dim=-1, keepdim=True)
        return n[1:] @ n[0]

for kind in ("listwise", "pointwise"):
    ms = [R.Ranker(R.RankerConfig(kind, a.dim)).eval() for _ in range(a.rankers)]
    ref = ms[0](i, r)
    measure("eager reference", ms, kind)
    lean = [Lean(m).eval() for m in ms]
    print("# lean max diff", float((lean[0](i, r) - ref).abs().max().detach()))
    measure("eager lean", lean, kind)
    class FastLin(torch.nn.Module):   # oneDNN float32 instead of MKL
        def __init__(s, l): super().__init__(); s.w, s.b = torch.ops.mkldnn._reorder_linear_weight(l.weight.detach(), 1 + a.k), l.bias.detach()
        def forward(s, x): return torch.ops.mkldnn._linear_pointwise(x, s.w, s.b, "none", [], "")
    import copy
    with torch.inference_mode():
        fast = []
        for m in ms:
            f = copy.deepcopy(m); f.projection = FastLin(f.projection)
            fast.append(Lean(f).eval())
        print("# onednn max diff", float((fast[0](i, r) - ref).abs().max().detach()))
    measure("eager lean, projection by oneDNN f32", fast, kind)
    try:
        with torch.inference_mode():
            ts = [torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(l, (i, r)))) for l in lean]
        measure("torchscript trace+freeze", ts, kind)
    except Exception as e: print("# torchscript failed", str(e)[:200])
    if a.rankers == 1:
        try:
            c = torch.compile(lean[0], dynamic=False); 
            with torch.inference_mode(): c(i, r)
            measure("torch.compile", [c], kind)
            import torch._inductor.config as ic
            ic.freezing = True; torch._dynamo.reset()
            c = torch.compile(lean[0], dynamic=False)
            with torch.inference_mode(): c(i, r)
            measure("torch.compile freezing", [c], kind); ic.freezing = False; torch._dynamo.reset()
            c = torch.compile(lean[0], dynamic=False, mode="max-autotune-no-cudagraphs", options=None)
            with torch.inference_mode(): c(i, r)
            measure("torch.compile max-autotune", [c], kind); torch._dynamo.reset()
        except Exception as e: print("# compile failed", str(e)[:300])
    W = ms[0].projection.weight.detach(); xf = x[0].float()
    measure("projection GEMM alone f32", [lambda i, r: xf @ W.t()], kind)
