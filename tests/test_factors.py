"""Factors as people have them: numbers, angles, classes; gaps and tables; their columns, files and scores."""

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from astropy import units
from astropy.table import QTable, Table
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score

from auxvae_lite import files, labels, sensitivity
from auxvae_lite.datasets import FactorDataset
from auxvae_lite.factors import Kind, collapse, expand, kinds_of, owners, parse, places, same_for_all, told
from auxvae_lite.metrics import balanced_accuracy, circular_correlation
from auxvae_lite.models import AuxVAE, Posterior
from auxvae_lite.regularizers import dependence, intra, penalties
from auxvae_lite.scalings import Scaling
from auxvae_lite.training import Config, evaluate, fit

NAN = float("nan")
TINY = {"widths": (4, 4, 8, 8), "latent_dim": 8, "epochs": 1, "batch_size": 32}
SHAPES = ("disk", "ring", "star")
KINDS = (Kind(), Kind(period=360.0), Kind(classes=SHAPES))


def spots(n=96, seed=0, **changes):
    """Spots whose place on a circle, brightness and width are an angle, a number and a class."""
    rng = np.random.default_rng(seed)
    angle, size, shape = rng.uniform(0, 360, n), rng.uniform(1, 2, n), rng.integers(0, 3, n)
    y, x = np.mgrid[-7.5:8, -7.5:8]
    turn, bright, wide = np.radians(angle)[:, None, None], 50 * size[:, None, None], 4 + 4 * shape[:, None, None]
    images = bright * np.exp(-((x - 4 * np.cos(turn)) ** 2 + (y - 4 * np.sin(turn)) ** 2) / wide)
    columns = {"size": size, "angle": angle, "shape": np.array(SHAPES)[shape]}
    return FactorDataset(images[:, None], **{"factors": columns, "periods": {"angle": 360}} | changes)


@pytest.fixture(scope="module")
def model():
    return fit(Config(**TINY), spots(), spots(64, seed=1)).model


def blank(n):
    return np.zeros((n, 1, 16, 16))


def data_of(columns, **changes):
    return FactorDataset(blank(len(next(iter(columns.values())))), columns, **changes)


def apart(a, b, period):
    """Distance of angles along the circle."""
    return np.abs((a - b + period / 2) % period - period / 2)


# Columns


@st.composite
def mixed(draw):
    """Factors of any kinds and their kinds."""
    n, kinds, columns = draw(st.integers(1, 6)), [], []
    for _ in range(draw(st.integers(1, 4))):
        what = draw(st.sampled_from(["number", "angle", "words", "numbers"]))
        if what == "number":
            kind, values = Kind(), st.floats(-1e9, 1e9)
        elif what == "angle":
            kind = Kind(period=draw(st.sampled_from([2 * np.pi, 1.0, 24.0, 360.0])))
            values = st.floats(-20 * kind.period, 20 * kind.period)
        else:
            words = st.sampled_from(["a", "b", "c", "d"]) if what == "words" else st.integers(-3, 9)
            kind = Kind(classes=tuple(draw(st.lists(words, min_size=1, max_size=4, unique=True))))
            values = st.sampled_from(kind.codes.tolist())
        kinds.append(kind)
        columns.append(draw(st.lists(values, min_size=n, max_size=n)))
    return np.array(columns, np.float64).T, tuple(kinds)


@settings(max_examples=60, derandomize=True, deadline=None, database=None)
@given(mixed())
def test_collapse_undoes_expand(case):
    u, kinds = case
    columns = expand(torch.from_numpy(u), kinds)
    assert columns.shape == (len(u), sum(kind.width for kind in kinds))
    for found, own, kind in zip(collapse(columns, kinds).T, u.T, kinds, strict=True):
        if kind.period:
            assert (apart(found, own, kind.period) < 1e-12 * kind.period).all()
            assert ((found >= 0) & (found < kind.period)).all()
        else:
            np.testing.assert_array_equal(found, own)


def test_columns_by_hand():
    u = torch.tensor([[5.0, 90.0, 1.0], [-2.0, -180.0, 0.0], [NAN, NAN, NAN]], dtype=torch.float64)
    expected = [[5, 0, 1, 0, 1, 0], [-2, -1, 0, 1, 0, 0], [NAN] * 6]
    np.testing.assert_allclose(expand(u, KINDS), expected, atol=1e-15)


