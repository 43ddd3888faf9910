"""Sweeps: each task once, whatever is killed meanwhile: a worker, the scheduler, the sweep itself."""

import json
import multiprocessing
import os
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections import Counter
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from auxvae_lite import cautions
from auxvae_lite.cautions import AuxVAEWarning
from auxvae_lite.datasets import FactorDataset
from auxvae_lite.simulators import galaxies
from auxvae_lite.study import sweep
from auxvae_lite.study.sweep import connect, key, run
from auxvae_lite.training import Config, fit

PATHS = os.pathsep.join([str(Path(__file__).parent), str(Path(sweep.__file__).parents[1])])


def square(task):
    """The square of x, with a trace, and mishaps as the task asks."""
    Path(os.environ["TRACES"], f"{key(task)}.{os.getpid()}.{uuid.uuid4()}").touch()
    time.sleep(task.get("pause", 0))
    if task.get("fails"):
        raise ArithmeticError(f"x = {task['x']} is unlucky")
    return {"square": task["x"] ** 2, "pair": (1, 2)} | task.get("extra", {})


def warning(task):
    """Warns."""
    cautions.warn("look twice")
    return {}


def train(task):
    """A minute training, made longer."""
    Path(os.environ["TRACES"], f"{key(task)}.{os.getpid()}.{uuid.uuid4()}").touch()
    config = Config(widths=(4, 4, 8, 8), epochs=1, batch_size=16, seed=task["seed"])
    model, history = fit(config, FactorDataset(*galaxies.simulate(64, task["seed"])))
    time.sleep(float(os.environ.get("PAUSE", 0)))
    weights = sum(parameter.detach().double().sum() for parameter in model.parameters())
    return {"loss": history[0]["loss"], "weights": float(weights)}


@pytest.fixture
def traces(tmp_path, monkeypatch):
    """Folder where each execution of a task leaves a file."""
    folder = tmp_path / "traces"
    folder.mkdir()
    monkeypatch.setenv("TRACES", str(folder))
    monkeypatch.setenv("PYTHONPATH", PATHS)
    return folder


def executions(traces):
    """How often each task was begun."""
    return Counter(path.name.split(".")[0] for path in traces.iterdir())


def begun_by(process, traces):
    """Names of the tasks that a process began."""
    return {path.name.split(".")[0] for path in traces.glob(f"*.{process.pid}.*")}


def kept(folder):
    """Names of the tasks whose results are there."""
    return {path.stem for path in folder.glob("*.json")}


