"""The peer of deploy/bench/serve: what a user would write to serve rankers, FastAPI + uvicorn +
PyTorch, 100 rankers in a dictionary, one process, no TLS.

    serve_fastapi.py --kind listwise --port 18765 [--rankers 100] [--width 4096]

POST /rerank/{number}: float16 rows, the instruction first, answered with JSON scores."""
import argparse
import os
import sys
from pathlib import Path

options = argparse.ArgumentParser()
options.add_argument("--kind", choices=["listwise", "pointwise"], default="listwise")
options.add_argument("--port", type=int, default=18765)
options.add_argument("--rankers", type=int, default=100)
options.add_argument("--width", type=int, default=4096)
asked = options.parse_args()

os.environ["OMP_NUM_THREADS"] = "1"
import numpy as np  # noqa: E402
import torch  # noqa: E402
import uvicorn  # noqa: E402
from fastapi import FastAPI, HTTPException, Request  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parent))
import reference  # noqa: E402

torch.set_num_threads(1)
torch.manual_seed(0)
rankers = {
    str(number): reference.Ranker(reference.RankerConfig(asked.kind, asked.width)).eval()
    for number in range(asked.rankers)}
app = FastAPI()


@app.post("/rerank/{number}")
async def rerank(number: str, request: Request):
    body = await request.body()
    ranker = rankers.get(number)
    if ranker is None:
        raise HTTPException(404)
    rows = np.frombuffer(bytearray(body), dtype=np.float16).reshape(-1, asked.width)
    features = torch.from_numpy(rows)
    with torch.inference_mode():
        scores = ranker(features[None, 0], features[None, 1:])[0]
    return {"scores": scores.tolist(), "best": int(scores.argmax())}


uvicorn.run(app, host="127.0.0.1", port=asked.port, log_level="error", access_log=False)