def test_a_factor_that_is_not_told_leaves_the_others_alone():
    u = torch.tensor([[1.0, NAN, 2.0]], dtype=torch.float64)
    np.testing.assert_array_equal(expand(u, KINDS), [[1, NAN, NAN, 0, 0, 1]])


def test_plain_numbers_are_their_own_columns():
    u = torch.rand(3, 2)
    assert expand(u, (Kind(), Kind())) is u and owners((Kind(), Kind())) is None


def test_each_column_has_its_factor():
    assert places(KINDS) == [slice(0, 1), slice(1, 3), slice(3, 6)]
    assert owners(KINDS) == (0, 1, 1, 2, 2, 2)


def test_columns_that_are_no_factors_give_the_nearest_one():
    columns = torch.tensor([[0.0, 2.0, 0.0, 0.4, 0.35, 0.1], [0.0, -0.3, -0.3, -5.0, 0.1, 0.2]])
    np.testing.assert_allclose(collapse(columns, KINDS), [[0, 0, 0], [0, 225, 2]], atol=1e-5)


def test_an_angle_just_below_zero_stays_below_its_period():
    columns = torch.tensor([[1.0, -1e-300]], dtype=torch.float64)
    assert collapse(columns, (Kind(period=360.0),)).tolist() == [[0.0]]


def test_a_code_without_a_label_is_refused():
    with pytest.raises(ValueError, match="3 stands for none of the classes disk, ring, star"):
        expand(torch.tensor([[0.0, 0.0, 3.0]]), KINDS)


@pytest.mark.parametrize(
    ("column", "kind", "same"),
    [
        ([3, 3, NAN], Kind(), True),
        ([3, 4, NAN], Kind(), False),
        ([0, 360, -720], Kind(period=360.0), True),
        ([0.01, 0.01 + 6 * np.pi, 0.01 - 8 * np.pi], Kind(period=2 * np.pi), True),
        ([0, 180, NAN], Kind(period=360.0), False),
        ([1, 1, NAN], Kind(classes=SHAPES), True),
        ([NAN, NAN, NAN], Kind(), True),
    ],
)
def test_a_factor_guides_only_if_two_told_values_differ(column, kind, same):
    assert same_for_all(np.array(column, float)[:, None], (kind,)).tolist() == [same]


# The end of a turn lies beside its beginning


def test_the_end_of_a_turn_is_near_its_beginning_in_columns():
    end, begin = expand(torch.tensor([[359.9], [0.1]], dtype=torch.float64), (Kind(period=360.0),))
    assert float((end - begin).norm()) == pytest.approx(2 * np.sin(np.radians(0.1)), rel=1e-9)


def test_the_end_of_a_turn_is_near_its_beginning_in_the_networks_units(model):
    u = torch.tensor([[1.5, angle, 0.0] for angle in (359.9, 0.1, 0.3, 180.0)], dtype=torch.float64)
    end, begin, next_to, opposite = model.guide(u)[:, 1:3]
    assert float((end - begin).norm()) == pytest.approx(float((next_to - begin).norm()), rel=1e-3)
    assert (end - begin).norm() < 0.01 * (opposite - begin).norm()


def test_the_end_of_a_turn_is_near_its_beginning_in_pictures(model):
    angles = {"size": [1.5] * 4, "angle": [359.9, 0.1, 0.3, 180.0], "shape": ["ring"] * 4}
    end, begin, next_to, opposite = model.generate(angles, free="mean")
    assert (end - begin).abs().max() < 2 * (next_to - begin).abs().max() < 0.1 * (opposite - begin).abs().max()


def test_the_end_of_a_turn_is_near_its_beginning_in_predictions_errors():
    model = AuxVAE((1, 16, 16), ["angle"], 2, (4, 4, 8, 8), periods={"angle": 360})
    read = expand(torch.tensor([[0.1], [359.9]]), model.kinds)
    model.encode = lambda images: Posterior(read, read)
    (error,) = labels.residuals(model, data_of({"angle": [359.9, 0.3]}, periods={"angle": 360}))
    assert error == pytest.approx(np.sqrt((0.2**2 + 0.4**2) / 2), rel=1e-4)


