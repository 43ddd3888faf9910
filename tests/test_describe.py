"""A look at data before training: each fault is named, in its row or column, and clean data have none."""

import math
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from auxvae_lite.datasets import FactorDataset
from auxvae_lite.describe import describe, pixel_noise
from auxvae_lite.simulators import cars, dsprites, galaxies
from auxvae_lite.training import Config, fit

GALAXIES = galaxies.simulate(400, seed=0)
X, U = GALAXIES.images, GALAXIES.factors
NAMES, UNITS = GALAXIES.names, GALAXIES.units
RNG = np.random.default_rng(0)
GRAIN = RNG.normal(size=(2000, 1, 16, 16)).astype(np.float32)
R = RNG.random(400)
KINDS = np.array(["disk", "spiral"], object)[RNG.integers(0, 2, 400)]
CARS = cars.simulate(60, seed=0).images.astype(np.float32)
DATES = np.datetime64("2024-01-01") + np.arange(400).astype("timedelta64[D]")
DATES[7] = np.datetime64("NaT")


def put(column, rows, value):
    column = np.array(column)
    column[rows] = value
    return column


def said(report, level=None):
    return [f"{finding.where}: {finding.message}" for finding in report.findings if level in (None, finding.level)]


def bands(images, *factors):
    return np.concatenate([images * np.float32(factor) for factor in factors], axis=1)


def test_clean_galaxies_have_no_finding():
    report = describe(FactorDataset(*GALAXIES), parts=FactorDataset(*GALAXIES).split(seed=0))
    assert report.findings == () and "Nothing was found." in str(report)


# Images


@pytest.mark.parametrize(
    ("images", "level", "words"),
    [
        (np.ma.masked_greater(X, 12000), "refused", r"^row \d+: Images must be known: row \d+ is masked. Leave"),
        (put(X, (3, 0, 5), np.nan), "refused", "^row 3: Images must be finite: 33 values are not, the first in row 3"),
        (put(X, (3, 0, 5), np.inf), "refused", "^row 3: Images must be finite"),
        (np.moveaxis(np.repeat(X, 3, 1), 1, 3), "refused", r"channels first.*write np.moveaxis\(images, 3, 1\)"),
        (X[:, 0], "refused", r"Is the channel missing\? Write images\[:, None\]"),
        (X[:, :, :12], "refused", r"Images need 16 pixels.*got \(1, 12, 33\): widen them with np.pad"),
        (np.ones_like(X), "refused", "All images hold one value only"),
        (X[:, :0], "refused", r"shape \(400, 0, 33, 33\) hold no pixel"),
        (X[:1], "refused", "at least 2 rows, got 1"),
        ("galaxies.fits", "refused", "Images must be numbers"),
        (X + 10_000, "look", r"^channel 0: .*offset near 100\d\d,.*Subtract the background, such as images - 100\d\d"),
        (X + 1_000, "look", "^channel 0: .*offset near 1005"),
        (CARS + 10_000, "look", "^channel 2: .*offset near 10"),
        (X * np.float32(1e-9), "look", r"The largest pixel is 1.48e-05.*Write fit\(report.suggest_config\(\)"),
        (bands(X, 1, 1, 1e-3), "look", r"^channel 2: Channel 2 spans 14.8, channel 0 .*Write softening=\(\d"),
        (put(X[:300], 299, 0), "look", "^row 299: 1 images hold one value only, the first in row 299.*leave them out"),
        (bands(X, 1, 0), "look", r"^channel 1: Channel 1 holds one value.*np.delete\(images, 1, 1\)"),
        (np.minimum(X, 2000), "look", r"^row \d+: \d+ images reach the largest value, 2000,.*saturated"),
        (put(X, (slice(0, 9), 0, 0), -999), "look", r"297 pixels of \d+ are -999.*stands for 'unknown'"),
        (put(GRAIN, (0, 0, 0, 0), 1e4), "look", "Half of the images span less than .* once scaled"),
        (put(X, 11, X[4]), "look", r"^row 11: 1 rows repeat .*that of row 4.*1 have other.*split\(groups=\.\.\.\)"),
    ],
)  # fmt: skip
def test_a_fault_of_the_images_is_named(images, level, words):
    factors = {"flux": U[: len(images), 0]} if not isinstance(images, str) else None
    found = said(describe(images, factors), level)
    assert [text for text in found if re.search(words, text)], found


