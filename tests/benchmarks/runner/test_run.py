"""Running studies: interrupted, with failing runs, on processes and on a cluster."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from benchmarks.runner.grid import StudyError
from benchmarks.runner.results import load_results, write_merged
from benchmarks.runner.run import run_study

from support.tiny_study import tiny_study

ROOT = Path(__file__).parents[3]


def final_table(folder: Path) -> pd.DataFrame:
    rows = load_results(folder).rows
    return rows[[column for column in rows if not column.endswith("seconds")]]


def wait_for_files(folder: Path, count: int, timeout: float = 60.0) -> None:
    deadline = time.monotonic() + timeout
    while len(list(folder.glob("runs/*.json"))) < count:
        assert time.monotonic() < deadline, "the study does not get on"
        time.sleep(0.002)


KILLED = """
import os, random, signal, sys, threading, time
from pathlib import Path
from benchmarks.runner.run import run_study
from support.tiny_study import tiny_study
folder, runs = Path(sys.argv[1]), int(sys.argv[2])

def kill():
    while len(list(folder.glob("runs/*.json"))) < runs:
        time.sleep(0.001)
    # Random on purpose: any moment has to do.
    time.sleep(random.uniform(0.0, 0.05))
    os.kill(os.getpid(), signal.SIGKILL)

if runs:
    threading.Thread(target=kill, daemon=True).start()
run_study(tiny_study(folder.parent, seeds=90, pause=0.01), folder)
"""


def test_a_study_killed_three_times_gives_the_table_of_one_that_was_not(tmp_path):
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])

    def start(runs: int) -> int:
        command = [sys.executable, "-c", KILLED, str(killed), str(runs)]
        environment = {**os.environ, "PYTHONPATH": path}
        return subprocess.run(
            command, env=environment, stdout=subprocess.DEVNULL, check=False
        ).returncode

    straight, killed = tmp_path / "straight", tmp_path / "killed"
    run_study(tiny_study(tmp_path, seeds=90), straight)
    done, written = 0, {}
    for _ in range(3):
        assert start(done + random.randint(1, 10)) == -signal.SIGKILL
        files = {path: path.stat().st_mtime_ns for path in killed.glob("runs/*.json")}
        # What was finished before is neither lost nor done again.
        assert written.items() <= files.items()
        done, written = len(files), files
        results = load_results(killed)
        assert len(set(results.names(results.rows))) == done
    assert 3 <= done < 90
    assert start(0) == 0
    table = final_table(killed)
    assert len(table) == 2 * 90
    assert not table.duplicated(["method", "seed", "task"]).any()
    pd.testing.assert_frame_equal(table, final_table(straight))


def test_a_run_that_raises_stops_no_other_and_is_repeated_on_demand(tmp_path):
    study = tiny_study(tmp_path, methods=("broken", "good"), seeds=3)
    console = Console(record=True, width=100)
    assert run_study(study, tmp_path, console=console) == (6, 3, 3)
    assert "6/6" in console.export_text()
    (tmp_path / "fixed").touch()
    assert run_study(study, tmp_path) == (6, 3, 3)
    assert run_study(study, tmp_path, retry_failed=True) == (6, 6, 0)
    write_merged(load_results(tmp_path), tmp_path)
    assert not (tmp_path / "failures.csv").exists()


def test_processes_give_the_table_of_one(tmp_path):
    study = tiny_study(tmp_path, seeds=6)
    run_study(study, tmp_path / "one")
    run_study(study, tmp_path / "two", jobs=2)
    pd.testing.assert_frame_equal(final_table(tmp_path / "one"), final_table(tmp_path / "two"))


def test_a_dying_process_is_an_error_that_says_what_to_do(tmp_path):
    study = tiny_study(tmp_path, methods=("good", "deadly"), seeds=1)
    with pytest.raises(
        StudyError, match=r"process that was doing a run died(.|\n)*start the study again"
    ):
        run_study(study, tmp_path, jobs=2)
    good = tiny_study(tmp_path, methods=("good",), seeds=1)
    assert run_study(good, tmp_path).finished == 1


def test_jobs_have_to_be_positive(tmp_path):
    with pytest.raises(StudyError, match="at least one job, got 0"):
        run_study(tiny_study(tmp_path), tmp_path, jobs=0)


def test_a_cluster_gives_the_same_table_also_when_a_worker_is_killed(tmp_path):
    distributed = pytest.importorskip("distributed")
    study = tiny_study(tmp_path, seeds=30, pause=0.1)
    quick = tiny_study(tmp_path, seeds=30)
    run_study(quick, tmp_path / "local")
    with distributed.LocalCluster(
        dashboard_address=":0",
        n_workers=2,
        threads_per_worker=1,
        silence_logs=60,
    ) as cluster:

        def kill_one() -> None:
            wait_for_files(tmp_path / "dask", 4)
            os.kill(cluster.workers[0].pid, signal.SIGKILL)

        killer = threading.Thread(target=kill_one)
        killer.start()
        state = run_study(study, tmp_path / "dask", scheduler=cluster.scheduler_address)
        killer.join()
    assert state == (30, 30, 0)
    pd.testing.assert_frame_equal(final_table(tmp_path / "local"), final_table(tmp_path / "dask"))


def test_workers_of_several_threads_are_refused(tmp_path):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            dashboard_address=":0",
            n_workers=1,
            threads_per_worker=2,
            processes=False,
        ) as cluster,
        pytest.raises(StudyError, match="one thread each"),
    ):
        run_study(tiny_study(tmp_path), tmp_path, scheduler=cluster.scheduler_address)


def test_a_scheduler_that_is_not_there_is_named(tmp_path, monkeypatch):
    pytest.importorskip("distributed")  # its defaults have to be there before one is changed
    import dask

    with (
        dask.config.set({"distributed.comm.timeouts.connect": "100ms"}),
        pytest.raises(StudyError, match="no Dask scheduler at tcp://127.0.0.1:9"),
    ):
        run_study(tiny_study(tmp_path), tmp_path, scheduler="tcp://127.0.0.1:9")