def test_the_end_of_a_turn_is_near_its_beginning_in_the_score():
    a = np.array([359.9, 0.1, 120.0, 240.0])
    assert circular_correlation(a, (a + 0.3) % 360, 360) == pytest.approx(1)
    assert circular_correlation(a, a[[1, 0, 2, 3]], 360) > 0.9999


# What is taken, and what says that a factor is not told


@pytest.mark.parametrize(
    "column",
    [
        [1, None, 3],
        [1.0, NAN, 3],
        np.array([1, None, 3], object),
        np.array([1, np.datetime64("NaT"), 3], object),
        np.array([1, np.timedelta64("NaT"), 3], object),
        np.array([1, pd.NaT, 3], object),
        np.array([1, pd.NA, 3], object),
        np.array([1, np.ma.masked, 3], object),
        [1, np.ma.masked, 3],
        np.ma.masked_array([1, 2, 3], [0, 1, 0]),
        np.ma.masked_array([1.0, np.inf, 3], [0, 1, 0]),
        pd.Series([1, None, 3]),
        pd.Series([1, None, 3], dtype="Int64", index=[7, 8, 9]),
        pd.Series([1, None, 3], dtype="Float64"),
        pl.Series([1, None, 3]),
        pl.Series([1.0, None, 3.0]),
        torch.tensor([1, NAN, 3]),
        torch.tensor([1, NAN, 3], requires_grad=True).bfloat16(),
    ],
    ids=lambda column: f"{type(column).__module__}-{getattr(column, 'dtype', 'list')}",
)
def test_every_gap_is_a_gap(column):
    found, classes = told([column], ["a"])
    assert found.dtype == np.float64 and classes == {}
    np.testing.assert_array_equal(found[:, 0], [1, NAN, 3])


@pytest.mark.parametrize(
    "column",
    [
        ["star", None, "disk"],
        ["star", NAN, "disk"],
        np.array(["star", None, "disk"], object),
        np.ma.masked_array(["star", "ring", "disk"], [0, 1, 0]),
        np.ma.masked_array([b"star", b"ring", b"disk"], [0, 1, 0]),
        pd.Series(["star", None, "disk"]),
        pd.Series(["star", None, "disk"], dtype="string"),
        pd.Series(pd.Categorical(["star", None, "disk"], categories=["star", "disk"])),
        pl.Series(["star", None, "disk"]),
        pl.Series(["star", None, "disk"], dtype=pl.Categorical),
    ],
    ids=lambda column: f"{type(column).__module__}-{getattr(column, 'dtype', 'list')}",
)
def test_words_are_a_class_without_being_named(column):
    found, classes = told([column], ["a"])
    assert classes == {"a": ("disk", "star")}
    np.testing.assert_array_equal(found[:, 0], [1, NAN, 0])


def test_rows_may_hold_words_beside_numbers():
    data = FactorDataset(blank(3), [["star", 1.5], ["disk", None], [None, 2]], ["shape", "size"])
    np.testing.assert_array_equal(data.factors, [[1, 1.5], [0, NAN], [NAN, 2]])
    assert data.classes == {"shape": ("disk", "star")}
    assert FactorDataset(blank(2), [["star", 1.5], ["disk", 2]]).factors.tolist() == [[1, 1.5], [0, 2]]


def test_arrays_with_gaps_are_taken_whole():
    masked = np.ma.masked_array([[1.0, 2], [3, 4]], [[0, 1], [0, 0]])
    for factors in (masked, torch.tensor([[1, NAN], [3, 4]]), [[1, pd.NA], [3, 4]]):
        np.testing.assert_array_equal(FactorDataset(blank(2), factors).factors, [[1, NAN], [3, 4]])


def test_a_column_of_words_and_numbers_is_neither():
    with pytest.raises(ValueError, match="row 0, column 'a' is 'x', a word"):
        told([["x", 1.0]], ["a"])


def test_numerals_are_words_only_if_they_are_said_to_be_a_class():
    with pytest.raises(ValueError, match="row 0, column 'a' is '2', a word"):
        told([["2", "1", None]], ["a"])
    found, classes = told([["2", "1", None]], ["a"], ["a"])
    assert classes == {"a": ("1", "2")}
    np.testing.assert_array_equal(found[:, 0], [1, 0, NAN])