@pytest.mark.parametrize(
    ("images", "factor"),
    [(X[:, :, :12], U[:, 0]), (np.ones_like(X), U[:, 0]), (X[:1], U[:1, 0]), (X, np.full(400, 0.3)), (X, R * np.nan)],
    ids=["small", "blank", "one", "constant", "not told"],
)
def test_what_fit_refuses_is_refused(images, factor):
    data = FactorDataset(images, {"flux": factor})
    assert said(describe(data), "refused")
    with pytest.raises(ValueError):
        fit(Config(epochs=1), data)


@pytest.mark.parametrize(
    "images",
    [np.minimum(CARS, 245), np.where(CARS < 245, 100 + CARS / 5, 0), 1000 * X / X.max((1, 2, 3), keepdims=True)],
    ids=["on white", "on black", "of one peak"],
)
def test_bright_grounds_of_drawings_and_common_peaks_are_no_finding(images):
    assert said(describe(images)) == []


def test_blank_images_are_no_repeats():
    found = said(describe(put(X, [298, 299], 0)))
    assert len(found) == 1 and found[0].startswith("row 298: 2 images hold one value only")


def test_equal_images_of_one_group_are_no_finding():
    images, groups = put(X, 11, X[4]), np.arange(400)
    assert [text for text in said(describe(images, groups=groups)) if "repeat" in text]
    groups[11] = 4
    assert said(describe(images, groups=groups)) == []
    assert "one label per row, shape (400,); got (3,)" in said(describe(images, groups=[1, 2, 3]), "refused")[0]


def test_an_image_in_two_parts_is_named():
    parts = [
        FactorDataset(put(X, 395, X[2])[rows], U[rows]) for rows in (slice(0, 300), slice(300, 390), slice(390, 400))
    ]
    found = said(describe(parts[0], parts=parts))
    assert found == [
        "training, test: 1 images of test are in training, too, the first in row 5 of test: scores would be too good. "
        "Use split(groups=...)."
    ]
    for wrong in ([X], X):
        assert said(describe(parts[0], parts=wrong))[0].startswith(
            "parts: Part 0 is no FactorDataset but ndarray: write"
        )


def test_noise_is_estimated_beside_light_and_is_0_in_a_drawing():
    light = GALAXIES.clean[:, 0]
    for sigma in (2, 20):
        estimate = pixel_noise(light + sigma * np.random.default_rng(1).normal(size=light.shape))
        assert estimate == pytest.approx(sigma, rel=0.02)
    assert pixel_noise(dsprites.simulate(50, seed=0).images[:, 0]) == 0
    assert describe(X * np.float32(1e-9)).pixels.noise[0] == pytest.approx(1e-9 * pixel_noise(X[:, 0]), rel=1e-5)


# Factors