def until(condition, seconds=30):
    """Wait for a condition, but not for ever."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


TASKS = [{"x": x} for x in (3, 1, 2)]
SQUARES = [{"square": x**2, "pair": [1, 2]} for x in (3, 1, 2)]


@pytest.fixture
def threads():
    with ThreadPoolExecutor(2) as pool:
        yield pool


def test_results_keep_the_order_of_the_tasks_and_come_back_from_disk(tmp_path, traces, threads):
    assert run(square, TASKS, tmp_path / "out", threads) == SQUARES
    assert run(square, TASKS[::-1], tmp_path / "out", threads) == SQUARES[::-1]
    assert executions(traces) == dict.fromkeys(map(key, TASKS), 1)
    (tmp_path / "out" / f"{key(TASKS[1])}.json").unlink()
    assert run(square, TASKS, tmp_path / "out", threads) == SQUARES
    assert executions(traces) == {key(task): 1 + (task == TASKS[1]) for task in TASKS}


def test_processes_give_the_same_with_one_thread_each(tmp_path, traces):
    assert run(square, TASKS, tmp_path / "out") == SQUARES
    before = dict(os.environ)
    (threads,) = run(environment, [{}], tmp_path / "environment", workers=1)
    assert threads == {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "torch": 1}
    with pytest.raises(RuntimeError, match="1 of 1 tasks failed: seed 1") as caught:
        run(square, [{"x": 5, "fails": True, "seed": 1}], tmp_path / "failed")
    assert "in square" in str(caught.value.__cause__.__cause__)  # the traceback inside the process
    assert os.environ == before
    assert not multiprocessing.active_children()


def environment(task):
    """What decides the number of threads."""
    import torch

    return {name: os.environ[name] for name in sweep.ONE_THREAD} | {"torch": torch.get_num_threads()}


def test_equal_tasks_are_run_once(tmp_path, traces, threads):
    twice = [{"x": 2, "seed": 0}, {"seed": 0, "x": 2}]
    assert run(square, twice, tmp_path / "out", threads) == [{"square": 4, "pair": [1, 2]}] * 2
    assert executions(traces).total() == 1


def test_a_key_is_the_hash_of_the_canonical_json():
    assert key({"b": 1, "a": (2,)}) == key({"a": [2], "b": 1}) != key({"a": [2], "b": 2})
    assert key({}) == "44136fa355b3678a"  # printf '{}' | sha256sum
    for task in ({"x": float("nan")}, {"x": {1, 2}}, [1]):
        with pytest.raises(ValueError, match="a task must be"):
            key(task)


def test_a_workers_warning_is_shown_and_is_ours(tmp_path, traces, capfd):
    run(warning, [{}], tmp_path, workers=1)
    assert "test_sweep.py" in (told := capfd.readouterr().err) and "AuxVAEWarning: look twice" in told


@pytest.mark.filterwarnings("ignore:.*is damaged or was changed")
def test_a_damaged_file_is_never_believed(tmp_path, traces, threads):
    run(square, TASKS[:1], tmp_path, threads)
    path = tmp_path / f"{key(TASKS[0])}.json"
    whole = path.read_bytes()
    damaged = [whole[:n] for n in range(len(whole) - 1)]
    damaged += [whole[:n] + bytes([whole[n] ^ 1 << n % 8]) + whole[n + 1 :] for n in range(len(whole))]
    for content in damaged:
        path.write_bytes(content)
        assert run(square, TASKS[:1], tmp_path, threads) == SQUARES[:1]
    path.write_bytes(whole.replace(b'"square": 9', b'"square": 8'))
    with pytest.warns(AuxVAEWarning, match=f"{path.name} is damaged or was changed; its task is run again"):
        assert run(square, TASKS[:1], tmp_path, threads) == SQUARES[:1]
    assert path.read_bytes() == whole


def test_another_tasks_file_is_refused_and_kept(tmp_path, traces, threads):
    run(square, TASKS[:1], tmp_path, threads)
    foreign = (tmp_path / f"{key(TASKS[0])}.json").rename(tmp_path / f"{key(TASKS[1])}.json")
    before = foreign.read_bytes()
    with pytest.raises(ValueError, match=r"holds another task, \{'x': 3\}"):
        run(square, TASKS, tmp_path, threads)
    assert foreign.read_bytes() == before and executions(traces).total() == 1


def test_failures_come_last_and_leave_the_rest_on_disk(tmp_path, traces, threads):
    bad = [{"x": 5, "fails": True, "variant": "odd", "seed": 1}, {"x": 6, "extra": {"loss": float("nan")}, "seed": 7}]
    with pytest.raises(ValueError, match="finite"):
        run(square, bad, tmp_path, threads)  # the task itself holds NaN
    bad[1] = {"x": 6, "fails": True, "seed": 7}
    message = r"2 of 5 tasks failed: variant odd, seed 1; seed 7\. The first: ArithmeticError\('x = 5 is unlucky'\)"
    with pytest.raises(RuntimeError, match=message) as caught, ThreadPoolExecutor(1) as one:
        run(square, [*bad, *TASKS], tmp_path, one)
    assert caught.value.__cause__.__traceback__.tb_next.tb_next
    assert kept(tmp_path) >= {key(task) for task in TASKS}
    assert run(square, TASKS, tmp_path, threads) == SQUARES
    assert executions(traces) == {key(task): 1 for task in [*bad, *TASKS]}


@pytest.mark.parametrize("value", [float("inf"), {1, 2}, None])
def test_a_result_that_json_cannot_hold_fails_its_task(tmp_path, threads, value):
    with pytest.raises(RuntimeError, match="1 of 1 tasks failed.*a result must be"):
        run(lambda task: value and {"loss": value}, [{"seed": 0}], tmp_path, threads)
    assert not kept(tmp_path)


def test_threads_do_not_mix_their_random_states(tmp_path, traces):
    tasks = [{"seed": seed} for seed in range(6)]
    with ThreadPoolExecutor(3) as pool:
        assert run(train, tasks, tmp_path / "out", pool) == [train(task) for task in tasks]


def test_progress_says_what_is_done_and_what_is_left(tmp_path, traces, threads, capsys, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    with ThreadPoolExecutor(1) as one:
        run(square, [{"x": 1, "variant": "a", "seed": seed, "pause": 0.8} for seed in (0, 1, 2)], tmp_path, one)
    lines = capsys.readouterr().err.splitlines()
    shown = [re.fullmatch(r"(\d)/3 variant a, seed (\d): \d+\.\d s, (\d+) s left", line).groups() for line in lines]
    assert [(int(done), int(seed)) for done, seed, _ in shown] == [(1, 0), (2, 1), (3, 2)]
    assert int(shown[0][2]) >= 2 > int(shown[2][2]) == 0  # twice the first's seconds, or more
    monkeypatch.setenv("CI", "1")
    run(square, [{"x": 2}], tmp_path, threads)
    assert not capsys.readouterr().err


def test_a_killed_worker_process_costs_what_was_running(tmp_path, traces):
    tasks, out = [{"x": x, "pause": 0.2} for x in range(10)], tmp_path / "out"
    with ThreadPoolExecutor(1) as background:
        sweeping = background.submit(run, square, tasks, out)
        until(lambda: len(kept(out)) >= 3)
        os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)
        error = sweeping.exception(timeout=10)
    assert isinstance(error, BrokenExecutor)
    before = kept(out)
    assert f"{len(before)} of 10 tasks are done; run the same command again" in str(error)
    assert 3 <= len(before) < 10
    assert run(square, tasks, out) == [{"square": x**2, "pair": [1, 2]} for x in range(10)]
    counts = executions(traces)
    assert {counts[name] for name in before} == {1}
    assert counts.total() <= 10 + 2 + 1  # two were running, and a process may have taken the next one already


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_sweep_leaves_no_process_behind(tmp_path, traces, number):
    tasks = [{"x": x, "pause": 0.1 if x < 2 else 60} for x in range(6)]
    listen = "signal.signal(signal.SIGINT, signal.default_int_handler)"  # which a shell's background jobs ignore
    code = f"from test_sweep import *; {listen}; run(square, {tasks}, {str(tmp_path / 'out')!r})"
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    family = [psutil.Process(process.pid)]
    try:
        until(lambda: executions(traces).total() == 4 and len(kept(tmp_path / "out")) == 2)
        family += family[0].children(recursive=True)
        process.send_signal(number)
        _, errors = process.communicate(timeout=10)
        left = psutil.wait_procs(family[1:], timeout=5)[1]
    finally:
        for member in filter(psutil.Process.is_running, family):
            member.kill()
    assert process.returncode == -number
    assert ("KeyboardInterrupt" in errors) == (number == signal.SIGINT)
    assert len(family) > 2 and not left
    assert kept(tmp_path / "out") == {key(task) for task in tasks[:2]}


def test_without_dask_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match=r'pip install "auxvae-lite\[sweep\]"'), connect("tcp://127.0.0.1:1"):
        pass


class Cluster:
    """A scheduler and workers as processes of their own, on loopback."""

    def __init__(self, folder):
        self.taken = socket.socket()
        self.taken.bind(("127.0.0.1", 0))  # a port that nobody else gets and that does not answer
        self.address, self.running = "tcp://{}:{}".format(*self.taken.getsockname()), []
        self.folder, self.log = folder, (folder / "cluster.log").open("w", encoding="utf-8")

    def start(self, program, *options):
        command = [sys.executable, "-m", "dask", program, *options]
        self.running.append(subprocess.Popen(command, stdout=self.log, stderr=self.log))
        return self.running[-1]

    def scheduler(self):
        told = self.folder / f"scheduler-{uuid.uuid4()}.json"
        place = ["--host", "127.0.0.1", "--port", "0", "--dashboard-address", "127.0.0.1:0"]
        process = self.start("scheduler", *place, "--scheduler-file", str(told))
        until(lambda: told.exists() and told.read_bytes().rstrip().endswith(b"}"))  # whole
        self.address = json.loads(told.read_bytes())["address"]
        return process

    def worker(self):
        one = ["--no-nanny", "--nthreads", "1", "--no-dashboard", "--local-directory", str(self.folder)]
        return self.start("worker", self.address, *one)

    def end(self):
        for process in self.running:
            process.kill()
            process.wait()
        self.running.clear()

    def close(self):
        self.end()
        self.taken.close()
        self.log.close()


@pytest.fixture
def cluster(tmp_path):
    cluster = Cluster(tmp_path)
    yield cluster
    cluster.close()


@contextmanager
def clock():
    """Print lines with the seconds since the beginning."""
    start = time.perf_counter()
    print()
    yield lambda line: print(f"{time.perf_counter() - start:5.1f} s  {line}", flush=True)


def sweep_on(address, tasks, folder):
    """What a user's script does."""
    with connect(address, patience=10) as executor:
        return run(train, tasks, folder, executor)


