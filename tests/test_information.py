"""InfoMEC, and minimality with sufficiency: by hand, their authors' programs, populations, controls, odd input."""

import time

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm, rankdata
from sklearn.linear_model import LinearRegression

from auxvae_lite.cautions import AuxVAEWarning
from auxvae_lite.information import infomec, minimality_sufficiency
from auxvae_lite.metrics import lds, mig, sap

SCORES = [infomec, minimality_sufficiency]
LN2 = np.log(2)
# What the authors' programs return for `fixture`: InfoMEC by neighbours, and modularity and compactness of codes that
# are quantised to halves, by counting; minimality and sufficiency in 15 bins.
REFERENCE = {
    "noisy": ((0.9766, 0.3396, 0.9765), (0.9330, 0.9330), (0.31897, 0.33203)),
    "rotated": ((0.5069, 0.9999, 0.5417), (0.4970, 0.5251), (0.20998, 0.23087)),
}


def fixture(kind, n=5000, seed=0):
    """Five codes and five factors of ten values; each factor with noise of half its sd, or all turned."""
    rng = np.random.default_rng(seed)
    u = rng.integers(0, 10, (n, 5)).astype(float)
    s = (u - u.mean(0)) / u.std(0)
    e = rng.standard_normal((n, 10))
    return (s + 0.5 * e[:, :5] if kind == "noisy" else s @ np.linalg.qr(rng.standard_normal((5, 5)))[0]), u


def correlated(n=4000, rho=0.9, seed=0):
    """Two normal factors with a correlation of rho."""
    return np.random.default_rng(seed).multivariate_normal([0, 0], [[1, rho], [rho, 1]], n)


def mixed(u):
    """Sum and difference: uncorrelated codes, each of both factors."""
    return np.stack([u[:, 0] + u[:, 1], u[:, 0] - u[:, 1]], 1)


def counted(*rows):
    """Rows repeated: pairs of a row and its number."""
    return np.repeat([row for row, _ in rows], [number for _, number in rows], axis=0).astype(float)


@pytest.mark.parametrize("kind", REFERENCE)
def test_both_equal_their_authors_programs(kind):
    z, u = fixture(kind)
    neighbours, quantised, shares = REFERENCE[kind]
    assert infomec(z, u) == pytest.approx(neighbours, abs=2e-4)
    assert infomec(np.round(2 * z) / 2, u, "bins")[::2] == pytest.approx(quantised, abs=1e-4)
    assert minimality_sufficiency(z, u) == pytest.approx(shares, abs=1e-5)


def test_infomec_by_hand():
    # Two independent factors of 0 and 1, ten rows for each pair. The first code is the first factor, the second names
    # the pair. In shares of ln 2 the codes tell (1, 0) and (1, 1). Modularity: 1/1 and 1/2, mean 3/4, and
    # (3/4 - 1/2) / (1 - 1/2) = 1/2. Compactness: the first factor 1/2, the second 1/1: 1/2 again. Lines read both.
    u = counted(((0, 0), 10), ((0, 1), 10), ((1, 0), 10), ((1, 1), 10))
    z = np.stack([u[:, 0], u[:, 0] + 2 * u[:, 1]], 1)
    assert infomec(z, u, "bins") == pytest.approx((0.5, 1, 0.5), abs=1e-3)


def test_explicitness_by_hand():
    # A code that is wrong in every fourth row: H(u | z) = ln 4 - 3/4 ln 3. A logistic regression of one code of two
    # values can have any probability at each, so it reaches this entropy.
    u = counted(((0, 0), 30), ((0, 1), 10), ((1, 0), 10), ((1, 1), 30))
    share = 1 - (np.log(4) - 0.75 * np.log(3)) / LN2
    assert share == pytest.approx(0.18872, abs=1e-5)
    assert infomec(u[:, :1], u[:, 1:], "bins") == pytest.approx((1, share, 1), abs=1e-6)


def test_explicitness_of_a_continuous_factor_is_r2():
    rng = np.random.default_rng(0)
    z = rng.standard_normal((2000, 3))
    u = z @ [[1.0], [2.0], [0.0]] + rng.standard_normal((2000, 1))  # variance 1 + 4 + 1
    theirs = LinearRegression().fit(z, u).score(z, u)
    assert theirs == pytest.approx(5 / 6, abs=0.02)
    assert infomec(z + 7, 3 * u - 1, "bins").explicitness == pytest.approx(theirs, abs=1e-12)