@pytest.mark.parametrize(
    ("column", "level", "words"),
    [
        (DATES, "refused", r"^column 'u': .*dates or durations, 1 of them NaT: write \(dates - np.nanmin\(dates\)\)"),
        (put(R.astype(object), 4, "spiral"), "refused", "^row 4, column 'u': .*'spiral', a word"),
        (R.astype(str), "refused", r"^row 0, column 'u': .*\.astype\(float\)"),
        (put(R, 5, 1.797e308), "refused", "^row 5, column 'u': .*whose square no float64 holds"),
        (put(R, 5, np.inf), "refused", "^row 5, column 'u': Factors must be finite"),
        (R * 1j, "refused", "must be real"),
        (np.full(400, 0.3), "refused", r"^column 'u': 'u' is constant \(0.3\) and cannot guide"),
        (0.3 + 1e-18 * np.arange(400), "refused", "'u' is constant"),
        (np.full(400, np.nan), "refused", "'u' is told in no row"),
        (put(R, 5, -99), "look", "^row 5, column 'u': .*-99, over 100 interquartile ranges"),
        (put(R, slice(30, 50), -99), "look", "^row 30, column 'u': Column 'u' has -99 in 20 rows.*make it NaN"),
        (put(R, slice(30, 50), 9999), "look", "^row 30, column 'u': Column 'u' has 9999 in 20 rows"),
        (put(360 * R, slice(30, 50), -99), "look", "^row 30, column 'u': Column 'u' has -99 in 20 rows"),
        (put(put(360 * R, slice(9), -99), slice(9, 60), 9999), "look", "^row 0, column 'u': Column 'u' has -99 in 9"),
        (np.arange(400) % 100 == 0, "look", "^column 'u': 'u' has labels in fewer than 20 rows: 1 in 4"),
        (put(KINDS, slice(5), "ring"), "look", "fewer than 20 rows: ring in 5"),
        (put(KINDS, slice(50), "Unknown"), "look", "'u' has the label 'Unknown'.*write None"),
        (put(R.astype(str), slice(9), "n/a"), "look", r"mixes words with numbers, such as 'n/a' and .*\.astype"),
        (put(R, R < 0.25, np.nan), "note", r"'u' is told in \d+ of 400 rows; the others train without it"),
        (np.ma.masked_less(R, 0.25), "note", r"'u' is told in \d+ of 400 rows"),
        (KINDS, "note", "'u' is a class of 2 labels: disk, spiral"),
        (2460310.5 + R, "note", "'u' varies by .* around 2460311.* Keep it float64"),
        (2460310.5 + 1e-6 * R, "note", "'u' varies by .*e-07 around 2460310.5. Keep it float64"),
        (np.arange(400) % 4, "note", r"'u' has 4 whole values.*write categorical=\['u'\]"),
    ],
)  # fmt: skip
def test_a_fault_of_a_factor_is_named(column, level, words):
    report = describe(X, {"flux": U[:, 0], "u": column})
    found = said(report)
    assert [text for text in said(report, level) if re.search(words, text)], found
    assert len(found) <= 2 and (level == "refused") == bool(said(report, "refused")), found
    assert report.columns[0].name == "flux" and report.pixels.n == 400


def test_numbers_that_are_only_small_large_or_skewed_are_no_finding():
    skewed = np.exp(2 * RNG.normal(size=400))
    table = {"tiny": 1e-9 * R[::-1], "skewed": skewed, "count": np.arange(400), "yes": np.arange(400) % 2, "plain": R}
    assert [text for text in said(describe(X, table)) if "over 100 interquartile" not in text] == []


@pytest.mark.parametrize(
    ("name", "unit", "column", "kinds", "words"),
    [
        ("azimuth", "1", 360 * R, {}, r"write periods=\{'azimuth': 360\}"),
        ("pa", "deg", 180 * R - 90, {}, r"write periods=\{'pa': 180\}"),
        ("Theta", "1", 2 * np.pi * R, {}, r"write periods=\{'Theta': 2 \* np.pi\}"),
        ("pa", "rad", np.pi * R, {}, r"write periods=\{'pa': np.pi\}"),
        ("azimuth", "deg", 15.0 * (np.arange(400) % 24), {}, "periods"),
        ("pa", "rad", 2 * np.pi * R, {"periods": {"pa": 360}}, "spans 6.* of its period 360. If it is in radians"),
        ("pa", "deg", 360 * R, {"periods": {"pa": 2 * np.pi}}, "more than two of its periods of 6.28"),
        ("pa", "deg", 360 * R, {"periods": {"pa": 360}}, None),
        ("tilt", "deg", 30 * R, {}, None),
        ("share", "%", 360 * R, {}, None),
    ],
)
def test_an_angle_is_recognised_by_its_name_or_unit_and_its_range(name, unit, column, kinds, words):
    found = said(describe(X, {name: column}, units=[unit], **kinds), "look")
    assert len(found) == (words is not None) and (words is None or re.search(words, found[0])), found


