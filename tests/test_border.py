"""Arrays as people have them: each is right, or refused in words that say where and what to type.

The inputs are ours; each stands for a kind of fault that people met with other packages.
"""

import copy
import functools
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import date
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from test_training import TINY, squares

from auxvae_lite import cautions
from auxvae_lite.arrays import constant, take
from auxvae_lite.cautions import AuxVAEWarning
from auxvae_lite.datasets import FactorDataset
from auxvae_lite.models import AuxVAE
from auxvae_lite.scalings import Scaling
from auxvae_lite.simulators import dsprites, galaxies
from auxvae_lite.training import Config, evaluate, fit, measure, terms

RNG = np.random.default_rng(0)
IMAGES = RNG.random((6, 1, 28, 28)).astype(np.float32)
U = RNG.random((6, 2))
NAMES = ["size", "glow"]
DAYS = np.array(["2024-01-01", "2024-01-03", "2024-01-09", "2024-02-01", "2024-03-01", "2024-05-01"], "datetime64[D]")


def with_entry(value, dtype=object):
    column = U.astype(dtype)
    column[4, 1] = value
    return column


class Table:
    """What pandas gives: columns by name."""

    columns = ("size", "glow")

    def __getitem__(self, name):
        return U[:, self.columns.index(name)]


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    images = Scaling.fit("asinh", torch.linspace(0, 100, 10))
    factors = Scaling.fit("standard", torch.tensor([[1.0, 0.0], [3.0, 90.0]]), dim=0)
    return AuxVAE((1, 28, 28), ("size", "glow"), 4, (4, 4, 8, 8), images, factors).eval()


@pytest.fixture(scope="module")
def log_model():
    images, factors = (Scaling.fit("log10", torch.tensor([[1.0], [10.0]]), dim=dim) for dim in (None, 0))
    return AuxVAE((1, 28, 28), ("size",), 4, (4, 4, 8, 8), images, factors).eval()


# What is refused, by whoever takes factors


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        (np.stack([DAYS, DAYS], 1), r'row 0, column \'size\' is 2024-01-01, a date.*np.timedelta64\(1, "D"\)'),
        (np.stack([DAYS - DAYS[0]] * 2, 1), "a date or a duration: give numbers"),
        (with_entry(np.datetime64("NaT"), "datetime64[D]"), "a date"),
        (with_entry(date(2024, 1, 1)), "row 4, column 'glow' is 2024-01-01, a date"),
        (with_entry("spiral"), r"row 4, column 'glow' is 'spiral', a word.*\(column == \"spiral\"\)"),
        (U.astype(str), r"row 0, column 'size' is .*a word.*\.astype\(float\)"),
        (with_entry([1, 2]), r"row 4, column 'glow' is \[1, 2\], of type list"),
        (with_entry(-np.inf, float), "row 4, column 'glow'"),
        (with_entry(1j, complex), "factors must be real, got complex128"),
        (with_entry(1.797e308, float), "row 4, column 'glow' is 1.8e.308, whose square no float64 holds"),
        (np.array([(1, 2.0)] * 6, "i4,f8"), r"a plain array, got fields \('f0', 'f1'\)"),
        (U.astype(np.int64) + np.arange(12).reshape(6, 2) + 2**60, r"above 2\*\*53.*subtract the smallest"),
        ([[1, 2], [3]], "each row as long as the others"),
        (U[:, 0], r"got \(6,\), 6 images. Write factors\[:, None\]"),
        ((row for row in U), "the value is <generator object .*, of type generator"),
    ],
)
def test_what_is_no_number_is_refused_by_name(factors, message):
    with pytest.raises(ValueError, match=message):
        FactorDataset(IMAGES, factors, NAMES)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.ma.masked_greater(IMAGES, 0.9995), r"images must be known: row \d is masked"),
        (
            np.moveaxis(np.repeat(IMAGES, 3, 1), 1, 3),
            r"channels first, got \(6, 28, 28, 3\): write np.moveaxis\(images, 3, 1\)",
        ),
        (IMAGES[:, 0], r"Is the channel missing\? Write images\[:, None\]"),
        (IMAGES[0, 0], r"One image is images\[None, None\]"),
        (IMAGES * 1j, "images must be real"),
        (IMAGES.astype(float) * 1e39, "images reach 1e.39, beyond float32: divide"),
        (IMAGES.astype(float) + 1e9, "vary by .* around 1e.09, which float32 loses: subtract"),
        (np.where(np.arange(6)[:, None, None, None] == 3, np.nan, IMAGES), "the first in row 3"),
    ],
)
def test_what_is_no_image_is_refused_by_row(images, message, model):
    for take_in in (lambda x: FactorDataset(x, U, NAMES), model.encode):
        with pytest.raises(ValueError, match=message):
            take_in(images)


