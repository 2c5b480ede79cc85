#!/usr/bin/env python3
"""Makes combiner.json: what scipy says of the terms, the conditional logit and the weighted vote.

    make_combiner.py FEATURES... > combiner.json

FEATURES are directories of feature files (deploy/examples/math, or others in the same format). Each
is drawn from twice, with seeds 1 and 2: 60 queries of its train sets whose labels differ, ten
candidates each. The score is the cosine of instruction and response, because a ranker would have to
be run to have another. Needs numpy and scipy; nothing of this project is called.
"""
import itertools
import json
import pathlib
import struct
import sys

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax

PENALTY = 1e-3
TYPES = {"I64": np.int64, "F32": np.float32, "I32": np.int32, "F16": np.float16, "U8": np.uint8}
SIGNALS = ["logprobs", "answers", "finished"]
TERMS = {
    "logprobs": ["mean_logprob", "log_token_count"],
    "answers": ["vote_share", "has_answer"],
    "finished": ["finished"],
}


def read(path):
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    metadata = header.pop("__metadata__")
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        tensors[name] = np.frombuffer(data[begin:end], TYPES[entry["dtype"]]).reshape(entry["shape"])
    return metadata, tensors


def groups(directory, seed, count=60, size=10):
    generator = np.random.default_rng(seed)
    pools = []
    for path in sorted(pathlib.Path(directory).rglob("*.safetensors")):
        metadata, t = read(path)
        if metadata["split"] != "train":
            continue
        for query in range(len(t["offsets"]) - 1):
            pools.append((t, query, range(t["offsets"][query], t["offsets"][query + 1])))
    for place in generator.permutation(len(pools)):
        t, query, pool = pools[place]
        rows = generator.choice(pool, min(size, len(pool)), replace=False)
        labels = t["labels"][rows]
        if labels.min() == labels.max() or count == 0:
            continue
        count -= 1
        instruction = t["instruction"][query].astype(float)
        responses = t["responses"][rows].astype(float)
        norms = np.linalg.norm(responses, axis=1) * np.linalg.norm(instruction)
        group = {
            "scores": np.round(responses @ instruction / norms, 7).tolist(),
            "labels": labels.astype(int).tolist(),
        }
        for name in ["logprobs", "token_counts", "answers", "finished"]:
            if name in t:
                group[name] = t[name][rows].tolist()
        yield group


def terms(group):
    columns = {"score": np.array(group["scores"])}
    if "logprobs" in group and "token_counts" in group:
        counts = np.maximum(group["token_counts"], 1)
        columns["mean_logprob"] = np.array(group["logprobs"]) / counts
        columns["log_token_count"] = np.log(counts)
    if "answers" in group:
        answers = group["answers"]
        columns["vote_share"] = np.array(
            [(answers.count(a) if a >= 0 else 1) / len(answers) for a in answers]
        )
        columns["has_answer"] = np.array([float(a >= 0) for a in answers])
    if "finished" in group:
        columns["finished"] = np.array(group["finished"], float)
    return columns


def fit(xs, rights):
    def loss(b):
        total = sum(logsumexp(x @ b) - logsumexp((x @ b)[r]) for x, r in zip(xs, rights))
        return total / len(xs) + PENALTY / 2 * b @ b

    def gradient(b):
        total = sum(softmax(x @ b) @ x - softmax((x @ b)[r]) @ x[r] for x, r in zip(xs, rights))
        return total / len(xs) + PENALTY * b

    def hessian(b):
        def spread(x):
            p = softmax(x @ b)
            centred = x - p @ x
            return (centred * p[:, None]).T @ centred

        total = sum(spread(x) - spread(x[r]) for x, r in zip(xs, rights))
        return total / len(xs) + PENALTY * np.eye(len(b))

    def descend(start):
        found = minimize(
            loss, start, jac=gradient, hess=hessian, method="trust-exact", options={"gtol": 1e-13}
        )
        return found.x, found.fun

    width = xs[0].shape[1]
    best, value = descend(np.zeros(width))
    # Is there a lower one elsewhere? The loss is not convex where several candidates are right.
    generator = np.random.default_rng(0)
    others = [descend(generator.normal(0, 3, width))[1] for _ in range(5)]
    return best, value, min(others)


def case(directory, seed):
    drawn = list(groups(directory, seed))
    columns = [terms(group) for group in drawn]
    rights = [np.array(group["labels"]) == 1 for group in drawn]
    names = list(columns[0])
    standards = {}
    for name in names:
        values = np.concatenate([c[name] for c in columns])
        deviation = values.std()
        standards[name] = [values.mean(), deviation if deviation > 1e-12 else 1.0]
    known = [s for s in SIGNALS if TERMS[s][0] in names]
    fits = []
    for size in range(len(known) + 1):
        for subset in itertools.combinations(known, size):
            used = ["score"] + [term for s in subset for term in TERMS[s]]
            for chosen in [used, used[1:]]:
                if not chosen:
                    continue
                xs = [
                    np.column_stack(
                        [(c[n] - standards[n][0]) / standards[n][1] for n in chosen]
                    )
                    for c in columns
                ]
                b, loss, elsewhere = fit(xs, rights)
                combined = xs[0] @ b
                weights = softmax(combined)
                entry = {
                    "terms": chosen,
                    "coefficients": b.tolist(),
                    "loss": loss,
                    "least_loss_from_elsewhere": elsewhere,
                    "combined_of_first_group": combined.tolist(),
                }
                if "answers" in drawn[0]:
                    answers = drawn[0]["answers"]
                    entry["answer_weights_of_first_group"] = [
                        float(sum(w for w, other in zip(weights, answers) if other == a))
                        if a >= 0
                        else float(own)
                        for a, own in zip(answers, weights)
                    ]
                fits.append(entry)
    return {
        "name": f"{pathlib.Path(directory).name}, seed {seed}",
        "groups": drawn,
        "standards": standards,
        "fits": fits,
    }


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    cases = [case(directory, seed) for directory in sys.argv[1:] for seed in (1, 2)]
    print(json.dumps({"penalty": PENALTY, "cases": cases}, separators=(",", ":")))