def test_an_unknown_angle_in_a_declared_period_is_named():
    """A period takes -99 for 261 without a word."""
    found = said(describe(X, {"pa": put(360 * R, slice(9), -99)}, periods={"pa": 360}), "look")
    assert len(found) == 1 and "-99 in 9 rows" in found[0]
    narrow = put(0.1 * R, 5, 180)  # half a turn away is no code
    assert said(describe(X, {"pa": narrow}, periods={"pa": 360})) == []


def test_labels_that_are_all_numerals_are_no_mixture():
    column = (np.arange(400) % 3).astype(str)
    assert said(describe(X, {"k": column}, categorical=["k"])) == ["column 'k': 'k' is a class of 3 labels: 0, 1, 2."]


def test_factors_that_go_together_are_named():
    other = np.random.default_rng(1).random(400)
    table = {"a": R, "b": 3 - 2 * R, "c": R + 0.5 * other, "d": other, "k": np.where(R > 0.5, "disk", "ring")}
    found = said(describe(X, table), "look")
    pairs = [text.split(":")[0] for text in found]
    assert pairs == [f"columns {one!r}, {two!r}" for one, two in ["ab", "ac", "ak", "bc", "bk", "ck"]]
    assert "'a' and 'b' say the same" in found[0] and re.search(r"\|rho\| = 0.8\d: such data alone", found[1])
    gap = put(R, R > 0.5, np.nan)
    for gaps in ({"a": R, "b": gap}, {"a": gap, "b": R}):
        assert [text for text in said(describe(X, gaps), "look") if "say the same" in text]


def test_chance_correlations_of_few_rows_are_no_finding():
    few, rare = R[:6] + np.tile([0, 0.5], 3), [put(KINDS, slice(200), "disk"), put(KINDS[::-1], slice(200), "disk")]
    assert np.corrcoef(R[:6], few)[0, 1] > 0.5
    assert said(describe(X[:6], {"a": R[:6], "b": few})) == []
    rare = {name: put(column, 5, "ring") for name, column in zip("kl", rare, strict=True)}  # one row has both
    assert not [text for text in said(describe(X, rare), "look") if text.startswith("columns")]


def test_more_columns_than_latents_are_named():
    table = {f"f{k}": np.random.default_rng(k).random(400) for k in range(9)} | {"pa": 90 * R}
    report = describe(X, table, periods={"pa": 360})
    assert said(report) == ["factors: The factors need 11 latents, and Config() has 10: write latent_dim=16."]
    assert report.suggest_config().latent_dim == 16


@pytest.mark.parametrize(
    ("factors", "more", "words"),
    [
        (U[:9], {}, "there are 400 images and 9 rows"),
        ({"a": R, "b": R[:9]}, {}, "columns must have one length"),
        ({"a": R, "b": R**2}, {"names": ["b", "a"]}, "the columns are a, b, names says b, a: leave names out"),
        (U, {"names": ["a"]}, "give 5 names that differ"),
        (U, {"names": "flux"}, "names must be a list"),
        (U, {"names": NAMES, "periods": {"angle": 360}}, "periods names 'angle', which is no factor"),
        (U, {"names": NAMES, "categorical": "psf"}, r"categorical must be a list.*write \['psf'\]"),
        ({"k": KINDS}, {"categorical": {"k": ("disk", "ring")}}, "k = spiral is none of its classes, disk, ring"),
        (U[:, 0], {}, r"Write factors\[:, None\]"),
        (U[:, :1] > 3e4, {"names": ["k"], "periods": {"k": -1}}, "the period of 'k' must be a number"),
    ],
)
def test_factors_that_do_not_fit_are_refused_in_a_finding(factors, more, words):
    report = describe(X, factors, **more)
    found = said(report, "refused")
    assert len(found) == 1 and re.search(words, found[0], re.IGNORECASE), found
    assert report.pixels.n == 400
    with pytest.raises(ValueError):
        FactorDataset(X, factors, **more)