def test_numbers_of_a_class_stand_for_themselves():
    found, classes = told([[3.0, None, 1.5, 3]], ["a"], ["a"])
    assert classes == {"a": (1.5, 3)}
    np.testing.assert_array_equal(found[:, 0], [3, NAN, 1.5, 3])


def test_a_mapping_says_the_labels_and_their_order():
    found, classes = told([["disk", "star", None]], ["a"], {"a": ["star", "ring", "disk"]})
    assert classes == {"a": ("star", "ring", "disk")}
    np.testing.assert_array_equal(found[:, 0], [2, 0, NAN])


@pytest.mark.parametrize(
    ("column", "categorical", "message"),
    [
        (["disk", "star"], {"a": ["disk"]}, "factors row 1: a = star is none of its classes, disk"),
        ([1, 2], {"a": [1, 3]}, "factors row 1: a = 2.0 is none of its classes, 1, 3"),
        ([f"g{row}" for row in range(1001)], (), "column 'a' has 1001 different labels, more than 1000: leave"),
        (np.arange(1001), ["a"], "column 'a' has 1001 different labels, more than 1000: leave"),
        ([1, 2], ["b"], "categorical names 'b', which is no factor; there are a"),
        ([1, 2], "a", r"categorical must be a list.*write \['a'\]"),
    ],
)
def test_what_is_no_label_or_no_class_is_refused(column, categorical, message):
    with pytest.raises(ValueError, match=message):
        told([column], ["a"], categorical)


def test_a_thousand_labels_are_a_class():
    assert len(told([[f"g{row}" for row in range(1000)]], ["a"])[1]["a"]) == 1000


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"periods": {"a": 3}, "categorical": ["a"]}, "'a' cannot be an angle and a class at once"),
        ({"periods": {"word": 3}}, "'word' cannot be an angle and a class at once"),
        ({"periods": {"c": 3}}, "periods names 'c', which is no factor; there are a, word"),
        ({"periods": {"a": 0}}, "the period of 'a' must be a number above 0, got 0"),
        ({"periods": {"a": -360}}, "the period of 'a' must be a number above 0, got -360"),
        ({"periods": {"a": np.inf}}, "the period of 'a' must be a number above 0, got inf"),
        ({"periods": {"a": NAN}}, "the period of 'a' must be a number above 0, got nan"),
        ({"categorical": {"word": ["x", "x", "y"]}}, "the classes of 'word' must be labels that differ"),
    ],
)
def test_kinds_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        data_of({"a": [1, 2, 3], "word": ["x", "y", "x"]}, **changes)


@pytest.mark.parametrize("period", [True, "360", None, 360 * units.deg])
def test_a_period_that_is_no_number_is_refused(period):
    with pytest.raises(ValueError, match="the period of 'a' must be a number above 0"):
        kinds_of(("a",), {"a": period})


def test_numpys_numbers_are_periods():
    assert kinds_of(("a",), {"a": np.int64(360)}) == kinds_of(("a",), {"a": np.float32(360)}) == (Kind(360.0),)


def test_a_model_needs_all_factors_told():
    with pytest.raises(ValueError, match="shape row 1 is not told, and it has to be here"):
        parse(["disk", None], "shape", KINDS[2])
    with pytest.raises(ValueError, match="shape = comet is none of its classes, disk, ring, star"):
        parse("comet", "shape", KINDS[2])


# Tables

COLUMNS = {"size": [1.5, 2.5, NAN], "count": [1, None, 3], "angle": [350, 10, 90], "shape": ["star", None, "disk"]}


def astropy_columns(angle):
    masks = {name: [value is None for value in COLUMNS[name]] for name in ("count", "shape")}
    count, shape = np.ma.masked_array([1, 2, 3], masks["count"]), np.ma.masked_array(["star", "?", "disk"], [0, 1, 0])
    return {"size": [1.5, 2.5, NAN] * units.arcsec, "count": count, "angle": angle, "shape": shape}