def test_a_cluster_loses_a_worker_and_then_its_scheduler(tmp_path, traces, cluster, monkeypatch):
    tasks, out = [{"seed": seed} for seed in range(12)], tmp_path / "out"
    with clock() as say, ThreadPoolExecutor(1) as background:
        undisturbed = [train(task) for task in tasks]
        say("12 trainings in this process, undisturbed")
        for path in traces.iterdir():
            path.unlink()
        monkeypatch.setenv("PAUSE", "0.5")

        scheduler, first, second = cluster.scheduler(), cluster.worker(), cluster.worker()
        sweeping = background.submit(sweep_on, cluster.address, tasks, out)
        say("the same 12 begun on a scheduler and two workers")
        until(lambda: len(kept(out)) >= 3 and begun_by(second, traces) and begun_by(first, traces) - kept(out))
        first.kill()
        lost = begun_by(first, traces) - kept(out)
        say(f"one worker killed (SIGKILL), {len(kept(out))} of 12 results on disk, {executions(traces).total()} begun")
        until(lambda: len(kept(out)) >= 7 and begun_by(second, traces) - kept(out))
        assert not sweeping.done()
        say(f"the other worker goes on: {len(kept(out))} of 12")
        scheduler.kill()
        killed = time.perf_counter()
        error = sweeping.exception(timeout=20)
        seconds = time.perf_counter() - killed
        say(f"scheduler killed (SIGKILL); {seconds:.1f} s later the sweep ends: {type(error).__name__}: {error}")
        before = kept(out)
        assert isinstance(error, BrokenExecutor)
        assert f"{len(before)} of 12 tasks are done; run the same command again" in str(error)

        cluster.end()
        begun = executions(traces)
        assert {begun[name] for name in before - lost} == {1}
        _, third, fourth = cluster.scheduler(), cluster.worker(), cluster.worker()
        say(f"scheduler and two workers started anew; the same command, with {len(before)} results there")
        assert sweep_on(cluster.address, tasks, out) == undisturbed
        counts = executions(traces)
        again = sum(count - 1 for count in counts.values())
        assert all(counts[name] == begun[name] for name in before)
        assert {counts[name] - begun[name] for name in counts.keys() - before} == {1}
        assert begun_by(third, traces) | begun_by(fourth, traces) == counts.keys() - before
        assert 1 <= again <= 4  # what two workers ran when the first was killed, and with the scheduler
        say(f"12 of 12, equal to the undisturbed ones; {again} trainings, none of them finished, were begun again")


