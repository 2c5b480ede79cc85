"""The client against a real coordinator, where LS_BIN names the folder of lscoord."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from language_system import AsyncClient, Client, RerankRequest, errors, read_feature_set
from language_system.client import RerankResponse, rows_of
from language_system.tensors import Array
from support import DEMO, group, write_set

MODEL = "minilm-l6-math-l5"


@dataclass
class Coordinator:
    url: str
    ca_file: Path
    key: str
    program: str
    environment: dict[str, str]

    def run(self, *arguments: str) -> str:
        return subprocess.run(
            [self.program, *arguments],
            check=True,
            capture_output=True,
            text=True,
            env=self.environment,
        ).stdout

    def client(self) -> Client:
        return Client(self.url, self.key, ca_file=self.ca_file, timeout=20)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def coordinator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coordinator]:
    folder = os.environ.get("LS_BIN")
    if not folder:
        pytest.skip("LS_BIN does not name the folder of lscoord")
    program = str(Path(folder) / "lscoord")
    home = tmp_path_factory.mktemp("coordinator")
    # The embedded cluster runs as another user, who has to reach it.
    for directory in [home, *home.parents]:
        if directory == Path("/tmp"):
            break
        directory.chmod(0o755)
    rest, workers = free_port(), free_port()
    environment = {
        **os.environ,
        "LSCOORD_DATA_DIR": str(home / "data"),
        "LSCOORD_REST_ADDRESS": f"127.0.0.1:{rest}",
        "LSCOORD_DRAIN_LEAD_MS": "50",
    }
    ca_file, url = home / "data/ca/ca.pem", f"https://localhost:{rest}"
    log = (home / "log").open("wb")
    serving = subprocess.Popen(
        [program, "serve", "--worker-address", f"127.0.0.1:{workers}"],
        env=environment,
        stdout=log,
        stderr=log,
    )
    try:
        coordinator = Coordinator(url, ca_file, "lsk_0_none", program, environment)
        for _ in range(600):
            assert serving.poll() is None, (home / "log").read_text()
            if ca_file.exists() and is_ready(coordinator):
                break
            time.sleep(0.1)
        else:
            pytest.fail("lscoord is not ready after a minute: " + (home / "log").read_text())
        coordinator.run("register", "base-model", MODEL, "--hidden-size", "384")
        for domain in ("math/algebra", "math/geometry"):
            coordinator.run("register", "domain", domain)
        coordinator.key = coordinator.run("key", "create", "--name", "tests", "--quiet").strip()
        yield coordinator
    finally:
        serving.terminate()
        serving.wait(30)
        log.close()


def is_ready(coordinator: Coordinator) -> bool:
    """Whether anything answers in our words: a key that is none is refused."""
    try:
        with coordinator.client() as client:
            list(client.models())
    except errors.KeyRefusedError:
        return True
    except errors.LanguageSystemError:
        return False
    return True


def demo_rows(query: int = 0) -> Array:
    demo = read_feature_set(DEMO / "algebra/test.safetensors").group(query)
    return rows_of(demo.instruction, demo.responses)


def test_models_are_listed_and_reranks_are_answered(coordinator: Coordinator) -> None:
    with coordinator.client() as client:
        assert [model.id for model in client.models()] == [MODEL]
        response = client.rerank(
            MODEL, demo_rows(), user="ada", domain="math/algebra", request_id="test-1"
        )
        # Nothing is trained: the candidates keep their order, and the answer says so.
        assert response.id == "test-1"
        assert [result.index for result in response.results] == list(range(20))
        assert response.meta.ranker is None
        assert len(client.rerank(MODEL, demo_rows(), top_n=3).results) == 3


def test_signals_are_taken_and_the_vote_is_the_majoritys(coordinator: Coordinator) -> None:
    demo = read_feature_set(DEMO / "algebra/test.safetensors").group(0)
    assert demo.answers is not None
    with coordinator.client() as client:
        best = client.rerank(MODEL, demo, aggregate="weighted_vote").best
    known = demo.answers[demo.answers >= 0]
    assert demo.answers[best] == np.bincount(known).argmax()
    wide = group(3, hidden_size=384, candidates=10)
    with coordinator.client() as client:
        assert len(client.rerank(MODEL, wide).results) == 10


def test_refusals_are_the_coordinators_own_words(coordinator: Coordinator) -> None:
    with coordinator.client() as client:
        with pytest.raises(errors.UnknownBaseModelError):
            client.rerank("unknown", demo_rows())
        with pytest.raises(errors.ContractMismatchError, match="384"):
            client.rerank(MODEL, demo_rows()[:, :100])
        with pytest.raises(errors.InvalidArgumentError):
            client.rerank(MODEL, demo_rows(), domain="Math Algebra!")
        poisoned = demo_rows().copy()
        poisoned[3, 5] = np.nan
        with pytest.raises(errors.InvalidFeaturesError, match="2"):
            client.rerank(MODEL, poisoned)
        with pytest.raises(errors.UnknownBaseModelError):
            client.prefetch("nobody.listwise")
    with (
        Client(coordinator.url, "lsk_1_x", ca_file=coordinator.ca_file) as client,
        pytest.raises(errors.KeyRefusedError),
    ):
        client.rerank(MODEL, demo_rows())
    with (
        Client(coordinator.url, coordinator.key, max_retries=0) as client,
        pytest.raises(errors.UnreachableError),
    ):
        client.rerank(MODEL, demo_rows())


def test_a_batch_goes_over_kept_connections(coordinator: Coordinator) -> None:
    requests = [RerankRequest(MODEL, demo_rows(n), request_id=f"b-{n}") for n in range(30)]
    requests[4] = RerankRequest("unknown", demo_rows())
    with coordinator.client() as client:
        answers = client.rerank_batch(requests)
    assert isinstance(answers[4], errors.UnknownBaseModelError)
    ids = [answer.id for answer in answers if isinstance(answer, RerankResponse)]
    assert ids == [f"b-{n}" for n in range(30) if n != 4]

    async def batch() -> list[RerankResponse | errors.LanguageSystemError]:
        async with AsyncClient(
            coordinator.url, coordinator.key, ca_file=coordinator.ca_file, timeout=20
        ) as client:
            return await client.rerank_batch(requests)

    assert [type(answer) for answer in asyncio.run(batch())] == [type(a) for a in answers]


def test_lscoord_imports_what_the_writer_writes(coordinator: Coordinator, tmp_path: Path) -> None:
    train, test = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    write_set(train, MODEL, "math/algebra", "train", ())
    write_set(test, MODEL, "math/algebra", "test", (0, 5, 39))
    coordinator.run("features", "import", str(train), str(test))
    listed = coordinator.run(
        "psql", "-c", "select split, query_count, response_count from ls.feature_set_status"
    )
    assert ["train", "40", "640"] in [line.replace("|", " ").split() for line in listed.split("\n")]
    assert ["test", "37", "592"] in [line.replace("|", " ").split() for line in listed.split("\n")]


def test_features_are_handed_in_over_https(coordinator: Coordinator, tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    write_set(path, MODEL, "math/geometry", "train", ())
    with coordinator.client() as client:
        try:
            client.import_features(path)
        except errors.UnknownPathError:
            pytest.skip("this lscoord takes no feature sets over HTTPS")
        except errors.NotPermittedError:
            pass  # A key has to be made for it.
    key = coordinator.run("key", "create", "--name", "features", "--features", "--quiet").strip()
    with Client(coordinator.url, key, ca_file=coordinator.ca_file) as client:
        first = client.import_features(path)
        assert (first.queries, first.responses, first.duplicate) == (40, 640, False)
        again = client.import_features(path)
        assert (again.id, again.digest, again.duplicate) == (first.id, first.digest, True)
        other = tmp_path / "d.safetensors"
        write_set(other, MODEL, "math/unknown", "train", ())
        with pytest.raises(errors.UnknownDomainError):
            client.import_features(other)
        other.write_bytes(path.read_bytes()[:-1000])
        with pytest.raises(errors.InvalidFeaturesError):
            client.import_features(other)

    async def push() -> bool:
        async with AsyncClient(coordinator.url, key, ca_file=coordinator.ca_file) as client:
            return (await client.import_features(path)).duplicate

    assert asyncio.run(push())