def test_several_faults_are_said_at_once():
    table = {"day": DATES, "flat": np.full(400, 0.1), "too": np.full(400, 0.7), "code": put(R, slice(30, 50), -99)}
    report = describe(np.moveaxis(np.repeat(X, 3, 1), 1, 3), table)
    assert [finding.level for finding in report.findings] == ["refused"] * 4 + ["look"]
    assert [finding.what for finding in report.findings] == ["images", *["factors"] * 4]
    assert report.pixels is None
    with pytest.raises(ValueError, match="no setting can be chosen, since the images were refused: .*channels first"):
        report.suggest_config()


def test_a_data_set_is_described_with_its_own_kinds():
    data = FactorDataset(
        X, {"pa": put(360 * R, slice(100), np.nan), "kind": KINDS}, units=["deg", "1"], periods={"pa": 360}
    )
    columns = describe(data).columns
    assert [column[:3] for column in columns] == [("pa", "angle of period 360", "deg"), ("kind", "class", "1")]
    assert [column.told for column in columns] == [0.75, 1]
    assert columns[1].values == "disk, spiral" and columns[1].different == 2
    with pytest.raises(ValueError, match=r"write describe\(data\)"):
        describe(data, U)


# The report


def test_html_is_escaped_and_its_tables_have_captions():
    label = "<script>alert('&')</script>"
    report = describe(X, {"<b>": put(KINDS, slice(5), label), "day": DATES}, units=["<i>", "1"])
    root = ET.fromstring(report._repr_html_())
    assert [element.text for element in root.iter("caption")] == ["Factors", "Findings"]
    assert not list(root.iter("script")) and not list(root.iter("b")) and not list(root.iter("i"))
    texts = " ".join(root.itertext())
    assert label in texts and "<b>" in texts and "<i>" in texts
    assert {element.get("scope") for element in root.iter("th")} == {"col", "row"}


def test_the_text_has_the_findings_by_level_the_factors_and_the_reasons():
    report = describe(X, {"jd": 2460310.5 + R, "flat": np.ones(400), "u": put(R, slice(30, 50), -99)})
    lines = str(report).splitlines()
    assert [line.split(":")[0] for line in lines if re.match("refused|look|note", line)] == ["refused", "look", "note"]
    assert lines[0].startswith("400 images of (1, 33, 33): 0 to 1.476e+04, median 5; estimated noise 0.49")
    assert [line.split()[0] for line in lines[1:5]] == ["factor", "jd", "flat", "u"]
    low, high = re.findall(r"2460\d+\.\d+", lines[2])
    assert [float(low), float(high)] == pytest.approx([2460310.5 + R.min(), 2460310.5 + R.max()], rel=0, abs=1e-9)
    assert [line.strip() for line in lines[-len(report.reasons) :]] == report.reasons


# Settings


def suggested(images, factors=None):
    return describe(images, factors).suggest_config()