# What is taken, as if it were NumPy's own


@pytest.mark.parametrize(
    "turn",
    [
        lambda a: a.astype(a.dtype.newbyteorder()),
        lambda a: a[::-1, ..., ::-1].copy()[::-1, ..., ::-1],
        lambda a: np.asfortranarray(a),
        lambda a: np.ma.array(a, mask=False),
        lambda a: a.astype(object),
        lambda a: a.tolist(),
        lambda a: torch.from_numpy(a.copy()).requires_grad_(),
        lambda a: np.lib.stride_tricks.as_strided(a.copy(), a.shape, a.strides, writeable=False),
        lambda a: a.astype(np.longdouble),
    ],
    ids=["big-endian", "backwards", "Fortran", "unmasked", "objects", "lists", "gradients", "read-only", "long"],
)
def test_every_way_to_hold_an_array_gives_the_same(turn, model):
    images, codes = IMAGES[:3], RNG.standard_normal((3, 4)).astype(np.float32)
    data, same = (FactorDataset(f(images), f(U[:3]), NAMES) for f in (turn, np.array))
    assert np.array_equal(data.images, same.images) and np.array_equal(data.factors, same.factors)
    assert torch.equal(model.encode(turn(images)).mu, model.encode(images).mu)
    assert torch.equal(model.decode(turn(codes)), model.decode(codes))
    assert torch.equal(model.generate(turn(U[:3]), free="mean"), model.generate(U[:3], free="mean"))
    one = turn(images)[0]
    assert torch.equal(model.traverse(one, "glow", [0, 45]), model.traverse(images[0], "glow", [0, 45]))


def test_half_precision_conjugates_and_fractions_are_numbers():
    assert take(torch.tensor([1.5]).bfloat16(), "z").tolist() == [1.5]
    assert take([Fraction(1, 2), np.float32(2), True], "z").tolist() == [0.5, 2, 1]
    assert take(np.array([], int), "z").shape == (0,)


def test_a_data_set_is_a_copy():
    images, factors = IMAGES.copy(), U.copy()
    data = FactorDataset(images, factors, NAMES, clean=images)
    part = data.rows(slice(0, 3))
    images[:], factors[:] = 7, 7
    assert data.images.max() < 1 and data.factors.max() < 1 and data.clean.max() < 1
    part.images[:] = part.factors[:] = 9
    assert data.images.max() < 1 and data.factors.max() < 1


def test_columns_by_name_keep_their_names(model):
    assert FactorDataset(IMAGES, Table()).names == ("size", "glow")
    assert FactorDataset(IMAGES, Table(), ["a", "b"]).names == ("a", "b")
    by_name = FactorDataset(IMAGES, {"size": U[:, 0], "glow": U[:, 1]})
    assert by_name.names == ("size", "glow") and np.array_equal(by_name.factors, U)
    with pytest.raises(ValueError, match="the columns are size, glow, names says glow, size: leave names out"):
        FactorDataset(IMAGES, Table(), ["glow", "size"])
    plain = model.generate([[2.0, 30.0], [3.0, 60.0]], free="mean")
    assert torch.equal(model.generate({"glow": [30.0, 60.0], "size": [2.0, 3.0]}, free="mean"), plain)
    torch.testing.assert_close(model.generate({"glow": 30.0, "size": 2.0}, free="mean"), plain[:1])
    for wrong in ({"glow": 30.0}, {"glow": 30.0, "sise": 2.0}):
        with pytest.raises(ValueError, match="the columns are glow.*but this model has size, glow"):
            model.generate(wrong)
    with pytest.raises(ValueError, match="columns must have one length, got 2, 1"):
        model.generate({"glow": [1, 2], "size": 3})


