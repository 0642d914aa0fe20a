"""Snapshots continue elsewhere as if nothing had happened, and survive any death."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ax.api.client import Client
from ax.api.configs import StorageConfig
from ax.exceptions.storage import JSONEncodeError

from botorch_cll.ax import best_by_task, save_client

from support.ax_loops import SURROGATES, make_client, real_parameters, run, strategy, tasks

TESTS = Path(__file__).parents[1]

CONTINUE = """
import json, sys
from ax.api.client import Client
import botorch_cll.ax

found = {}
for path in sys.argv[1:]:
    client = Client.load_from_json_file(path)
    found[path] = [list(client.get_next_trials(max_trials=1).values()) for _ in range(2)]
print(json.dumps(found))
"""

SERVICE = """
import sys
from pathlib import Path
from ax.api.client import Client
from botorch_cll.ax import save_client
from support.ax_loops import make_client, tasks

snapshot, reported = Path(sys.argv[1]), Path(sys.argv[2])
if snapshot.exists():
    client = Client.load_from_json_file(str(snapshot))
else:
    client = make_client("-a, -b", per_task=True)
    save_client(client, snapshot)
while True:
    running = [t for t in client._experiment.trials.values() if t.status.is_running]
    trials = {t.index: t.arm.parameters for t in running} or client.get_next_trials(max_trials=1)
    for index, parameters in trials.items():
        client.complete_trial(trial_index=index, raw_data=tasks(parameters))
        save_client(client, snapshot)
        with reported.open("a") as file:
            file.write(f"{index}\\n")
"""


def command(script: str, *arguments: str) -> dict:
    return {
        "args": [sys.executable, "-W", "ignore", "-c", script, *arguments],
        "env": {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)])},
        "stderr": subprocess.DEVNULL,
    }


def test_a_fresh_process_continues_with_the_same_candidates(tmp_path):
    expected = {}
    for surrogate, objective in [(name, "-a") for name in SURROGATES] + [("multi_rbf", "-a, -b")]:
        client = make_client(objective, surrogate=surrogate, per_task=objective != "-a")
        run(client, tasks, 4)
        client.get_next_trials(max_trials=1)  # Runs on, in the middle of a cycle of tasks.
        path = str(tmp_path / f"{len(expected)}.json")
        save_client(client, path)
        expected[path] = [list(client.get_next_trials(max_trials=1).values()) for _ in range(2)]
    found = subprocess.run(**command(CONTINUE, *expected), stdout=subprocess.PIPE, check=True)
    assert json.loads(found.stdout) == expected


def test_loading_keeps_the_task_whose_turn_it_is(tmp_path):
    client = make_client("-a, -b, -c", per_task=True)
    run(client, tasks, 6)
    save_client(client, tmp_path / "snapshot.json")
    loaded = Client.load_from_json_file(str(tmp_path / "snapshot.json"))
    loaded.get_next_trials(max_trials=3)
    found = [
        t.generator_runs[0].gen_metadata.get("task") for t in loaded._experiment.trials.values()
    ]
    assert found == [None] * 4 + ["a", "b", "c", "a", "b"]
    assert best_by_task(loaded).keys() == {"a", "b", "c"}


def test_a_kill_loses_nothing_that_was_reported(tmp_path):
    snapshot, reported = tmp_path / "snapshot.json", tmp_path / "reported"

    def lines() -> list[str]:
        return reported.read_text().split() if reported.exists() else []

    for wanted, delay in ((6, 0.0), (8, 0.06)):
        process = subprocess.Popen(**command(SERVICE, str(snapshot), str(reported)))
        deadline = time.monotonic() + 120
        while len(lines()) < wanted and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        known = [int(line) for line in lines()]
        assert len(known) >= wanted
        assert len(set(known)) == len(known)
        trials = Client.load_from_json_file(str(snapshot))._experiment.trials
        for index in known:
            assert trials[index].status.is_completed
            observed = trials[index].lookup_data().df.set_index("metric_name")["mean"]
            assert observed.to_dict() == pytest.approx(tasks(trials[index].arm.parameters))


def test_a_failed_save_leaves_the_snapshot_before(tmp_path):
    path = tmp_path / "snapshot.json"
    client = make_client("-a")
    run(client, tasks, 5)
    save_client(client, path)
    before = path.read_bytes()
    spec = client._generation_strategy._nodes[1].generator_spec
    spec.generator_gen_kwargs["model_gen_options"]["optimizer_kwargs"]["options"] = object()
    with pytest.raises(JSONEncodeError, match="not registered"):
        save_client(client, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="Expected a folder for snapshot.json"):
        save_client(make_client("-a"), tmp_path / "none" / "snapshot.json")


def test_options_survive_storage(tmp_path):
    options = {"correlation_layers": (4,), "num_restarts": 6, "num_centers": 8}
    client = make_client("-a, -b", model_options=options)
    run(client, tasks, 5)
    save_client(client, tmp_path / "snapshot.json")
    loaded = Client.load_from_json_file(str(tmp_path / "snapshot.json"))
    loaded.get_next_trials(max_trials=1)
    model = loaded._generation_strategy.adapter.botorch_model
    assert options.items() <= model.options.items()


FROM_DATABASE = """
import json, sys
from ax.api.client import Client
from ax.api.configs import StorageConfig
import botorch_cll.ax

config = StorageConfig(url=sys.argv[1])
found = {}
for name in sys.argv[2:]:
    client = Client.load_from_database(name, storage_config=config)
    found[name] = list(client.get_next_trials(max_trials=1).values())
print(json.dumps(found))
"""


def test_a_database_continues_with_the_same_candidates(tmp_path):
    db = pytest.importorskip("ax.storage.sqa_store.db", exc_type=ImportError)
    url = f"sqlite:///{tmp_path / 'ax.db'}"
    db.init_engine_and_session_factory(url=url)
    db.create_all_tables(db.get_engine())
    client = Client(storage_config=StorageConfig(url=url), random_seed=0)
    client.configure_experiment(parameters=real_parameters(), name="stored")
    client.configure_optimization("-a, -b")
    client.set_generation_strategy(strategy(per_task=True))
    run(client, tasks, 5)
    # The next one is not written to the database: it is left to the other process.
    (run_of_trial,) = client._generation_strategy.gen(client._experiment)[0]
    expected = {"stored": [arm.parameters for arm in run_of_trial.arms]}
    found = subprocess.run(
        **command(FROM_DATABASE, url, *expected), stdout=subprocess.PIPE, check=True
    )
    assert json.loads(found.stdout) == expected