TABLES = {
    "pandas": pd.DataFrame(COLUMNS, index=[5, 6, 7]),
    "pandas nullable": pd.DataFrame(COLUMNS).astype({"count": "Int64", "shape": "string"}),
    "polars": pl.DataFrame(COLUMNS, strict=False),
    "astropy": Table(astropy_columns([350, 10, 90] * units.deg)),
    "astropy with units": QTable(astropy_columns([350, 10, 90] * units.deg)),
}


@pytest.mark.parametrize("name", TABLES)
def test_every_table_is_its_dictionary_of_columns(name):
    plain, data = (FactorDataset(blank(3), table, periods={"angle": 360}) for table in (COLUMNS, TABLES[name]))
    np.testing.assert_array_equal(data.factors, plain.factors)
    np.testing.assert_array_equal(data.factors, [[1.5, 1, 350, 1], [2.5, NAN, 10, NAN], [NAN, 3, 90, 0]])
    assert (data.names, data.classes, data.checksum()) == (plain.names, plain.classes, plain.checksum())
    assert data.units == (("arcsec", "1", "deg", "1") if "astropy" in name else ("1",) * 4)


@pytest.mark.parametrize(
    "table", [dict, pd.DataFrame, pl.DataFrame, Table, lambda columns: QTable(columns, units={"angle": units.deg})]
)
def test_generate_takes_every_table(table, model):
    columns = {"shape": ["star", "disk"], "size": [1.2, 1.7], "angle": [350, 370]}
    asked = model.generate([[1.2, 350, 2], [1.7, 10, 0]], free="mean")
    assert torch.equal(model.generate(table(columns), free="mean"), asked)


@pytest.mark.parametrize(
    "table", [dict, pd.DataFrame, pl.DataFrame, Table, lambda columns: QTable(columns, units={"angle": units.deg})]
)
def test_errors_come_in_every_table(table):
    data = data_of(COLUMNS, factor_std=table({"angle": [1.0, 2.0, 3.0], "size": [0.1, 0.2, 0.3]}))
    np.testing.assert_array_equal(data.factor_std, [[0.1, 0, 1, 0], [0.2, 0, 2, 0], [0, 0, 3, 0]])


@pytest.mark.parametrize("table", [pd.DataFrame(np.zeros((2, 2)), columns=["a", "a"]), {1: [1, 2], "1": [1, 2]}])
def test_two_columns_of_one_name_are_refused(table):
    with pytest.raises(ValueError, match="names must differ"):
        FactorDataset(blank(2), table)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (0.5, [[0.5, 0.5], [0, 0.5]]),
        ([0.5, 1], [[0.5, 1], [0, 1]]),
        ([[1, 2], [3, 4]], [[1, 2], [0, 4]]),
        ({"b": 2}, [[0, 2], [0, 2]]),
        ({"a": [1, None]}, [[1, 0], [0, 0]]),
    ],
)
def test_errors_have_the_factors_shape_and_are_0_where_nothing_is_told(given, expected):
    assert data_of({"a": [1, None], "b": [3, 4]}, factor_std=given).factor_std.tolist() == expected


def test_errors_that_are_all_0_are_none():
    assert data_of({"a": [1, 2]}, factor_std=0).factor_std is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (-1, "row 0, column 'a' is -1"),
        ({"a": [1, NAN]}, "row 1, column 'a' is nan"),
        (np.inf, "row 0, column 'a' is inf"),
        ({"q": 1}, "factor_std names 'q', which is no factor; there are a, word"),
        ([1, 2, 3], r"factor_std must be a number, 2 numbers, or have the factors' shape \(2, 2\); got \(3,\)"),
        (1, "'word' is a class, whose labels have no standard error"),
    ],
)
def test_errors_that_cannot_be_are_refused(given, message):
    columns = {"a": [1, 2], "word": ["x", "y"]} | ({"word": [1, 2]} if message.startswith("row") else {})
    with pytest.raises(ValueError, match=message):
        data_of(columns, factor_std=given)


# Data sets: files, checksums, parts


def full():
    """Data with all that there is: an angle, two classes, gaps and errors."""
    columns = spots(24).factors
    columns[::3, 0] = NAN
    columns[1::4, 2] = NAN
    table = {"size": columns[:, 0], "angle": columns[:, 1], "shape": columns[:, 2], "side": 1.0 + np.arange(24) % 2}
    classes = {"shape": SHAPES, "side": [2, 1]}
    return spots(
        24, factors=table, categorical=classes, factor_std={"size": np.full(24, 0.1), "angle": np.arange(24.0)}
    )