class Quantity(np.ndarray):
    """What astropy gives: numbers with a unit."""

    unit, to_value = "arcsec", None


def test_units_and_odd_objects_are_not_dropped():
    with pytest.raises(ValueError, match=r"factors carry the unit arcsec: give numbers, as value.to_value\('arcsec'\)"):
        FactorDataset(IMAGES, U.view(Quantity), NAMES)
    with pytest.raises(ValueError, match="row 4, column 'glow' is .*a complex number"):
        FactorDataset(IMAGES, with_entry(1 + 2j), NAMES)
    with pytest.raises(ValueError, match=r"row 4, column 'glow' is \d+, above 2\*\*53"):
        FactorDataset(IMAGES, with_entry(2**60 + 1), NAMES)
    with pytest.raises(ValueError, match="images reach .*e-46 only, which float32 loses: multiply"):
        FactorDataset(IMAGES.astype(float) * 1e-46, U)
    with pytest.raises(ValueError, match="names must be a list, which has an order, got {"):
        FactorDataset(IMAGES, U, {"size", "glow"})
    with pytest.raises(ValueError, match="row 0, column 'radius' is masked"):
        galaxies.render(np.ma.array([[5e4, 0.3, 0.1, 0.1, 0.3]], mask=[[0, 1, 0, 0, 0]]))
    with pytest.raises(ValueError, match="row 0, column 'scale' is masked"):
        dsprites.render(np.ma.array([[0, 0.5, 0.1, 0.5, 0.5]], mask=[[0, 1, 0, 0, 0]]))


def test_values_that_a_logarithm_bends_are_warned_of():
    with pytest.warns(AuxVAEWarning, match="'log10' adds 1e-10, and values go down to 1e-15: multiply"):
        Scaling.fit("log10", torch.logspace(-15, -11, 9, dtype=torch.float64)[:, None], dim=0)
    Scaling.fit("log10", torch.tensor([[0.0], [1.0]]), dim=0)  # no warning


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"names": "flux"}, r"names must be a list.*write \['flux'\]"),
        ({"names": NAMES, "units": "mm"}, r"units must be a list.*write \['mm'\]"),
        ({"names": [1, 2]}, "names must be strings, got 1; write '1'"),
        ({"provenance": {"file": object()}}, "provenance must be a mapping that JSON can hold .*of type object"),
        ({"provenance": {"sky": float("nan")}}, "provenance must be a mapping"),
    ],
)
def test_names_units_and_provenance_are_what_a_file_can_hold(arguments, message):
    with pytest.raises(ValueError, match=message):
        FactorDataset(IMAGES, U, **arguments)


def test_provenance_is_turned_into_what_json_holds(tmp_path):
    given = {"sky": np.float32(0.5), "from": Path("a/b"), "day": date(2024, 1, 2), "shape": np.arange(2), "at": (1, 2)}
    data = FactorDataset(IMAGES, U, NAMES, provenance=given)
    data.save(tmp_path / "d.safetensors")
    kept = {"sky": 0.5, "from": str(Path("a/b")), "day": "2024-01-02", "shape": [0, 1], "at": [1, 2]}
    assert FactorDataset.load(tmp_path / "d.safetensors").provenance == data.provenance == kept


def test_columns_by_one_string_are_refused():
    with pytest.raises(ValueError, match=r"write \['size'\]"):
        FactorDataset(IMAGES, U, NAMES).columns("size")


