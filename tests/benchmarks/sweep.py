"""What a second process gains: trainings per minute of a sweep on one and on two processes, on a machine at rest.

    python tests/benchmarks/sweep.py [--tasks 4] [--epochs 80] [--repeats 2] [--dask]

With `--dask` a scheduler and its workers are processes on loopback, started before the clock; otherwise the seconds
include starting the processes. Target: two processes do at least 1.7 times what one does on two cores.
"""

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from contextlib import contextmanager, nullcontext

from auxvae_lite.datasets import FactorDataset
from auxvae_lite.simulators import galaxies
from auxvae_lite.study import sweep
from auxvae_lite.training import Config, fit


def train(task):
    """Train on 512 galaxies with the package's defaults."""
    warnings.filterwarnings("ignore", "posterior collapse")  # too brief to learn
    data = FactorDataset(*galaxies.simulate(512, task["seed"]))
    return {"loss": fit(Config(epochs=task["epochs"], seed=task["seed"]), data).history[-1]["loss"]}


@contextmanager
def cluster(workers):
    """An executor on a Dask scheduler and workers of one thread each, all on loopback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    address, here = f"tcp://127.0.0.1:{port}", ["--host", "127.0.0.1"]
    commands = [["scheduler", *here, "--port", port, "--dashboard-address", "127.0.0.1:0"]]
    commands += [["worker", address, "--no-nanny", "--nthreads", "1", "--no-dashboard"]] * workers
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "dask", *command], env=os.environ | sweep.ONE_THREAD, stderr=subprocess.DEVNULL
        )
        for command in commands
    ]
    try:
        with sweep.connect(address) as executor:
            executor.client.wait_for_workers(workers)
            yield executor
    finally:
        for process in running:
            process.kill()
            process.wait()


def main():
    """Measure, in turns, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=80)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--dask", action="store_true", help="on a Dask cluster instead of a pool of processes")
    options = parser.parse_args()
    if min(options.tasks, options.epochs, options.repeats) < 1:
        parser.error("--tasks, --epochs and --repeats must be at least 1")
    os.environ["CI"] = "1"  # no progress
    tasks = [{"seed": seed, "epochs": options.epochs} for seed in range(options.tasks)]
    ratios, losses = [], []
    for _ in range(options.repeats):
        rates = []
        for workers in (1, 2):
            place = cluster(workers) if options.dask else nullcontext()
            with tempfile.TemporaryDirectory() as folder, place as executor:
                start = time.perf_counter()
                losses.append(sweep.run(train, tasks, folder, executor, workers))
                seconds = time.perf_counter() - start
            rates.append(60 * len(tasks) / seconds)
            print(
                f"{workers} process(es): {len(tasks)} trainings in {seconds:.1f} s, {rates[-1]:.1f} a minute",
                flush=True,
            )
        ratios.append(rates[1] / rates[0])
    assert all(loss == losses[0] for loss in losses), "the results depend on the number of processes"
    ratio = statistics.median(ratios)
    met = "met" if ratio >= 1.7 else "missed"
    print(f"two processes do {ratio:.2f} times what one does, with the same losses; target 1.7 {met}")


if __name__ == "__main__":
    main()
