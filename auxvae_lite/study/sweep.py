"""Many runs, each done once: on this machine's cores or on a cluster, and taken up again after whatever stopped them.

    def train(task):  # in a file whose own commands stand under `if __name__ == "__main__":`
        ...
        return {"lds": 0.93}

    run(train, [{"variant": "auxvae", "seed": seed} for seed in range(3)], "build/sweep", workers=2)

On a cluster, whose machines need this package and Dask in the same versions, and no common disk:

    pip install "auxvae-lite[sweep]"
    dask scheduler                                                # once; it listens on port 8786
    dask worker tcp://host:8786 --nthreads 1 --nworkers 16        # on each machine, as many as it has cores
    python script.py --scheduler tcp://host:8786                  # on any

where the script says `with connect(options.scheduler) as executor: run(train, tasks, folder, executor)`. Workers may
join and leave meanwhile. What a worker had begun when it died begins again on another; a task that four workers died of
has failed. Take `--nthreads 1`: a process runs one task at a time, because training sets the process's random state.
A scheduler believes everybody who reaches its port: keep it inside a network that you trust.
"""

import hashlib
import json
import math
import multiprocessing
import os
import re
import socket
import sys
import threading
import time
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from contextlib import contextmanager, nullcontext
from pathlib import Path

from .. import files
from ..cautions import warn

__all__ = ["connect", "key", "run"]

ADDRESS = re.compile(r"(?:tcp|tls)://(\[[0-9a-fA-F:.]+\]|[^\s/:\[\]]+):([0-9]{1,5})")

ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}  # two, beside other processes, are fifty times slower
ALONE = threading.Lock()


def key(task):
    """Name of a task: 16 hexadecimal digits of its sha256, whatever the order of its entries.

    Raises:
        ValueError: if JSON cannot hold the task, as with NaN or an array.
    """
    return hashlib.sha256(_json(task, "task").encode()).hexdigest()[:16]


def run(function, tasks, folder, executor=None, workers=2):
    """Call `function(task)` for every task whose result is not yet in `folder`.

    Arguments:
        function: From a dictionary that JSON can hold to such a dictionary, numbers finite. It is given the task as it
            comes back from JSON, tuples as lists.
        tasks: Dictionaries, each with everything that decides its result, the code's version included. Equal ones are
            run once. Entries "label", "variant" and "seed" are shown while it runs, on stderr, unless CI is set.
        folder: Where `key(task)`.json holds a task and its result, written by the calling process as results arrive.
            A folder belongs to one function.
        executor: A `concurrent.futures.Executor`, as from `connect`; None starts processes with one thread each.
        workers: Number of those processes.

    Returns:
        List of results in the order of `tasks`, the same whether interrupted or not.

    Raises:
        ValueError: if JSON cannot hold a task, or the folder has another task's result under its name.
        RuntimeError: at the end, if some tasks raised, naming them, from the first one's exception.
        BrokenExecutor: if a worker process died, or the cluster is lost. Only what was running is lost: run it again.

    A damaged file is reported by a warning, and its task run again. After Ctrl-C nothing new is begun.
    """
    folder = Path(folder)
    wanted = {key(task): json.loads(_json(task, "task")) for task in tasks}
    results = {name: result for name, task in wanted.items() if (result := _load(folder, name, task)) is not None}
    missing = {name: task for name, task in wanted.items() if name not in results}
    if missing:

        def keep(name, result):
            _save(folder, name, wanted[name], result)
            results[name] = result

        with _processes(min(workers, len(missing))) if executor is None else nullcontext(executor) as executor:
            _collect(function, missing, executor, len(wanted), keep)
    return [results[key(task)] for task in tasks]


@contextmanager
def connect(address, patience=60.0):
    """An executor on a Dask cluster.

    Arguments:
        address: The scheduler's, such as "tcp://host:8786".
        patience: Seconds to wait for an answer of the scheduler, and for a first worker or another one after the last.
            A host that does not exist is told at once.

    Raises:
        ImportError: without Dask.
        ValueError: for an address of another form, at once.
        ConnectionError: if no scheduler answers.
    """
    found = ADDRESS.fullmatch(str(address))
    if not found or int(found[2]) > 65535:
        raise ValueError(f"a scheduler's address is tcp://HOST:PORT, as `dask scheduler` prints it; got {address!r}")
    try:
        from distributed import Client
    except ImportError as error:
        raise ImportError('a cluster needs Dask: pip install "auxvae-lite[sweep]"') from error
    end = time.monotonic() + patience
    try:
        _knock((found[1].strip("[]"), int(found[2])), end)
        client = Client(address, timeout=max(0.1, end - time.monotonic()), set_as_default=False)
    except (OSError, UnicodeError) as error:  # UnicodeError: of a name that cannot be
        raise ConnectionError(
            f"no scheduler answers at {address}: start one with `dask scheduler`, which prints its address"
        ) from error
    with client:
        yield _Cluster(client, address, patience)


def _knock(place, end):
    """Wait until somebody listens there, but not for a name that nobody has: Dask asks for one twice as long."""
    while True:
        try:
            return socket.create_connection(place, timeout=max(0.1, end - time.monotonic())).close()
        except socket.gaierror:
            raise
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


