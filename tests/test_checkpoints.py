"""Checkpoints: a run that was stopped and taken up again is the run that was never stopped, bit for bit."""

import functools
import json

import pytest
import torch
from test_training import TINY, sheared, squares

from auxvae_lite import files, older, training
from auxvae_lite.cautions import AuxVAEWarning
from auxvae_lite.models import AuxVAE
from auxvae_lite.training import Config, fit

BATCHES = 6  # of squares(), at TINY's batch size
VARIANTS = [
    (False, {}),
    (True, {"keep": "best", "lr": 0.05, "schedule": "constant"}),
    (True, {"augment": "shear", "precision": "bfloat16", "seed": 3, "factors": ("side",)}),
    (False, {"factors": (), "clip": None}),
]


def stopping(after, terms=training.terms):
    """`terms`, which is interrupted (as by Ctrl-C) once it has been called so often."""
    calls = iter(range(after))

    @functools.wraps(terms)
    def interrupted(*arguments):
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return terms(*arguments)

    return interrupted


def contents(path):
    """A checkpoint's tensors and header, without the seconds."""
    tensors, header = files.read(path)
    for row in header["run"]["history"]:
        del row["seconds"]
    return tensors, header


def assert_same(ours, theirs):
    (tensors, header), (others, other_header) = contents(ours), contents(theirs)
    assert json.dumps(header) == json.dumps(other_header)  # the order of its keys, too
    assert tensors.keys() == others.keys()
    for name, tensor in tensors.items():
        assert torch.equal(tensor, others[name]), name


@pytest.mark.parametrize(("validated", "changes"), VARIANTS)
def test_two_epochs_and_two_are_four(tmp_path, validated, changes):
    data, validation = sheared(squares()), sheared(squares(20, seed=1)) if validated else None
    config = Config(**TINY | {"epochs": 4} | changes)
    whole = fit(config, data, validation, checkpoint=tmp_path / "whole")
    terms = stopping(2 * BATCHES + 2 * validated + 3)  # validation is one batch an epoch
    with pytest.raises(KeyboardInterrupt):
        fit(config, data, validation, terms=terms, checkpoint=tmp_path / "stopped")
    assert len(files.read(tmp_path / "stopped")[1]["run"]["history"]) == 2
    torch.manual_seed(99)  # the caller's random state must not matter
    resumed = fit(config, data, validation, checkpoint=tmp_path / "stopped")
    assert_same(tmp_path / "stopped", tmp_path / "whole")
    assert [list(row) for row in resumed.history] == [list(row) for row in whole.history]
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, resumed.model.state_dict()[name]), name


def test_a_checkpoint_changes_nothing_and_its_model_loads(tmp_path):
    data = squares()
    model, _ = fit(Config(**TINY), data)
    fit(Config(**TINY), data, checkpoint=tmp_path / "c")
    loaded = AuxVAE.load(tmp_path / "c")
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[name]), name
    assert torch.equal(model.encode(data.images).mu, loaded.encode(data.images).mu)
    assert loaded.provenance["config"]["epochs"] == 2


def test_a_finished_run_is_returned_without_training(tmp_path):
    data = squares()
    first = fit(Config(**TINY), data, checkpoint=tmp_path / "c")
    again = fit(Config(**TINY), data, terms=stopping(0), checkpoint=tmp_path / "c")
    assert again.history == first.history


def test_the_best_epoch_is_kept(tmp_path):
    data, validation, calls = squares(), squares(20, seed=1), iter(range(1000))

    def worsening(*arguments):  # by more with each call than training can mend, and without a gradient
        parts = training.terms(*arguments)
        return parts._replace(reconstruction=parts.reconstruction + 1e6 * next(calls))

    config = Config(**TINY | {"epochs": 3, "keep": "best"})
    model, _ = fit(config, data, validation, terms=worsening)
    with pytest.raises(KeyboardInterrupt):
        fit(config, data, validation, terms=stopping(BATCHES + 2), checkpoint=tmp_path / "first")
    first = AuxVAE.load(tmp_path / "first")
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, first.state_dict()[name]), name
    with pytest.raises(ValueError, match="keep='best' needs validation rows"):
        fit(config, data)


def test_a_constant_schedule_may_be_extended_and_one_cycle_may_not(tmp_path):
    data = squares()
    long, short = (Config(**TINY | {"epochs": epochs, "schedule": "constant"}) for epochs in (3, 1))
    fit(long, data, checkpoint=tmp_path / "whole")
    fit(short, data, checkpoint=tmp_path / "extended")
    fit(long, data, checkpoint=tmp_path / "extended")
    whole, extended = contents(tmp_path / "whole"), contents(tmp_path / "extended")
    assert whole[1] == extended[1] and all(torch.equal(t, extended[0][name]) for name, t in whole[0].items())
    with pytest.raises(ValueError, match="extended has 3 epochs already, more than epochs=1"):
        fit(short, data, checkpoint=tmp_path / "extended")
    fit(Config(**TINY), data, checkpoint=tmp_path / "cycle")
    with pytest.raises(ValueError, match="cycle belongs to another run: epochs 2 there, 3 here"):
        fit(Config(**TINY | {"epochs": 3}), data, checkpoint=tmp_path / "cycle")


