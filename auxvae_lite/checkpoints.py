"""Checkpoints: a model file with the run's state beside the weights, so that training goes on bit for bit.

`AuxVAE.load` reads one, too: it holds the model of its last whole epoch. No pickled code is ever written or run.
"""

import json
from dataclasses import dataclass, field

import torch
from torch import nn

from . import files, older

__all__ = ["Run", "resume", "save"]

FIELDS = ("identity", "history", "steps", "groups")  # of a header's "run"


@dataclass
class Run:
    """All that changes while training goes on.

    Arguments:
        model: An `AuxVAE`.
        optimiser: Its `torch.optim.Adam`.
        schedule: The optimiser's learning-rate scheduler.
        generators: Mapping from a name to its `torch.Generator`.
        history: One dictionary of floats per finished epoch.
        best: State of the model after the best epoch so far, by name; empty if nobody asked for it.
    """

    model: nn.Module
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    generators: dict
    history: list = field(default_factory=list)
    best: dict = field(default_factory=dict)


def save(path, run, identity):
    """Write a run in one step: what was there before stays whole until the new file is.

    Arguments:
        path: Final name.
        run: `Run`.
        identity: Mapping that JSON can hold: everything that must be the same for the run to go on.
    """
    tensors, header = run.model.contents()
    optimiser = run.optimiser.state_dict()
    state = {f"best.{name}": tensor for name, tensor in run.best.items()}
    state |= {f"random.{name}": generator.get_state() for name, generator in run.generators.items()}
    state["random"] = torch.get_rng_state()
    for index, slots in optimiser["state"].items():
        state |= {f"optimiser.{index}.{name}": tensor for name, tensor in slots.items()}
    header["run"] = {
        "identity": identity,
        "history": run.history,
        "steps": run.schedule.last_epoch,
        "groups": optimiser["param_groups"],
    }
    files.write(path, tensors | {f"run.{name}": tensor for name, tensor in state.items()}, header)


def resume(path, run, identity):
    """Bring `run`, freshly made, to where `save` left it.

    Arguments:
        path, identity: As in `save`.
        run: `Run`, changed in place; torch's global random state is set, too.

    Raises:
        ValueError: for a damaged or foreign file, or for another identity, naming what differs.
    """
    tensors, header = files.read(path)
    if "run" not in header:
        raise ValueError(f"{path} holds no checkpoint; give another file, or remove it to start anew")
    kept = header["run"]
    if not isinstance(kept, dict) or not isinstance(kept.get("identity"), dict):
        raise ValueError(f"{path} does not fit its own header (no identity); remove it to start anew")
    files.expect(kept, FIELDS, path)
    _check_same(path, older.complete(kept["identity"]), older.complete(json.loads(json.dumps(identity))))
    try:
        _restore(run, tensors, kept)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path} does not fit its own header ({error}); remove it to start anew") from error


def _restore(run, tensors, kept):
    state = {name.removeprefix("run."): tensor for name, tensor in tensors.items() if name.startswith("run.")}
    run.model.load_state_dict({name: tensor for name, tensor in tensors.items() if not name.startswith("run.")})
    run.best = _part(state, "best.")
    for name, generator in run.generators.items():
        generator.set_state(state[f"random.{name}"])
    torch.set_rng_state(state["random"])
    parameters = [parameter for group in run.optimiser.param_groups for parameter in group["params"]]
    slots = {i: _like(parameter, _part(state, f"optimiser.{i}.")) for i, parameter in enumerate(parameters)}
    run.optimiser.load_state_dict({"state": slots, "param_groups": kept["groups"]})
    run.schedule.load_state_dict({"last_epoch": kept["steps"], "_step_count": kept["steps"] + 1})
    run.history = kept["history"]


def _part(state, prefix):
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}


def _like(parameter, slots):
    """Adam's tensors of one parameter, in the parameter's own shape and memory layout."""
    moments = {name: slots[name].view_as(parameter) for name in ("exp_avg", "exp_avg_sq")}
    return {"step": slots["step"]} | {name: torch.empty_like(parameter).copy_(t) for name, t in moments.items()}


def _check_same(path, kept, wanted):
    differing = [name for name in {**wanted, **kept} if kept.get(name) != wanted.get(name)]
    if differing:
        changes = "; ".join(f"{name} {kept.get(name)} there, {wanted.get(name)} here" for name in differing)
        raise ValueError(f"{path} belongs to another run: {changes}. Use its settings, or give another file")