@pytest.mark.parametrize(
    "address",
    [
        "nonsense",
        "",
        "host:8786",
        "tcp://host",
        "tcp://:8786",
        "http://host:8786",
        "tcp://a b:1",
        "tcp://host:x",
        "tcp://host:99999",
    ],
)
def test_an_address_of_another_form_is_refused_at_once(address):
    start = time.monotonic()
    with pytest.raises(ValueError, match="a scheduler's address is tcp://HOST:PORT"), connect(address):
        pass
    assert time.monotonic() - start < 1


@pytest.mark.parametrize("address", ["tcp://no-such-host.invalid:8786", "tcp://..:8786"])
def test_a_host_that_does_not_exist_is_told_at_once(address, monkeypatch):
    def unknown(place, timeout):  # whatever this machine's network would do
        place[0].encode("idna")
        raise socket.gaierror(-2, "Name or service not known")

    start = time.monotonic()
    monkeypatch.setattr(socket, "create_connection", unknown)
    with pytest.raises(ConnectionError, match=f"no scheduler answers at {address}"), connect(address):
        pass
    assert time.monotonic() - start < 5  # of the 60 s that a scheduler has


def test_addresses_are_read():
    for address, host in (("tcp://host:8786", "host"), ("tls://10.0.0.1:1", "10.0.0.1"), ("tcp://[::1]:1", "[::1]")):
        assert sweep.ADDRESS.fullmatch(address)[1] == host


def test_a_cluster_without_workers_or_scheduler_is_an_error_and_no_hang(tmp_path, traces, cluster):
    alone = pytest.raises(ConnectionError, match="no scheduler answers at tcp.*dask scheduler")
    with alone, connect(cluster.address, patience=0.5):
        pass
    scheduler = cluster.scheduler()
    with connect(cluster.address, patience=10) as executor:
        executor.patience = 5  # a busy machine's scheduler may need a second or two for its first answer
        with pytest.raises(BrokenExecutor, match="0 of 3 tasks are done.*no worker for 5 s: start one with `dask work"):
            run(square, TASKS, tmp_path, executor)
        executor.patience = 1.5
        scheduler.send_signal(signal.SIGSTOP)
        with pytest.raises(BrokenExecutor, match="0 of 3 tasks are done.*the scheduler at .* does not answer"):
            run(square, TASKS, tmp_path, executor)
        scheduler.send_signal(signal.SIGCONT)


def test_a_cluster_names_failed_tasks_and_does_not_retry_them(tmp_path, traces, cluster):
    cluster.scheduler(), cluster.worker()
    failed = pytest.raises(RuntimeError, match=r"1 of 4 tasks failed: seed 1\. The first: ArithmeticError")
    with connect(cluster.address, patience=10) as executor, failed:
        run(square, [{"x": 5, "fails": True, "seed": 1}, *TASKS], tmp_path, executor)
    assert executions(traces).total() == 4
    assert [json.loads((tmp_path / f"{key(task)}.json").read_bytes())["result"] for task in TASKS] == SQUARES