def test_another_configuration_or_other_data_are_refused_by_name(tmp_path):
    data = squares()
    fit(Config(**TINY), data, checkpoint=tmp_path / "c")
    before = (tmp_path / "c").read_bytes()
    for changes in ({"beta": 2.0, "lr": 0.01}, {"factors": ("side", "brightness")}, {"threads": 2}, {"clip": None}):
        with pytest.raises(ValueError, match="; ".join(f"{name} .* there, .* here" for name in changes)):
            fit(Config(**TINY | changes), data, checkpoint=tmp_path / "c")
    with pytest.raises(ValueError, match=r"c belongs to another run: training data \w+ there, \w+ here\. Use"):
        fit(Config(**TINY), squares(seed=1), checkpoint=tmp_path / "c")
    with pytest.raises(ValueError, match="validation data None there"):
        fit(Config(**TINY), data, squares(20), checkpoint=tmp_path / "c")
    with pytest.raises(ValueError, match="model class AuxVAE there, Another here"):
        fit(Config(**TINY), data, model_class=type("Another", (AuxVAE,), {}), checkpoint=tmp_path / "c")
    same = (tmp_path / "c").read_bytes() == before  # apart from the assertion, which would print both
    assert same


def test_a_model_file_is_no_checkpoint(tmp_path):
    data = squares()
    fit(Config(**TINY), data).model.save(tmp_path / "m")
    with pytest.raises(ValueError, match="m holds no checkpoint"):
        fit(Config(**TINY), data, checkpoint=tmp_path / "m")


def test_a_loss_that_turns_nan_leaves_the_last_good_checkpoint(tmp_path):
    data, calls = squares(), iter(range(100))

    @functools.wraps(training.terms)
    def terms(*arguments):
        parts = training.terms(*arguments)
        return parts._replace(kl=parts.kl * float("nan")) if next(calls) == BATCHES + 3 else parts

    with pytest.raises(FloatingPointError, match="epoch 2, batch 4: kl is nan"):
        fit(Config(**TINY), data, terms=terms, checkpoint=tmp_path / "c")
    assert len(files.read(tmp_path / "c")[1]["run"]["history"]) == 1
    fit(Config(**TINY), data, checkpoint=tmp_path / "c")
    fit(Config(**TINY), data, checkpoint=tmp_path / "whole")
    assert_same(tmp_path / "c", tmp_path / "whole")


def test_a_file_knows_no_device(tmp_path):
    fit(Config(**TINY), squares(), checkpoint=tmp_path / "c")
    from safetensors import safe_open

    with safe_open(tmp_path / "c", framework="pt") as file:  # no device named: where would it put them?
        assert {file.get_tensor(name).device.type for name in file.keys()} == {"cpu"}  # noqa: SIM118


def changed(path, change):
    """Write a checkpoint anew after `change(run)` of what it says of its run."""
    tensors, header = files.read(path)
    change(header["run"])
    files.write(path, tensors, header)


def test_an_older_checkpoint_goes_on_though_settings_were_added_since(tmp_path, monkeypatch):
    data, path = squares(), tmp_path / "c"
    short, long = (Config(**TINY | {"epochs": epochs, "schedule": "constant"}) for epochs in (1, 2))
    fit(short, data, checkpoint=path)
    changed(path, lambda run: run["identity"].pop("likelihood"))
    whole = fit(long, data).history
    resumed = fit(long, data, checkpoint=path).history
    assert [row["loss"] for row in resumed] == [row["loss"] for row in whole]

    changed(path, lambda run: run["identity"].pop("reading"))  # as if it had come later
    with pytest.raises(ValueError, match="belongs to another run: reading None there, powers here"):
        fit(long, data, checkpoint=path)
    monkeypatch.setitem(older.SETTINGS, "reading", "powers")
    assert fit(long, data, checkpoint=path).history == resumed
    monkeypatch.setitem(older.SETTINGS, "reading", "another")
    with pytest.raises(ValueError, match="belongs to another run: reading another there, powers here"):
        fit(long, data, checkpoint=path)


def test_a_checkpoint_with_unknown_fields_goes_on_with_a_warning(tmp_path):
    data, path = squares(), tmp_path / "c"
    whole = fit(Config(**TINY), data, checkpoint=path).history
    changed(path, lambda run: run.update(weather="fair"))
    with pytest.warns(AuxVAEWarning, match="c has fields that this version .* does not know and ignores: weather"):
        assert fit(Config(**TINY), data, checkpoint=path).history == whole