# Values that are numbers and should not be


def test_a_value_far_out_is_warned_of():
    factors = RNG.random((2000, 2))
    factors[1234, 1] = -99
    images = np.zeros((2000, 1, 1, 1))
    with pytest.warns(AuxVAEWarning, match="row 1234, column 'glow' is -99, over 100 .*1 such rows.*'unknown'"):
        FactorDataset(images, factors, NAMES)
    factors[1234, 1] = 0.5
    FactorDataset(images, np.hstack([factors, RNG.standard_normal((2000, 1)), np.eye(2000)[:, :1]]))  # no warning


def test_what_is_constant_is_decided_in_one_place():
    a = np.array([[2460310.5, 1e300, 0.0, 1.0, 0.1 * 3], [2460310.5 + 1e-6, 1e300, 0.0, 1 + 1e-15, 0.3]])
    assert constant(a).tolist() == [False, True, True, True, True]
    assert constant(np.array([[-1e308], [1e308]])).tolist() == [False]
    with pytest.raises(ValueError, match="column 1 holds one value"):
        Scaling.fit("minmax", a[:, :2], dim=0)
    Scaling.fit("minmax", a[:, :1], dim=0)
    data = FactorDataset(IMAGES, np.column_stack([U[:, 0], 0.3 + 1e-17 * np.arange(6)]), NAMES)
    with pytest.raises(ValueError, match="factor 'glow' is constant"):
        fit(Config(**TINY), data)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (lambda x: x + 10_000, "half of the images span less than .* Subtract the background"),
        (lambda x: x * 1e-9, "largest pixel is .*e-0., where 'asinh' is a straight line"),
        (lambda x: np.hstack([x, x, 1e-3 * x]), "channel 2 spans .*, channel 0 .*: they share one scaling"),
    ],
)
def test_pixels_that_the_loss_would_hardly_see_are_said(changes, message):
    data = squares(40)
    with pytest.warns(AuxVAEWarning, match=message):
        fit(Config(**TINY | {"epochs": 1}), FactorDataset(changes(data.images), data.factors, data.names))


# A model's own units