class _Cluster(Executor):
    """A Dask client as an executor. Its own `get_executor` leaves futures pending if a result is lost on its way."""

    def __init__(self, client, address, patience):
        self.client, self.address, self.patience = client, address, patience
        self.served = time.monotonic()  # when there was a worker last

    def submit(self, function, /, *arguments):
        ours, theirs = Future(), self.client.submit(function, *arguments, pure=False, retries=0)

        async def deliver():
            try:
                result, error = await theirs, None
            except BaseException as raised:
                result, error = None, raised
            if error and theirs.status != "error":  # not the task's own
                lost = BrokenExecutor(f"the connection to the scheduler at {self.address} is lost")
                lost.__cause__, error = error, lost
            if ours.set_running_or_notify_cancel():
                ours.set_exception(error) if error else ours.set_result(result)

        def cancel(ours):
            if ours.cancelled() and not theirs.done():
                self.client.loop.add_callback(theirs.cancel)

        self.client.loop.add_callback(deliver)
        ours.add_done_callback(cancel)
        return ours

    def check(self):
        """Raise `BrokenExecutor` if nobody is there to go on."""
        lost = f"the scheduler at {self.address} does not answer"
        if self.client.status != "running":
            raise BrokenExecutor(lost)
        try:
            found = self.client.sync(self.client.scheduler.identity, callback_timeout=self.patience)["workers"]
        except OSError as error:  # TimeoutError, too
            raise BrokenExecutor(lost) from error
        if found:
            self.served = time.monotonic()
        elif time.monotonic() - self.served > self.patience:
            raise BrokenExecutor(f"no worker for {self.patience:g} s: start one with `dask worker {self.address}`")


@contextmanager
def _processes(count):
    """Spawned processes, which end at once when this block is left by an exception or the calling process is killed."""
    outside, children = {name: os.environ.get(name) for name in ONE_THREAD}, set(multiprocessing.active_children())
    os.environ.update(ONE_THREAD)
    pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), initializer=_end_with_parent)
    try:
        yield pool
    except BaseException:
        for child in set(multiprocessing.active_children()) - children:
            child.terminate()
        raise
    finally:
        for name, value in outside.items():
            del os.environ[name]
            os.environ.update({} if value is None else {name: value})
        pool.shutdown(cancel_futures=True)


def _end_with_parent():
    parent = multiprocessing.parent_process()
    threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()


def _alone(function, task):
    """The result, and the seconds that it took."""
    with ALONE:
        start = time.perf_counter()
        return function(task), time.perf_counter() - start


def _collect(function, tasks, executor, total, keep):
    """Run tasks, call `keep(name, result)` as results arrive, and raise what went wrong."""
    start, running, failed, lost, done = time.perf_counter(), {}, {}, None, total - len(tasks)
    try:
        for name, task in tasks.items():
            running[executor.submit(_alone, function, task)] = name
        while running and not lost:
            arrived, _ = wait(running, timeout=1, return_when=FIRST_COMPLETED)
            if not arrived and isinstance(executor, _Cluster):
                executor.check()
            for future in arrived:
                name = running.pop(future)
                try:
                    result, seconds = future.result()
                    result = json.loads(_json(result, "result"))
                except (BrokenExecutor, CancelledError) as error:
                    lost = error
                except (Exception, SystemExit) as error:
                    failed[name] = error
                    _tell(f"{_label(tasks[name])}: {error!r}")
                else:
                    keep(name, result)
                    done += 1
                    left = (time.perf_counter() - start) / (len(tasks) - len(running)) * len(running)
                    _tell(f"{done}/{total} {_label(tasks[name])}: {seconds:.1f} s, {_minutes(left)} left")
    except BrokenExecutor as error:
        lost = error
    finally:
        for future in running:
            future.cancel()
    if lost:
        raise BrokenExecutor(f"{done} of {total} tasks are done; run the same command again ({lost})") from lost
    if failed:
        names, first = "; ".join(_label(tasks[name]) for name in failed), next(iter(failed.values()))
        raise RuntimeError(f"{len(failed)} of {total} tasks failed: {names}. The first: {first!r}") from first


def _label(task):
    return ", ".join(f"{name} {task[name]}" for name in ("label", "variant", "seed") if name in task) or key(task)


def _minutes(seconds):
    return f"{math.ceil(seconds / 60)} min" if seconds > 90 else f"{seconds:.0f} s"


def _tell(line):
    if "CI" not in os.environ:
        print(line, file=sys.stderr, flush=True)


def _json(value, what):
    """Canonical JSON of a dictionary."""
    if not isinstance(value, dict):
        raise ValueError(f"a {what} must be a dictionary, got {value!r}")
    try:
        return json.dumps(value, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"a {what} must be what JSON can hold, with finite numbers ({error}): {value!r}") from error


def _save(folder, name, task, result):
    content = {"task": task, "result": result}
    files.write_text(folder / f"{name}.json", json.dumps(content | {"sha256": _seal(content)}, indent=1) + "\n")


def _load(folder, name, task):
    """The task's result, or None if there is no whole one."""
    path = folder / f"{name}.json"
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        whole = content.pop("sha256") == _seal(content) and content.keys() == {"task", "result"}
    except (ValueError, AttributeError, TypeError, KeyError):
        whole = False
    if not whole:
        warn(f"{path} is damaged or was changed; its task is run again")
        return None
    if content["task"] != task:
        raise ValueError(f"{path} holds another task, {content['task']}: give this sweep a folder of its own")
    return content["result"]


def _seal(content):
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