@pytest.mark.parametrize(
    ("images", "wanted"),
    [
        (dsprites.simulate(60, seed=0).images, {"likelihood": "bernoulli", "image_scaling": "minmax"}),
        (np.clip(0.5 + 5 * GRAIN[:60], 0, 1), {"likelihood": "bernoulli", "image_scaling": "minmax"}),
        (np.clip(0.5 + 0.1 * GRAIN[:60], 0, 1), {"likelihood": "gaussian", "image_scaling": "minmax", "sigma": None}),
        (255 * dsprites.simulate(60, seed=0).images, {"likelihood": "bernoulli", "image_scaling": "minmax"}),
        (np.where(GRAIN[:60] > 1.5, 0.01 * GRAIN[:60], 0), {"likelihood": "gaussian", "sigma": None}),
        (CARS, {"likelihood": "gaussian", "image_scaling": "minmax", "sigma": None}),
        (X, {"likelihood": "gaussian", "image_scaling": "asinh", "sigma": None}),
        (X + 10_000, {"image_scaling": "minmax", "sigma": None}),
        (-X, {"image_scaling": "minmax"}),
        (GRAIN[:60] + np.linspace(-500, 500, 16), {"image_scaling": "minmax"}),
    ],
    ids=["sprites", "nearly binary", "grey", "8 bits", "sparse", "cars", "galaxies", "on a pedestal", "negative",
         "as far below as above"],
)  # fmt: skip
def test_the_scaling_follows_the_pixels(images, wanted):
    config = suggested(images)
    assert {name: getattr(config, name) for name in wanted} == wanted


@pytest.mark.parametrize("unit", [1, 1e-9, 1e6])
def test_the_softening_is_twice_the_noise_in_the_images_unit(unit):
    noisy = (GALAXIES.clean + 5 * np.random.default_rng(1).normal(size=X.shape)) * unit
    config = suggested(noisy)
    assert config.image_scaling == "asinh" and config.softening == pytest.approx(10 * unit, rel=0.02)


def test_unlike_channels_get_a_softening_each():
    noisy = GALAXIES.clean + 5 * np.random.default_rng(1).normal(size=X.shape)
    assert suggested(bands(noisy, 1, 1, 1e-3)).softening == pytest.approx((10, 10, 0.01), rel=0.02)
    assert suggested(bands(noisy, 1, 0.5)).softening == pytest.approx(7.5, rel=0.02)
    assert isinstance(suggested(bands(noisy, 1, 0)).softening, float)  # a channel that holds one value has no scale


def test_the_softening_of_noiseless_light_spreads_four_decades():
    span = np.ptp(np.quantile(GALAXIES.clean, [0.001, 0.999]))
    assert suggested(GALAXIES.clean).softening == pytest.approx(2e-4 * span, rel=0.01)


@pytest.mark.parametrize(
    ("n", "batch_size", "epochs"), [(100, 16, 200), (400, 16, 80), (1500, 32, 43), (2000, 32, 32), (11_468, 128, 22)]
)
def test_batches_and_epochs_follow_the_rows(n, batch_size, epochs):
    images = np.broadcast_to(GRAIN[0], (n, 1, 16, 16)) * np.linspace(1, 2, n)[:, None, None, None]
    config = suggested(images)
    assert (config.batch_size, config.epochs) == (batch_size, epochs)


def test_changes_go_over_what_is_suggested_and_wrong_ones_are_refused():
    report = describe(X, U, NAMES)
    assert report.suggest_config(epochs=3, softening=20).softening == 20
    assert report.suggest_config(epochs=3).epochs == 3
    with pytest.raises(ValueError, match="epochs must be at least 1"):
        report.suggest_config(epochs=0)


@pytest.mark.parametrize(
    "images",
    [X * np.float32(1e-9), bands(X, 1, 1, 1e-3), dsprites.simulate(400, seed=0).images],
    ids=["unit", "bands", "sprites"],
)
def test_fit_takes_what_is_suggested_and_does_not_warn_of_the_pixels(images):
    report = describe(images[:64], U[:64], NAMES)
    config = report.suggest_config(epochs=1, widths=(4, 4, 8, 8))
    history = fit(config, FactorDataset(images[:64], U[:64], NAMES)).history
    assert math.isfinite(history[0]["loss"])


def test_a_report_repeats():
    assert str(describe(X, U, NAMES, UNITS)) == str(describe(X, U, NAMES, UNITS))