def test_factors_lose_their_offset_before_their_digits():
    days = 2460310 + np.linspace(0, 2, 40)
    data = FactorDataset(squares(40).images, days[:, None], ["day"])
    model, _ = fit(Config(**TINY | {"epochs": 1}), data)
    week = 2460310.5 + np.arange(7) / 7
    pictures = model.traverse(data.images[0], "day", week)
    assert len({picture.numpy().tobytes() for picture in pictures}) == 7
    first, second = model.generate([[2460310.5], [2460310.6]], free="mean")
    assert not torch.equal(first, second)
    scaled = (week - days.mean()) / days.std()
    z = model.encode(data.images[:1]).mu.repeat(7, 1)
    z[:, 0] = torch.tensor(scaled)
    torch.testing.assert_close(pictures, model.decode(z), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("call", ["generate", "decode", "traverse"])
def test_no_nan_goes_through_a_model(model, call):
    arguments = {"generate": ([[1, 2], [np.nan, 0.5]],), "decode": ([[0] * 4, [np.nan] * 4],)}
    arguments["traverse"] = (IMAGES[0], "glow", [0, np.nan])
    with pytest.raises(ValueError, match="must be finite.*row 1"):
        getattr(model, call)(*arguments[call])


def test_a_logarithm_of_nothing_is_refused(log_model):
    with pytest.raises(ValueError, match="images row 1 has pixels below 0, and this model takes logarithms: clip"):
        log_model.encode(np.stack([IMAGES[0], -IMAGES[1]]))
    with pytest.raises(ValueError, match="factors row 1: size = -2 has no logarithm.*above 0"):
        log_model.generate([[1.0], [-2.0]])


def test_factors_far_outside_are_warned_of(model):
    with pytest.warns(AuxVAEWarning, match=r"factors row 1: glow = -2000 lies far outside what the model was told"):
        model.generate([[2.0, 30.0], [2.0, -2000]])
    with pytest.warns(AuxVAEWarning, match="z row 0 decodes to pixels beyond float32"):
        model.decode([[1e30] * 4])
    model.generate([[2.0, 30.0]])  # no warning


def test_a_traversal_takes_a_list(model):
    with pytest.raises(ValueError, match=r"values must be a list.*write \[0.5\]"):
        model.traverse(IMAGES[0], "glow", 0.5)


# `fit`


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sigma": True}, "sigma must be a finite number, got True"),
        ({"widths": 8}, "widths must be a list of the encoder's channels, got 8"),
        ({"factors": {"a", "b"}}, "factors must be a list, which has an order, got {"),
        ({"seed": 2**32}, "seed must be at most 1431655764"),
        ({"threads": 2**40}, "threads must be at most 2147483647"),
    ],
)
def test_settings_that_would_fail_later_or_differ_between_runs_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Config(**changes)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda model: model.traverse(IMAGES[0], True, [0.0]), "a factor's name or a latent's number, got True"),
        (lambda model: model.traverse(IMAGES[0], 1.5, [0.0]), "a factor's name or a latent's number, got 1.5"),
        (lambda model: model.generate([[1, 2]], 0), r"write generator=torch.Generator\(\).manual_seed\(0\), got 0"),
        (lambda model: evaluate((model, []), squares(9)), "with model, history = fit.*got tuple as model"),
        (lambda model: evaluate(model, (IMAGES, U)), "rows must be a FactorDataset, got tuple"),
        (lambda model: fit(TINY, squares(9)), r"config must be a Config, got dict: write Config\("),
        (lambda model: squares(4).split(0, groups=[1, 1, None, 2]), "groups row 2 has no label"),
    ],
)
def test_a_wrong_kind_of_argument_is_named(model, call, message):
    with pytest.raises(ValueError, match=message):
        call(model)


def test_a_model_encodes_in_its_own_precision(model):
    double = copy.deepcopy(model).double()
    torch.testing.assert_close(double.encode(IMAGES).mu.float(), model.encode(IMAGES).mu, rtol=1e-4, atol=1e-5)
    assert double.generate([[2.0, 30.0]]).dtype == torch.float64


def test_rows_are_rows():
    data = squares(4)
    assert data.rows(2).images.shape == (1, 1, 28, 28)
    assert data.rows((3, 0)).factors.tolist() == data.factors[[3, 0]].tolist()
    assert len(data.rows([])) == 0 and data.columns(name for name in ["side"]).shape == (4, 1)
    for wrong in (None, [[0, 1]], ["side"], [0.0]):
        with pytest.raises(ValueError, match="rows are a slice, a list of numbers or a mask, got"):
            data.rows(wrong)