def test_minimality_and_sufficiency_by_hand():
    # Two factors of 0 and 1 that agree in 38 rows of 40: correlation .9. The sum has the values 0, 1, 2 in 19, 2, 19
    # rows, and leaves the factors open in the 2: I = (1 - 1/20) ln 2 of an entropy of .95 ln(1/.475) + .05 ln 20.
    # The difference has -1, 0, 1 in 1, 38, 1 rows: I = ln 2 / 20 of an entropy of .95 ln(1/.95) + .05 ln 40.
    u = counted(((0, 0), 19), ((1, 1), 19), ((0, 1), 1), ((1, 0), 1))
    assert np.corrcoef(u.T)[0, 1] == pytest.approx(0.9)
    whole = 0.95 * np.log(1 / 0.475) + 0.05 * np.log(20), 0.95 * np.log(1 / 0.95) + 0.05 * np.log(40)
    minimality = (0.95 * LN2 / whole[0] + 0.05 * LN2 / whole[1]) / 2
    assert minimality == pytest.approx(0.45850, abs=1e-5)
    assert minimality_sufficiency(mixed(u), u) == pytest.approx((minimality, 0.95), abs=1e-12)
    assert minimality_sufficiency(u, u) == pytest.approx((1, 1), abs=1e-12)


def shared(rho):
    """Nats that two normal variables with a correlation of rho share if each is cut into 15 equal parts."""
    edges = np.clip(norm.ppf(np.arange(16) / 15), -9, 9)
    below = multivariate_normal([0, 0], [[1, rho], [rho, 1]]).cdf(np.stack(np.meshgrid(edges, edges), -1))
    p = np.diff(np.diff(below, axis=0), axis=1)
    return np.sum(p * np.log(np.maximum(p, 1e-300) * 15**2))


def test_minimality_and_sufficiency_of_normal_factors_are_the_populations():
    # The sum of two factors has a correlation of sqrt((1 + .9) / 2) with each, the difference one of sqrt((1 - .9) / 2)
    # up to its sign. A normal pair shares -ln(1 - rho^2) / 2 nats, and less when it is cut; ranks cut it into equal
    # parts, of entropy ln 15. The code of sum and difference knows all and is neither minimal nor sufficient.
    u = correlated(100_000)
    by_sum, by_difference = shared(0.95**0.5), shared(0.05**0.5)
    assert 0 < by_difference < -np.log(0.95) / 2 and by_sum < -np.log(0.05) / 2
    code, factors = (rankdata(a, axis=0) for a in (mixed(u), u))
    expected = (by_sum + by_difference) / 2 / np.log(15), by_sum / np.log(15)
    assert minimality_sufficiency(code, factors) == pytest.approx(expected, abs=2e-3)
    assert minimality_sufficiency(factors, factors) == pytest.approx((1, 1), abs=1e-12)


def test_where_factors_correlate_only_minimality_and_sufficiency_know_the_perfect_code():
    u = correlated()
    assert minimality_sufficiency(u, u) == pytest.approx((1, 1), abs=1e-12)
    assert minimality_sufficiency(mixed(u), u) < (0.35, 0.65)
    for score in (mig, sap, lambda z, u: lds(z, u).value, lambda z, u: infomec(z, u).compactness):
        perfect, wrong = score(u, u), score(mixed(u), u)
        print(f"perfect {perfect:.3f}, sum and difference {wrong:.3f}")
        assert perfect < 0.65 and perfect < wrong  # the wrong code is ranked above the right one
    free = correlated(rho=0)
    assert mig(free, free) > 0.9 and sap(free, free) > 0.9 and lds(free, free).value > 0.9


@pytest.mark.parametrize("estimator", ["nearest", "bins"])
def test_infomec_of_perfect_codes_noise_and_copies(estimator):
    rng = np.random.default_rng(0)
    u, noise = rng.random((2000, 3)), rng.standard_normal((2000, 3))
    assert min(infomec(u, u, estimator)) > 0.9
    assert infomec(noise, u, estimator).explicitness < 0.01
    copies = infomec(np.hstack([u, -u]), u, estimator)
    assert copies.modularity > 0.9 and copies.explicitness == pytest.approx(1)
    assert copies.compactness == pytest.approx((1 / 2 - 1 / 6) / (1 - 1 / 6), abs=0.05)


