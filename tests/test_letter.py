"""The letter to the paper's authors says what the committed results say."""

import make_authors

from auxvae_lite.study import ledger, results


def test_the_letter_is_current():
    assert make_authors.PAGE.read_text(encoding="utf-8") == make_authors.page(), "run `make readme`"


def test_its_words_rest_on_the_numbers():
    extremes = results.load("galaxies-extremes")
    for score in ("lds_normalised", "best_psf"):
        assert results.paired(extremes, "variance 1", "recipe", score).high < 0  # "your Eq. 3 is the better one"
    base = results.load(ledger.BASE)
    beta = results.chosen(base, ledger.METHODS["beta-VAE"])
    assert abs(results.interval(results.values(base, beta, "lds_normalised")).mean) < 0.05  # "that of noise"
    more = results.paired(base, beta, results.chosen(base, ledger.METHODS["Aux-VAE"]), "ssim_image")
    assert more.low > 0  # "which does not"