def test_threads_may_encode_with_a_model_in_training_mode(model):
    images, training = np.repeat(IMAGES, 20, 0), copy.deepcopy(model).train()
    state = {name: tensor.clone() for name, tensor in training.state_dict().items()}
    right, found = model.encode(images).mu, []
    workers = [threading.Thread(target=lambda: found.append(training.encode(images).mu)) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(found) == 8 and all(torch.equal(mu, right) for mu in found) and training.training
    assert all(torch.equal(tensor, state[name]) for name, tensor in training.state_dict().items())


def never(*arguments):
    raise AssertionError("training has begun")


def test_what_would_fail_after_an_epoch_fails_before(tmp_path):
    data = squares(20)
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file/run.safetensors"):
        with pytest.raises(OSError, match=str(path)):
            fit(Config(**TINY), data, terms=never, checkpoint=path)
    with pytest.raises(ValueError, match="validation holds no row: give some, or None"):
        fit(Config(**TINY), data, data.rows([]), terms=never)


def test_a_subclass_loads_what_it_saved(tmp_path):
    class Survey(FactorDataset):
        pass

    Survey(IMAGES, U).save(tmp_path / "s.safetensors")
    assert isinstance(Survey.load(tmp_path / "s.safetensors"), Survey)


def test_data_changed_after_they_were_checked_are_checked_again():
    for name, place in (("images", (3, 0, 0, 0)), ("factors", (3, 1))):
        data = squares(20)
        getattr(data, name)[place] = np.inf
        with pytest.raises(ValueError, match=f"{name} must be finite: 1 values are not, the first in row 3"):
            fit(Config(**TINY), data)


def test_fit_takes_data_sets():
    data = squares(20)
    with pytest.raises(ValueError, match="training rows must be a FactorDataset, got tuple"):
        fit(Config(**TINY), (data.images, data.factors))
    with pytest.raises(ValueError, match="validation rows must be a FactorDataset, got ndarray"):
        fit(Config(**TINY), data, data.images)


def test_numpys_numbers_are_turned_into_numbers_that_a_file_holds(tmp_path):
    config = Config(**TINY | {"lr": np.float32(1e-3), "beta": np.int64(2), "factors": (np.str_("side"),), "epochs": 1})
    assert [type(value) for value in (config.lr, config.beta)] == [float, int]
    fit(config, squares(20), checkpoint=tmp_path / "c")[0].save(tmp_path / "m")
    with pytest.raises(ValueError, match="factors must be strings, got 1; write '1'"):
        Config(factors=(1,))
    for narrow in (lambda: Config(widths=(1, 1)), lambda: AuxVAE((1, 28, 28), widths=(1, 1))):
        with pytest.raises(ValueError, match="each of widths must be at least 2"):
            narrow()


def test_shear_needs_its_two_columns():
    names = ("flux", "radius", "e1", "e2", "psf")
    simulated = galaxies.simulate(64, seed=0)
    renamed = FactorDataset(simulated.images, simulated.factors, names)
    with pytest.raises(
        ValueError, match="turns the columns g1 and g2 with the images; the data have flux, radius, e1, e2"
    ):
        fit(Config(**TINY | {"augment": "shear", "latent_dim": 5}), renamed)


def histories(run):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in run.history]


def same(first, second):
    weights = (run.model.state_dict() for run in (first, second))
    return histories(first) == histories(second) and all(
        torch.equal(*pair) for pair in zip(*(w.values() for w in weights), strict=True)
    )


@pytest.mark.parametrize("setting", ["dtype", "device", "no_grad", "inference", "autocast", "threads"])
def test_what_the_notebook_has_set_changes_nothing(setting):
    data, config = squares(40), Config(**TINY)
    plain = fit(config, data, data)
    before = torch.get_default_dtype(), torch.get_default_device(), torch.get_num_threads(), torch.get_rng_state()
    contexts = {"no_grad": torch.no_grad, "inference": torch.inference_mode}
    contexts["autocast"] = functools.partial(torch.autocast, "cpu", torch.bfloat16)
    try:
        if setting == "dtype":
            torch.set_default_dtype(torch.float64)
        if setting == "device":
            torch.set_default_device("meta")
        if setting == "threads":
            torch.set_num_threads(2)
        with contexts.get(setting, torch.enable_grad)():
            other = fit(config, data, data)
            codes, drawn = (
                other.model.encode(data.images).mu,
                other.model.generate(data.factors, torch.Generator("cpu")),
            )
            moved = other.model.traverse(data.images[0], "side", [4, 5])
            measured = measure(other.model, config, data, 0.01)
    finally:
        torch.set_default_dtype(before[0])
        torch.set_default_device(None)
        torch.set_num_threads(before[2])
    assert same(plain, other)
    assert torch.equal(codes, plain.model.encode(data.images).mu)
    assert torch.equal(drawn, plain.model.generate(data.factors, torch.Generator("cpu")))
    assert torch.equal(moved, plain.model.traverse(data.images[0], "side", [4, 5]))
    assert measured == measure(plain.model, config, data, 0.01)
    assert torch.equal(before[3], torch.get_rng_state())