def assert_same(ours, theirs):
    assert (ours.names, ours.units, ours.periods, ours.classes) == (
        theirs.names, theirs.units, theirs.periods, theirs.classes
    )  # fmt: skip
    for name in ("images", "factors", "factor_std"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), strict=True)


def test_data_come_back_from_their_file(tmp_path):
    data = full()
    data.save(tmp_path / "data.safetensors")
    read = FactorDataset.load(tmp_path / "data.safetensors")
    assert_same(read, data)
    assert read.checksum() == data.checksum() and read.kinds == data.kinds


def test_the_checksum_of_plain_data_is_what_it_was():
    data = data_of({"a": [1.0, 2], "b": [3.0, 4]})
    assert data.checksum() == files.checksum({"images": data.images, "factors": data.factors}, "a, b")


def test_the_checksum_sees_periods_classes_and_errors():
    columns = {"a": [1.0, 2.0], "b": [1.0, 2.0]}
    changes = [
        {}, {"periods": {"a": 360}}, {"periods": {"a": 180}}, {"periods": {"b": 360}}, {"categorical": ["a"]},
        {"categorical": {"a": [2, 1]}}, {"categorical": {"a": [1, 2, 3]}}, {"factor_std": 0.1}, {"factor_std": 0.2},
    ]  # fmt: skip
    assert len({data_of(columns, **change).checksum() for change in changes}) == len(changes)


def test_parts_carry_kinds_gaps_and_errors():
    data = full()
    part = data.rows([5, 0, 7])
    assert (part.periods, part.classes) == (data.periods, data.classes)
    np.testing.assert_array_equal(part.factors, data.factors[[5, 0, 7]])
    np.testing.assert_array_equal(part.factor_std, data.factor_std[[5, 0, 7]])
    for part in data.split(seed=0):
        row = int(np.flatnonzero((data.images == part.images[0]).all((1, 2, 3)))[0])
        np.testing.assert_array_equal(part.factors[0], data.factors[row])
        np.testing.assert_array_equal(part.factor_std[0], data.factor_std[row])
        assert part.kinds == data.kinds


def test_labels_are_read_in_the_models_order():
    fewer = data_of({"shape": ["star", "disk", None]})
    turned = data_of({"shape": ["star", "disk", None]}, categorical={"shape": ["star", "disk"]})
    for data in (fewer, turned):
        np.testing.assert_array_equal(data.columns_as(["shape"], KINDS[2:])[:, 0], [2, 0, NAN])


def test_labels_that_are_numbers_are_read_whatever_their_type():
    for own in ([2, 3], [2.0, 3.0], np.array([2, 3, 4]), ["2", "3"]):
        column = list(map(str, [3, 2, 2])) if isinstance(own[0], str) else [3, 2, 2]
        data = data_of({"side": column}, categorical={"side": own})
        assert data.columns_as(["side"], (Kind(classes=(1, 2, 3)),))[:, 0].tolist() == [3, 2, 2]


def test_labels_that_are_numbers_may_have_any_order():
    data = data_of({"side": [3, 2, None]}, categorical={"side": [3, 2]})
    np.testing.assert_array_equal(data.columns_as(["side"], (Kind(classes=(1, 2, 3)),))[:, 0], [3, 2, NAN])


def other_label():
    data = spots(16, seed=2)
    columns = dict(zip(data.names, data.factors.T, strict=True)) | {"shape": ["comet", "disk"] * 8}
    return FactorDataset(data.images, columns, periods=data.periods)


def other_period():
    return spots(16, seed=2, periods={"angle": 180})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (other_label, "factors row 0: shape = comet is none of its classes, disk, ring, star"),
        (other_period, "'angle' has the period 180 here, and 360 in the model"),
    ],
)
def test_a_label_or_period_that_the_model_does_not_have_is_refused(make, message, model):
    with pytest.raises(ValueError, match=message):
        fit(Config(**TINY), spots(), make())
    with pytest.raises(ValueError, match=message):
        evaluate(model, make())


