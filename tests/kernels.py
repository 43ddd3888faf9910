"""Kernels that begin as copies of one process that has imported what all chapters import: 3 s less for each.

The copies know nothing of each other nor of the tests, and have imported nothing of ours. nbval starts each chapter in
a new interpreter, as a reader does.
"""

import multiprocessing
import os
import sys
from pathlib import Path

IMPORTED = [
    "ipykernel.kernelapp",
    "matplotlib.pyplot",
    "safetensors.torch",
    "scipy.optimize",
    "scipy.stats",
    "skimage.metrics",
    "sklearn.ensemble",
    "sklearn.neural_network",
    "torch",
    "tqdm",
]
OURS = Path(__file__).resolve().parents[1]


def run(command, cwd, environment, begun):
    """Be a kernel, in a copy of the process; does not return."""
    import matplotlib
    from ipykernel import kernelapp

    os.setsid()  # as jupyter_client starts one: it signals the whole group
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:] = [place for place in sys.path if place and Path(place) not in (OURS / "tests", OURS / "book/tools")]
    matplotlib.rcParams["backend"] = "module://matplotlib_inline.backend_inline"  # which a kernel names too late here
    begun.set()
    parent = f"--IPKernelApp.parent_handle={os.getppid()}"  # ends with the process that it is a copy of
    kernelapp.launch_new_instance([*command[command.index("-f") :], parent])


class Copy:
    """A kernel's process, with what jupyter_client asks of subprocess.Popen."""

    stdin = stdout = stderr = None

    def __init__(self, command, cwd=None, env=None, **_):
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(IMPORTED)
        begun = context.Event()
        self.process = context.Process(target=run, args=(command, cwd or os.getcwd(), env or dict(os.environ), begun))
        self.process.start()
        begun.wait(60)
        self.pid = self.process.pid

    def poll(self):
        return self.process.exitcode

    def wait(self, timeout=None):
        self.process.join(timeout)
        return self.process.exitcode

    def send_signal(self, number):
        os.kill(self.pid, number)

    def kill(self):
        self.process.kill()

    def terminate(self):
        self.process.terminate()