def test_threads_give_what_one_after_the_other_gives():
    data, before = squares(40), torch.get_rng_state()
    serial = [fit(Config(**TINY, seed=seed), data) for seed in range(4)]
    for _ in range(3):
        found, together = {}, threading.Barrier(4)

        def work(seed, found=found, together=together):
            together.wait()
            found[seed] = fit(Config(**TINY, seed=seed), data)

        workers = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert all(same(serial[seed], found[seed]) for seed in range(4))
    assert torch.equal(before, torch.get_rng_state())


def test_scalings_stay_where_float64_is():
    model = AuxVAE((1, 28, 28), ("a",), image_scaling=Scaling("minmax", 1.0, 2.0)).to("meta").half()
    assert (model.image_scaling.offset.device.type, model.image_scaling.offset.dtype) == ("cpu", torch.float64)
    assert next(model.parameters()).device.type == "meta"


def test_bfloat16_is_asked_of_the_device_that_trains(monkeypatch):
    asked = []
    real = torch.autocast

    def watching(device, dtype=None, enabled=True, **options):
        asked.append((device, enabled))
        return real(device, dtype=dtype, enabled=enabled, **options)

    monkeypatch.setattr(torch, "autocast", watching)
    config = Config(**TINY | {"epochs": 20})
    half, full = (fit(replace(config, precision=p), squares(40)).history for p in ("bfloat16", "float32"))
    assert ("cpu", True) in asked
    assert half[-1]["loss"] == pytest.approx(full[-1]["loss"], rel=0.2) and half[-1]["loss"] < 0.7 * half[0]["loss"]


def scaled_terms(weight, *arguments):
    return terms(*arguments)._replace(inter=weight * terms(*arguments).inter)


def test_terms_with_arguments_train_and_what_has_no_name_is_refused(tmp_path):
    data, config = squares(20), Config(**TINY | {"epochs": 1})
    doubled, halved = functools.partial(scaled_terms, 2.0), functools.partial(scaled_terms, 0.5)
    fit(config, data, terms=doubled)
    fit(config, data, terms=lambda *arguments: terms(*arguments))
    fit(config, data, terms=doubled, checkpoint=tmp_path / "c")
    fit(config, data, terms=functools.partial(scaled_terms, 2.0), checkpoint=tmp_path / "c")
    with pytest.raises(ValueError, match=r"terms scaled_terms\(2.0\) there, scaled_terms\(0.5\) here"):
        fit(config, data, terms=halved, checkpoint=tmp_path / "c")
    with pytest.raises(ValueError, match="need names to be told apart, got .*<lambda>: define it with def"):
        fit(config, data, terms=lambda *arguments: terms(*arguments), checkpoint=tmp_path / "d")
    assert not (tmp_path / "d").exists()


def test_a_validation_loss_that_is_not_finite_is_named():
    data = squares(40)
    data.images[:] = data.images / data.images.max()
    bright = FactorDataset(data.images[:20] * 1e30, data.factors[:20], data.names)
    config = Config(**TINY | {"image_scaling": "minmax"})
    for keep in ("best", "last"):
        with pytest.raises(
            FloatingPointError, match="epoch 1, validation: the given rows, from row 0: reconstruction is"
        ):
            fit(Config(**TINY | {"image_scaling": "minmax", "keep": keep}), data, bright)
    model, _ = fit(config, data)
    with pytest.raises(FloatingPointError, match="from row 0: reconstruction is"):
        measure(model, config, bright, 0.01)


@pytest.mark.parametrize(("progress", "shown"), [(True, True), (False, False), (None, False)])
def test_the_bar_is_asked_for_or_not(capfd, monkeypatch, progress, shown):
    monkeypatch.setenv("CI", "1")
    fit(Config(**TINY | {"epochs": 1}), squares(20), progress=progress)
    said = capfd.readouterr().err
    assert ("checkpoint=FILE would keep it through Ctrl-C" in said) == shown == bool(said)