def test_models_come_back_with_their_kinds(model, tmp_path):
    model.save(tmp_path / "model.safetensors")
    read = AuxVAE.load(tmp_path / "model.safetensors")
    assert (read.kinds, read.residuals, read.frequencies) == (model.kinds, model.residuals, model.frequencies)
    images = spots(5, seed=3).images
    for name, ours in model.predict(images).items():
        theirs = read.predict(images)[name]
        np.testing.assert_array_equal(ours.value, theirs.value)
        assert ours.std == theirs.std
        assert ours.probabilities is None or list(ours.probabilities) == list(theirs.probabilities)
    u = {"size": 1.5, "angle": 720, "shape": "star"}
    assert torch.equal(read.generate(u, free="mean"), model.generate(u, free="mean"))


PRETRAINED = Path(labels.__file__).parent / "pages/pretrained/galaxies-auxvae.safetensors"


def test_a_file_from_before_there_were_kinds_holds_plain_numbers():
    _, header = files.read(PRETRAINED)
    assert not header.keys() & {"periods", "classes", "residuals", "frequencies"}
    model = AuxVAE.load(PRETRAINED)
    assert set(model.kinds) == {Kind()} and model.guided_dim == len(model.factors)
    images = 100 * np.random.default_rng(0).random((2, *model.image_shape))
    mu = model.encode(images).mu[:, : model.guided_dim].double()
    for (value, std, shares), column in zip(
        model.predict(images).values(), model.factor_scaling.inverse(mu).T, strict=True
    ):
        np.testing.assert_array_equal(value, column)
        assert std is None and shares is None


# Scalings, penalties and scores


@pytest.mark.parametrize("kind", ["standard", "minmax"])
def test_a_circle_stays_a_circle(kind):
    turn = np.random.default_rng(0).uniform(0, 120, 50)  # a part of the circle: its sides differ
    columns = expand(torch.tensor(np.column_stack([turn, 7 * turn])), (Kind(period=360.0), Kind()))
    scaling = Scaling.fit(kind, columns, dim=0, groups=(0, 0, 1))
    middle = scaling(torch.zeros(1, 3, dtype=torch.float64))[:, :2]
    radius = (scaling(columns)[:, :2] - middle).norm(dim=1)
    torch.testing.assert_close(radius, torch.ones_like(radius) / scaling.scale[0])
    alone = Scaling.fit(kind, columns, dim=0)
    torch.testing.assert_close(scaling.scale[:2], alone.scale[:2].square().mean().sqrt().expand(2))
    torch.testing.assert_close((scaling.offset, scaling.scale[2]), (alone.offset, alone.scale[2]))


@pytest.mark.parametrize("kind", ["asinh", "log10"])
def test_a_scaling_that_bends_a_circle_is_refused(kind):
    with pytest.raises(ValueError, match=f"must be one of minmax, standard, got '{kind}'"):
        Scaling.fit(kind, torch.rand(9, 3), dim=0, groups=(0, 0, 1))