def test_noise_has_no_modularity_and_compactness_by_bins_only():
    rng = np.random.default_rng(0)
    u, noise = rng.random((10_000, 5)), rng.standard_normal((10_000, 10))
    found = infomec(noise, u)
    assert 0.2 < found.modularity < 0.8 and 0.2 < found.compactness < 0.8
    assert max(infomec(noise, u, "bins")) < 0.05


def test_minimality_and_sufficiency_of_noise_copies_and_free_codes():
    rng = np.random.default_rng(0)
    u, noise = rng.random((10_000, 5)), rng.standard_normal((10_000, 5))
    for n in (10_000, 100):
        chance = 14**2 / (2 * n * np.log(15))
        for score in minimality_sufficiency(noise[:n], u[:n]):
            assert 0.9 * chance < score < 1.8 * chance
    assert minimality_sufficiency(np.hstack([u, -u]), u) == pytest.approx((1, 1), abs=1e-3)
    assert minimality_sufficiency(np.hstack([u, noise]), u) == pytest.approx((0.5, 1), abs=5e-3)
    assert minimality_sufficiency(u[:, [0, 0, 0, 0, 0]], u) == pytest.approx((1, 0.2), abs=5e-3)


def test_ranks_forgive_a_bend():
    u = correlated()
    bent = np.exp(2 * u)
    assert minimality_sufficiency(bent, u).sufficiency < 0.05
    assert minimality_sufficiency(rankdata(bent, axis=0), rankdata(u, axis=0)) == (1, 1)


@pytest.mark.parametrize("score", SCORES)
def test_constant_codes_change_nothing(score):
    z, u = fixture("noisy", 300)
    for value in (0.0, 3.0, -1e300, 1e-300):
        assert score(np.column_stack([z[:, :2], np.full(300, value), z[:, 2:]]), u) == score(z, u)
    still = np.column_stack([np.full(300, 1e9), np.where(np.arange(300) % 2, 1.0, np.nextafter(1.0, 2))])
    assert score(still, u) == (0,) * len(score(z, u))


@pytest.mark.parametrize("score", SCORES)
def test_order_sign_unit_and_place_of_codes_change_nothing(score):
    z, u = fixture("noisy", 1000)
    whole = score(z, u)
    assert score(z[:, ::-1], u) == pytest.approx(whole, abs=1e-6)
    assert score(-8 * z, 2 * u) == pytest.approx(whole, abs=3e-3)  # a row on a border may change its bin
    assert score(2.0**800 * z, 2.0**-800 * u) == pytest.approx(whole, abs=1e-6)


def test_codes_that_hardly_move_are_pruned_with_a_warning_if_they_know():
    rng = np.random.default_rng(0)
    u = rng.random((1000, 2))
    z = np.column_stack([u[:, 0], 0.04 * u[:, 1], 0.04 * rng.random(1000)])
    with pytest.warns(AuxVAEWarning, match=r"codes \[1\] tell of factors .* write prune=0"):
        pruned = infomec(z, u, "bins")
    assert pruned == pytest.approx(infomec(z[:, :1], u, "bins")[:1] + infomec(z, u, "bins", prune=0)[1:2] + (1,))
    assert infomec(z, u, "bins", prune=0.03) == infomec(z, u, "bins", prune=0)
    assert infomec(z[:, :2], u, "bins", prune=0) == pytest.approx((1, 1, 1), abs=0.2)


def test_a_code_that_reaches_the_share_is_left_out():
    u = counted(((0, 0), 10), ((0, 1), 10), ((1, 0), 10), ((1, 1), 10))
    z = u * [1, 0.5]
    with pytest.warns(AuxVAEWarning, match=r"codes \[1\]"):
        assert infomec(z, u, "bins", prune=0.5).compactness == 1  # of one factor; the other is not told
    assert infomec(z, u, "bins", prune=0.49) == pytest.approx((1, 1, 1), abs=1e-3)


def test_a_factor_is_continuous_above_64_values():
    # A code of what lies between the levels of a factor: classes can be read off its square, a line reads nothing.
    u = np.arange(640.0)[:, None]
    for values, discrete in ((64, True), (65, False)):
        k = u % values
        z = np.hstack([k, (k - k.mean()) ** 2])
        read = infomec(z[:, 1:], k, "bins").explicitness
        assert (read > 0.3) == discrete, (values, read)