# `evaluate`, `split`


def test_one_latent_has_no_sap_and_the_other_scores():
    data = squares(40)
    model, _ = fit(Config(**TINY | {"latent_dim": 1}, factors=("side",)), data)
    with pytest.warns(AuxVAEWarning, match="SAP compares two latents and this model has one: left out"):
        scores, _ = evaluate(model, data)
    assert "sap_r2" not in scores and {"lds", "corr_side", "ssim_image"} <= scores.keys()


def test_a_factor_that_the_part_lacks_is_left_out_by_name():
    data = squares(40)
    rare = FactorDataset(data.images, np.column_stack([data.factors, np.arange(40) == 0]), [*data.names, "rare"])
    model, _ = fit(Config(**TINY), rare)
    with pytest.warns(AuxVAEWarning, match="constant in these 30 rows, so left out of .*: rare"):
        scores, _ = evaluate(model, rare.rows(slice(10, None)))
    assert "corr_rare" not in scores and {"lds", "sap_r2", "corr_side"} <= scores.keys()


def test_without_factors_there_is_ssim_alone():
    data = squares(40)
    bare = FactorDataset(data.images, np.empty((40, 0)))
    scores, reference = evaluate(fit(Config(**TINY, factors=()), data).model, bare)
    assert scores.keys() == reference.keys() == {"ssim_global", "ssim_image"}


def test_a_blank_image_is_named_in_evaluate():
    data = squares(40)
    model, _ = fit(Config(**TINY), data)
    data.images[7] = 3
    with pytest.raises(ValueError, match=r"(row|image) 7\b"):
        evaluate(model, data)


@pytest.mark.parametrize("shares", [{"train": 70, "test": 10}, {"train": 0.0}, {"test": 1.0}])
def test_shares_are_shares(shares):
    with pytest.raises(ValueError, match="are shares, above 0 .*write train=0.7, test=0.1"):
        squares(20).split(seed=0, **shares)
    with pytest.raises(ValueError, match="validation part is empty.*other shares"):
        squares(20).split(seed=0, train=0.9, test=0.2)


def test_groups_stay_together():
    data = squares(200)
    stars = RNG.integers(0, 40, 200)
    data.factors[:, 1] = stars
    parts = data.split(seed=0, groups=[f"star {k}" for k in stars])
    seen = [set(part.factors[:, 1]) for part in parts]
    assert not (seen[0] & seen[1] or seen[0] & seen[2] or seen[1] & seen[2]) and len(set.union(*seen)) == len(
        set(stars)
    )
    assert sum(map(len, parts)) == 200 and 140 <= len(parts[0]) <= 150 and 20 <= len(parts[2]) <= 30
    again = data.split(seed=0, groups=[f"star {k}" for k in stars])
    assert all(np.array_equal(a.factors, b.factors) for a, b in zip(parts, again, strict=True))
    with pytest.raises(ValueError, match=r"one label per row, shape \(200,\); got \(3,\)"):
        data.split(seed=0, groups=[1, 2, 3])
    with pytest.raises(ValueError, match="the validation part is empty"):
        data.split(seed=0, groups=np.arange(200) // 100)


def test_our_warnings_have_a_class_and_point_to_the_callers_line():
    with pytest.warns(AuxVAEWarning) as caught:
        cautions.warn("here")
    assert caught[0].filename == __file__
    code = (
        "import warnings; from auxvae_lite.cautions import AuxVAEWarning\n"
        "warnings.simplefilter('error', AuxVAEWarning)\n"
        "import numpy as np; from auxvae_lite.datasets import FactorDataset\n"
        "u = np.random.default_rng(0).random((200, 1)); u[3] = -99\nFactorDataset(np.zeros((200, 1, 1, 1)), u)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1 and "row 3, column 'u1' is -99" in done.stderr