@pytest.mark.parametrize("kind", ["standard", "minmax", "asinh", "log10"])
def test_columns_are_scaled_by_the_rows_that_tell_them(kind):
    x = torch.rand(9, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 0.1
    gaps = x.clone()
    gaps[:3, 0], gaps[7:, 1] = NAN, NAN
    found = Scaling.fit(kind, gaps, dim=0, softening=0.3)
    for column, rows in enumerate((slice(3, None), slice(0, 7))):
        alone = Scaling.fit(kind, x[rows, column, None], dim=0, softening=0.3)
        assert (found.offset[column], found.scale[column]) == (alone.offset[0], alone.scale[0])


def test_groups_are_scaled_by_the_rows_that_tell_them():
    x = torch.rand(9, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    gaps = x.clone()
    gaps[:3, :2] = NAN
    found, alone = (Scaling.fit("standard", columns, dim=0, groups=(0, 0, 1)) for columns in (gaps, x[3:]))
    assert torch.equal(found.scale[:2], alone.scale[:2]) and torch.equal(found.offset[:2], alone.offset[:2])


def test_each_channel_has_its_own_softening():
    images = 100 * torch.rand(4, 2, 5, 5, generator=torch.Generator().manual_seed(0))
    found = Scaling.fit("asinh", images, softening=(2.0, 30.0))
    for channel, softening in enumerate((2.0, 30.0)):
        alone = Scaling.fit("asinh", images[:, channel], softening=softening)
        torch.testing.assert_close(found(images)[:, channel], alone(images[:, channel]))
    torch.testing.assert_close(found.inverse(found(images)), images)


def batch():
    z, u = torch.randn(2, 40, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    rho = np.corrcoef(z.T, (z + u).T)[:3, 3:]
    return z, z + u, rho


@pytest.mark.parametrize("reading", ["powers", "multiple"])
def test_pairs_of_one_factors_columns_are_no_dependence_on_another(reading):
    z, u, rho = batch()
    others = sum(abs(rho[pair]) for pair in ((0, 2), (1, 2), (2, 0), (2, 1)))
    assert float(intra(z, u, reading=reading, owners=(0, 0, 1))) == pytest.approx(others)
    assert float(penalties(z, u, reading=reading, owners=(0, 0, 1))[1]) == pytest.approx(others)
    assert float(intra(z, u, reading=reading, owners=(0, 1, 2))) == pytest.approx(abs(rho).sum() - np.trace(abs(rho)))


def test_dependence_is_the_correlation_of_each_pair():
    z, u, rho = batch()
    np.testing.assert_allclose(dependence(z, -u[:, :2]), -rho[:, :2])
    np.testing.assert_allclose(dependence(z, -u[:, :2], "multiple"), abs(rho[:, :2]))


@pytest.mark.parametrize("period", [360, 2 * np.pi, 1])
def test_circular_correlation_known_by_hand(period):
    a = period * np.random.default_rng(0).uniform(-3, 3, 30)
    assert circular_correlation(a, a + 0.7 * period, period) == pytest.approx(1)
    assert circular_correlation(a, 0.7 * period - a, period) == pytest.approx(-1)
    assert circular_correlation(a, np.full(30, 0.7 * period), period) == 0
    assert circular_correlation(period * np.arange(30) / 2, a, period) == 0  # the same or opposite


def test_circular_correlation_is_the_sum_over_pairs():
    a, b = np.random.default_rng(1).uniform(0, 24, (2, 7))
    b = a + 0.2 * b
    first, second = (2 * np.pi / 24 * (angle[:, None] - angle)[np.triu_indices(7, 1)] for angle in (a, b))
    both = (np.sin(first) * np.sin(second)).sum()
    expected = both / np.sqrt((np.sin(first) ** 2).sum() * (np.sin(second) ** 2).sum())
    assert circular_correlation(a, b, 24) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("a", "b", "period", "message"),
    [
        ([1], [1], 360, r"shape \(n,\), n at least 2; got \(1,\) and \(1,\)"),
        ([1, 2], [1, 2, 3], 360, r"got \(2,\) and \(3,\)"),
        ([1, 2], [1, 2], 0, "period must be a number above 0, got 0"),
        ([1, NAN], [1, 2], 360, "a must be finite"),
    ],
)
def test_what_is_no_pair_of_angles_is_refused(a, b, period, message):
    with pytest.raises(ValueError, match=message):
        circular_correlation(a, b, period)


def test_a_label_that_only_half_of_the_rows_have_is_left_out():
    z = np.random.default_rng(0).standard_normal((60, 2))
    u = np.column_stack([z[:, 0], np.arange(60) == 7])
    found, alone = sensitivity.told(z, u), sensitivity.told(z, u[:, :1])
    np.testing.assert_array_equal(found, np.hstack([alone, [[NAN], [NAN]]]))


def test_balanced_accuracy_is_the_mean_over_classes():
    true = ["a", "a", "a", "b", "b", "c"]
    found = ["a", "a", "b", "b", "a", "c"]
    assert balanced_accuracy(true, found) == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert balanced_accuracy(true, ["a"] * 6) == pytest.approx(1 / 3)


def test_balanced_accuracy_is_scikit_learns():
    true, found = np.random.default_rng(0).integers(0, 4, (2, 60))
    assert balanced_accuracy(true, found) == pytest.approx(balanced_accuracy_score(true, found))
    with pytest.raises(ValueError, match=r"one shape \(n,\), n at least 1; got \(0,\) and \(0,\)"):
        balanced_accuracy([], [])