@pytest.mark.parametrize("scale", [1.7e308, 5e-324])
def test_the_largest_and_smallest_numbers_have_a_spread(scale):
    u = np.random.default_rng(0).integers(0, 3, (300, 2))
    z = scale * (u - 1.0)
    assert min(infomec(z, u, "bins")) > 0.9 and minimality_sufficiency(z, u) == pytest.approx((1, 1), abs=1e-12)


@pytest.mark.parametrize("score", SCORES)
def test_ties_and_levels_that_differ_by_rounding_are_one_value(score):
    k = np.arange(300) % 10
    u = np.where(np.arange(300) % 3, 0.1 * k, k / 10)[:, None]
    z = u + np.random.default_rng(0).normal(0, 0.1, (300, 2))
    assert score(z, u) == pytest.approx(score(z, k[:, None]), abs=1e-6)
    for chain in (1 + 10 * np.finfo(float).eps * (np.arange(300) % 9))[:, None], 5 * (np.arange(300) % 2)[:, None]:
        assert all(0 <= value <= 1 for value in (*score(chain, u), *score(z, chain)))


@pytest.mark.parametrize("score", SCORES)
def test_one_code_one_factor_and_few_rows(score):
    z, u = fixture("noisy", 300)
    for a, b in ((z[:, :1], u), (z, u[:, :1]), (z[:, :1], u[:, :1]), (z[:3], u[:3]), (z[:7], u[:7])):
        assert all(0 <= value <= 1 for value in score(a, b))
    if score is infomec:
        assert infomec(z[:, :1], u).compactness == infomec(z, u[:, :1]).modularity == 1
        assert infomec(z[:3], np.random.default_rng(0).random((3, 2)))[::2] == (0, 0)  # no two rows of a class


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda z, u: (z[:2], u[:2]), "n at least 3"),
        (lambda z, u: (z[:-1], u), "must be"),
        (lambda z, u: (z[:, 0], u), "must be"),
        (lambda z, u: (z[:, :0], u), "no codes to score"),
        (lambda z, u: (z, u[:, :0]), "no factors to score"),
        (lambda z, u: (z, np.column_stack([u, np.full(len(u), 1e9)])), "factor column 5 is constant"),
        (lambda z, u: (np.where(z == z[4, 1], np.nan, z), u), "codes must be finite.* row 4, column 1"),
        (
            lambda z, u: (z, np.where(np.arange(50)[:, None] == 7, np.inf, u)),
            "factors must be .* row 7, column 0",
        ),
    ],
)
def test_what_cannot_be_scored_is_refused(score, spoil, message):
    with pytest.raises(ValueError, match=message):
        score(*spoil(*fixture("noisy", 50)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda z, u: infomec(z, u, "trees"), '"nearest" or "bins", got \'trees\''),
        (lambda z, u: infomec(z, u, bins=1), "bins and levels must be at least 2, got 1 and 10"),
        (lambda z, u: infomec(z, u, levels=1), "bins and levels must be at least 2, got 20 and 1"),
        (lambda z, u: infomec(z, u, prune=1), "prune must be a share from 0 to below 1, got 1; 0 keeps"),
        (lambda z, u: infomec(z, u, prune=-0.1), "prune must be a share"),
        (lambda z, u: infomec(z, u, prune=float("nan")), "prune must be a share"),
        (lambda z, u: minimality_sufficiency(z, u, bins=1), "bins must be at least 2, got 1"),
    ],
)
def test_wrong_settings_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(*fixture("noisy", 50))


def test_results_are_named_and_repeat():
    z, u = fixture("noisy", 500)
    assert infomec(z, u)._fields == ("modularity", "explicitness", "compactness")
    assert minimality_sufficiency(z, u)._fields == ("minimality", "sufficiency")
    state = np.random.get_state()[1].copy()
    assert infomec(z, u) == infomec(z, u) and minimality_sufficiency(z, u) == minimality_sufficiency(z, u)
    assert (np.random.get_state()[1] == state).all()


def test_scoring_10000_codes_takes_seconds():
    rng = np.random.default_rng(0)
    z, u = rng.standard_normal((10_000, 10)), rng.integers(0, 10, (10_000, 5))
    for score, most in ((infomec, 6), (lambda z, u: infomec(z, u, "bins"), 1), (minimality_sufficiency, 0.2)):
        start = time.process_time()
        score(z, u)
        assert time.process_time() - start < most
