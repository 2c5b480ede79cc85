"""Reranks with Cohere's own client, version 2 and version 1 of its interface.

    cohere_rerank.py URL CA KEY FEATURES.json

Prints one JSON line for each: the order, the scores, what refused an unknown model."""
import json
import ssl
import sys

import cohere
import httpx

url, authority, key, features = sys.argv[1:]
with open(features, encoding="utf-8") as file:
    extra = json.load(file)
web = httpx.Client(verify=ssl.create_default_context(cafile=authority))
for make in (cohere.ClientV2, cohere.Client):
    client = make(key, base_url=url, httpx_client=web)

    def rerank(model):
        return client.rerank(
            model=model, query="Solve x^2 = 4.", documents=["x = 2", "x = 2 or x = -2"], top_n=2,
            request_options={"additional_body_parameters": extra})

    reply = rerank("llama-8b")
    try:
        rerank("unknown-model")
        refusal = None
    except cohere.NotFoundError as error:
        refusal = error.body["error"]["code"]
    print(json.dumps({
        "client": make.__name__, "id": reply.id, "refusal": refusal,
        "results": [[result.index, result.relevance_score] for result in reply.results]}))
