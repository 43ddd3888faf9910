"""Kill a training process (SIGKILL) and take the run up again: `python tests/kills.py 20` kills at 20 random moments.

Three more kills fall into the saving itself. Each killed run is resumed, and its last checkpoint compared, bit for bit,
with that of a run that nobody disturbed. Exit status 1 if one differs.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import psutil
import torch
import torch._dynamo  # a second of imports, which Adam would begin with in each child
from test_checkpoints import contents
from test_training import TINY, squares

from auxvae_lite import files
from auxvae_lite.training import Config, fit

CONFIG = Config(**TINY | {"epochs": 8, "keep": "best"})
DATA, VALIDATION = squares(), squares(20, seed=1)


def train(path):
    """Train, or go on."""
    fit(CONFIG, DATA, VALIDATION, checkpoint=path)


def in_child(path, prepare=lambda: None, after=float("inf")):
    """Train in a child process, killed when it has used `after` seconds of processor time, however busy the machine is.

    Returns its exit status, negative for a signal, and the seconds it used.
    """
    child = os.fork()
    if not child:
        prepare()
        train(path)
        os._exit(0)
    used = 0.0
    while used < after and not os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        time.sleep(0.001)
        used = sum(psutil.Process(child).cpu_times()[:2])
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), used


def die(*_):
    """End this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


def while_saving(function, fatal, count=3):
    """Replace a function of `os` by a fatal one from its third call on."""

    def prepare():
        original, calls = getattr(os, function), iter(range(1, count))
        setattr(os, function, lambda *a: original(*a) if next(calls, None) else fatal(original, *a))

    return prepare


SAVING = {
    "half of the file written": while_saving("fsync", lambda fsync, fd: (os.ftruncate(fd, 1000), fsync(fd), die())),
    "written, not renamed": while_saving("replace", die),
    "just renamed": while_saving("replace", lambda replace, *names: (replace(*names), die())),
}


def state(path):
    """Where a run stands, and whether the kill fell into a save."""
    epochs = len(files.read(path)[1]["run"]["history"]) if path.exists() else 0
    return f"{epochs:>2} epochs kept" + (", a half-written file aside" if list(path.parent.glob(".*")) else "")


def same(ours, theirs):
    """Whether two checkpoints hold the same, but for the seconds."""
    (tensors, header), (others, other_header) = contents(ours), contents(theirs)
    names = tensors.keys() == others.keys() and header == other_header
    return names and all(torch.equal(tensor, others[name]) for name, tensor in tensors.items())


def main():
    """Kill, resume, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kills", type=int, metavar="N", help="kills at random moments, 0 or more")
    kills = parser.parse_args().kills
    if kills < 0:
        parser.error(f"N must be 0 or more, got {kills}")
    random.seed(0)
    folder = Path(tempfile.mkdtemp())
    status, duration = in_child(folder / "whole")
    assert status == 0
    plans = [(None, lambda: None)] * kills + list(SAVING.items())
    equal = 0
    for number, (name, prepare) in enumerate(plans):
        path = folder / str(number) / "checkpoint"
        path.parent.mkdir()
        after = float("inf") if name else random.uniform(0, duration)
        status, _ = in_child(path, prepare, after)
        while not name and status == 0:  # a run that ended before its moment came was not killed: begin again
            path.unlink()
            after = random.uniform(0, duration)
            status, _ = in_child(path, prepare, after)
        where, when = state(path), name or f"after {after:.3f} of {duration:.2f} s"
        in_child(path)
        result = same(path, folder / "whole")
        equal += result
        print(f"{when:<26} exit {status:>2}, {where:<45} resumed: {'the same' if result else 'DIFFERENT'}", flush=True)
    print(f"{equal} of {len(plans)} resume to the undisturbed result")
    return equal < len(plans)


if __name__ == "__main__":
    os.environ["CI"] = "1"  # no progress bars
    torch.set_num_threads(1)
    sys.exit(main())
