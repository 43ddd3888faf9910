"""Mutations: every formula with one sign, constant, exponent, index or operator changed, and the tests that see it.

    python tests/mutations.py [--workers 1] [--only NAME]

Each mutation is made in a copy of the tree of its own, and its tests are run there. One line per mutation: the formula,
the change, the first test that failed, seconds. Exit status 1 if one survives, that is, if its tests pass.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "auxvae_lite"


class Mutation(NamedTuple):
    """A text that a module holds once, what it becomes, and the test that must fail."""

    module: str  # in auxvae_lite/
    formula: str  # the public function or method that gives another number
    old: str
    new: str
    test: str  # in tests/, a file or one test of it


GALSIM = "test_galaxies.py::test_renderer_agrees_with_galsim[settings0-0.0002]"
SAMPLED = "test_galaxies.py::test_sample_fills_the_papers_ranges"
HYPERCUBE = "test_galaxies.py::test_sample_is_a_latin_hypercube_in_range_and_repeats"
NOISE = "test_galaxies.py::test_noise_is_poisson_and_belongs_to_its_image"
CONSTANT = "test_galaxies.py::test_constant_noise_is_the_authors_quirk"
SIMULATED = "test_galaxies.py::test_simulate_keeps_noise_clean_factors_and_provenance_together"
INVERSE = "test_properties.py::test_scalings_invert_and_keep_shape_and_dtype"
RANGES = "test_properties.py::test_scalings_reach_the_range_that_they_promise"
POWERS = "test_properties.py::test_powers_that_add_nothing_change_no_multiple_correlation"
RHO = "test_properties.py::test_correlations_are_numpys_and_zero_for_constant_columns"
LDS = "test_properties.py::test_lds_sap_and_their_references_are_bounded"
LIVE = "test_properties.py::test_latents_live_that_vary_in_whatever_unit"
SIMILARITY = "test_metrics.py::test_ssim_equals_scikit_image"
CONVENTIONS = "test_metrics.py::test_the_three_conventions"
REFERENCES = "test_metrics.py::test_reference_rows_are_the_scores_of_known_answers"
SCORES = "test_metrics.py::test_scores_equal_independent_implementations"
NULL = "test_metrics.py::test_expected_null_is_the_mean_of_chance_correlations"
MIG = "test_metrics.py::test_mig_equals_independent_implementations"
LEVELS = "test_metrics.py::test_mig_of_a_perfect_code_loses_the_chance_information"
CONTINUOUS = "test_metrics.py::test_mig_of_continuous_factors"
IMPORTANCES = "test_metrics.py::test_importances_known_by_hand"
BOOSTING = "test_metrics.py::test_dci_by_boosting_is_disentanglement_libs"
CONTROLS = "test_metrics.py::test_dci_controls"
HELD_OUT = "test_metrics.py::test_informativeness_is_held_out_r2"
FLOOR = "test_metrics.py::test_noise_scores_the_floor"
PROGRAMS = "test_information.py::test_both_equal_their_authors_programs"
PRUNED = "test_information.py::test_codes_that_hardly_move_are_pruned_with_a_warning_if_they_know"
HASHED = "test_sweep.py::test_a_key_is_the_hash_of_the_canonical_json"
DAMAGED = "test_sweep.py::test_a_damaged_file_is_never_believed"
FOREIGN = "test_sweep.py::test_another_tasks_file_is_refused_and_kept"
PROGRESS = "test_sweep.py::test_progress_says_what_is_done_and_what_is_left"
CHECKSUM = "test_properties.py::test_the_checksum_sees_names_dtypes_shapes_bytes_and_text_and_not_the_order"
SHEAR = "test_properties.py::test_shear_symmetry_turns_by_all_eight"
ADAPTIVE = "test_sensitivity.py::test_moments_of_gaussians_are_their_own"
MOVED = "test_sensitivity.py::test_a_perfect_model_moves_one_property_at_a_time"
LEFT_OUT = "test_sensitivity.py::test_pictures_without_moments_are_counted_and_left_out"
SPREAD = "test_sensitivity.py::test_noise_is_in_units_of_the_spread"
READ = "test_sensitivity.py::test_readout_is_r2_on_test_rows"
SHRUNK = "test_official.py::test_shrinking_by_hand"
LISTED = "test_official.py::test_cars_are_read_in_the_lists_order"
BLOB = "test_official.py::test_the_blob_id_is_gits"
PACKED = "test_official.py::test_npz_is_read_and_its_pickle_is_not"
OTHER = "test_official.py::test_npz_of_another_layout_is_refused"
BEST = "test_checkpoints.py::test_the_best_epoch_is_kept"
OWNERS = "test_factors.py::test_pairs_of_one_factors_columns_are_no_dependence_on_another"
EACH_PAIR = "test_factors.py::test_dependence_is_the_correlation_of_each_pair"
CIRCLE = "test_factors.py::test_a_circle_stays_a_circle"
TOLD_COLUMNS = "test_factors.py::test_columns_are_scaled_by_the_rows_that_tell_them"
CHANNELS = "test_factors.py::test_each_channel_has_its_own_softening"
TURNS = "test_factors.py::test_circular_correlation_known_by_hand"
PAIRS = "test_factors.py::test_circular_correlation_is_the_sum_over_pairs"
CLASSES = "test_factors.py::test_balanced_accuracy_is_the_mean_over_classes"
RARE = "test_factors.py::test_a_label_that_only_half_of_the_rows_have_is_left_out"
EXACT = "test_labels.py::test_what_is_told_exactly_has_the_targeted_prior"
UNTOLD = "test_labels.py::test_what_is_not_told_has_the_populations_prior"
POPULATION = "test_labels.py::test_the_populations_prior_is_the_targeted_one_of_its_factors"
WEIGHED = "test_labels.py::test_a_value_is_believed_by_its_weight"
STAND_FOR_ALL = "test_labels.py::test_told_rows_stand_for_all_of_them"
LEARNS = "test_labels.py::test_a_model_learns_from_gaps_and_errors"
FOUR_ROWS = "test_labels.py::test_the_divergence_of_four_rows_by_hand"
FEW_ROWS = "test_labels.py::test_a_few_told_rows_have_no_correlation"
OWN_ROWS = "test_labels.py::test_factors_of_different_rows_are_penalised_each_on_its_own"
SAME_ROWS = "test_labels.py::test_factors_of_the_same_rows_are_penalised_together_on_those_rows"
OWN_COLUMNS = "test_labels.py::test_columns_of_one_factor_are_left_out_of_intra_where_some_rows_are_not_told"
BAYES = "test_labels.py::test_probabilities_follow_from_bayes_rule"
TO_READ = "test_labels.py::test_the_standard_error_is_that_of_validation_rows"

TABLE = {  # module: the test of most of its mutations; then formula, old, new, and another test where that is quicker
    "simulators/galaxies.py": [
        GALSIM,
        ("sample", '(0.1, 1.0, "arcsec")', '(0.1, 1.1, "arcsec")', SAMPLED),
        ("sample", "rng(seed)).random", "rng(0 * seed)).random", HYPERCUBE),
        ("render", "2 * math.sqrt(2 * math.log(2))", "2 * math.sqrt(math.log(2))"),
        ("render", "period=96", "period=48"),
        ("render", "cutoff=2.0", "cutoff=1.0"),
        ("render", "pixel[1:] *= 2", "pixel[0:] *= 2"),
        ("render", "(1 - g1**2 - g2**2)\n", "(1 - g1**2 + g2**2)\n"),
        ("render", "along = 1 + norm * ((1 + g1)", "along = 1 + norm * ((1 - g1)"),
        ("render", "across = 4 * norm", "across = 2 * norm"),
        ("render", "plus * plus * plus", "plus * plus"),
        ("render", "-0.5 * (psf /", "-1.0 * (psf /"),
        ("render", "return even - odd", "return even + odd"),
        ("add_noise", "else (seed, i))", "else (seed, i + 1))", NOISE),
        ("add_noise", "CONSTANT_SEED = 150000", "CONSTANT_SEED = 150001", CONSTANT),
        ("simulate", "factors = sample(n, seed)", "factors = sample(n, seed + 1)", SIMULATED),
        ("observe", "Simulation(add_noise(clean, seed,", "Simulation(add_noise(clean, seed + 1,", SIMULATED),
    ],
    "simulators/cars.py": [
        "test_cars.py",
        ("identities", ".random(n), low, high)", ".random(n) ** 2, low, high)"),
        ("render", "length / 2, -length / 2, WIDTH", "length / 2, -length / 3, WIDTH"),
        ("render", "lightness + 0.3 * warmth", "lightness - 0.3 * warmth"),
        ("render", "0.24 * length * (1 - cabin)", "0.24 * length * (1 + cabin)"),
        ("render", "back, roof, height)", "back, roof, 1.5)"),
        ("render", "front, 1, HEADLIGHT", "front, 1, TAIL_LIGHT"),
        ("render", "np.radians([a[part]", "np.array([a[part]"),
        ("project", "x * sin_a + y * cos_a", "x * sin_a - y * cos_a"),
        ("project", "near = x * cos_a - y * sin_a", "near = x * cos_a + y * sin_a"),
        ("project", "* cos_e - near * sin_e", "* cos_e + near * sin_e"),
        ("project", "z * sin_e + near", "z * sin_e - near"),
        ("rasterise", "(p[j] + q[j])", "(p[j] - q[j])"),
        ("rasterise", "sum(0) < 0, -1, 1)", "sum(0) > 0, -1, 1)"),
        ("rasterise", "normal[2] < 0, -1, 1)", "normal[2] > 0, -1, 1)"),
        ("rasterise", "0.8 * normal[1] + 0.6", "0.8 * normal[1] - 0.6"),
        ("rasterise", "slope = -normal[:2]", "slope = normal[:2]"),
        ("rasterise", "p[2, starts] - (slope", "p[2, starts] + (slope"),
        ("rasterise", "dy * p[0] - dx", "dy * p[0] + dx"),
        ("rasterise", "plane > depth", "plane < depth"),
        ("picture", "means[::-1]", "means"),
        ("picture", "/ SAMPLES**2", "/ SAMPLES"),
        ("Cars.classes", "len(ELEVATIONS), len(AZIMUTHS)", "len(AZIMUTHS), len(ELEVATIONS)"),
        ("Cars.factors", "np.cos(angle), np.sin(angle)", "np.sin(angle), np.cos(angle)"),
        ("Cars.sample", "replace=False", "replace=True"),
        ("simulate", "return Cars(number).sample", "return Cars().sample"),
    ],
    "scalings.py": [
        "test_scalings.py",
        ("Scaling.fit", "y.std(dim, correction=0)", "y.std(dim, correction=1)"),
        ("Scaling.fit", "maximum(high, -low)", "maximum(high, low)", RANGES),
        ("Scaling.fit", "low, high - low\n", "low, high + low\n"),
        ("Scaling.fit", "constant(y.reshape(len(y), -1)", "~constant(y.reshape(len(y), -1)"),
        ("Scaling.forward", "(self._curve(x) - self.offset", "(self._curve(x) + self.offset"),
        ("Scaling.forward", "torch.asinh(x / self._soft(x))", "torch.asinh(x * self._soft(x))"),
        ("Scaling.forward", "LOG_FLOOR = 1e-10", "LOG_FLOOR = 1e-9", "test_authors.py::test_the_loss_is_theirs"),
        ("Scaling.inverse", "10**f - LOG_FLOOR", "10**f + LOG_FLOOR", INVERSE),
        ("Scaling.inverse", "self._soft(f) * torch.sinh(f)", "self._soft(f) / torch.sinh(f)"),
        ("Scaling.fit", "spread.square().mean().sqrt()", "spread.mean()", CIRCLE),
        ("Scaling.fit", "(told.mean(0), told.std(0", "(0 * told.mean(0), told.std(0", CIRCLE),
        ("Scaling.fit", "if kind not in STRAIGHT:", "if kind in STRAIGHT:", CIRCLE),
        ("Scaling.fit", "x[:, channel], None, value)", "x, None, value)", CHANNELS),
        ("Scaling.fit", "column[rows, None], 0, softening)", "column[rows, None], 0)", TOLD_COLUMNS),
    ],
    "priors.py": [
        "test_priors.py",
        ("targeted_prior", "variance**0.5", "variance**1.0"),
        ("targeted_prior", "torch.cat([u, u.new_zeros(B", "torch.cat([-u, u.new_zeros(B"),
        ("targeted_prior", "u.new_ones(latent_dim - K)", "u.new_zeros(latent_dim - K)"),
        (
            "population_prior",
            "(known.variance.double() + variance).sqrt()",
            "(known.variance.double() + variance)",
            POPULATION,
        ),
        ("population_prior", "known.variance.double() + variance", "known.variance.double()", POPULATION),
        ("population_prior", "targeted_prior(known.mean[None]", "targeted_prior(-known.mean[None]", POPULATION),
        ("population_prior", "std[len(guided) :]])", "0 * std[len(guided) :]])", POPULATION),
        ("Knowledge.rows", "self.weight[index], *self", "self.weight, *self", LEARNS),
    ],
    "divergences.py": [
        "test_divergences.py",
        ("kl_diag_normal", "logvar - 2 * prior_std.log()", "logvar - 1 * prior_std.log()"),
        ("kl_diag_normal", "torch.expm1(r) - r", "torch.expm1(r) + r"),
        ("kl_diag_normal", "return 0.5 * (torch", "return 1.0 * (torch"),
        ("kl_diag_normal", "((mu - prior_mean) / prior_std)", "((mu + prior_mean) / prior_std)"),
        ("kl_partial", "w / known.share, 0)", "w, 0)", STAND_FOR_ALL),
        ("kl_partial", "torch.where(w > 0, w / known.share, 0)", "1 / known.share", WEIGHED),
        ("kl_partial", "(1 - w) * general", "general", WEIGHED),
        ("kl_partial", "torch.where(w > 0, u, known.mean)", "u", UNTOLD),
        ("kl_partial", "cat([guided, told[:, G:]]", "cat([guided, 2 * told[:, G:]]", EXACT),
        ("kl_monte_carlo", "mu + (0.5 * logvar).exp()", "mu + (1.0 * logvar).exp()"),
        ("kl_monte_carlo", "0.5 * ((z - mean) *", "0.5 * ((z + mean) *"),
        ("kl_monte_carlo", "ratio.std(0) / math", "ratio.std(0) * math"),
        ("aggregate_kl", "parts.logsumexp(1)", "parts.logsumexp(0)"),
        ("aggregate_kl", "mu, 0.5 * logvar) - _log_mixture", "mu, 0.5 * logvar) + _log_mixture"),
        ("aggregate_kl", "ratio.std() / math.sqrt", "ratio.std() * math.sqrt"),
    ],
    "regularizers.py": [
        "test_regularizers.py",
        ("pearson", "centred = x - x.mean(0)", "centred = x + x.mean(0)"),
        ("pearson", "(16 * eps) ** 2", "(0 * eps) ** 2"),
        ("explicitness", "(1 - (_unit(z**a)", "(1 + (_unit(z**a)"),
        ("explicitness", "_unit(u**a)", "_unit(u**1)"),
        ("explicitness", "(1 - _multiple(z", "(1 + _multiple(z"),
        ("intra", "dependence.sum() - dependence", "dependence.sum() + dependence"),
        ("intra", "owner[:, None] != owner", "owner[:, None] == owner", OWNERS),
        ("dependence", "else pearson(z, u)", "else pearson(z, u).abs()", EACH_PAIR),
        ("dependence", "_multiple(_scaled(z), _scaled(u), 1)", "pearson(z, u)", EACH_PAIR),
        ("inter", "total / z_recon.shape[1]", "total / z_recon.shape[0]"),
        ("inter", "offset=1", "offset=0"),
        ("inter", "if products:", "if not products:"),
        ("inter", "powers[-1] * x", "powers[0] * x"),
        ("inter", "directions[-1]) ** 2", "directions[-1]) ** 1"),
        ("inter", "(1e3 * torch.finfo", "(1e-3 * torch.finfo", POWERS),
        ("penalties", "(1 - diagonal).sum()", "(1 + diagonal).sum()"),
        ("penalties", "_others(own.abs(), owners), known", "_others(own, owners), known"),
        ("penalties", "rho[K:, : degree * K]", "rho[K:, : degree * K + 1]"),
        ("penalties", "rho[K : z.shape[1], ", "rho[K : z.shape[0], "),
    ],
    "models.py": [
        "test_models.py",
        ("Posterior.sample", "(0.5 * self.logvar)", "(1.0 * self.logvar)"),
        ("AuxVAE.forward", "if self.training else", "if not self.training else"),
        ("AuxVAE.make_decoder", "b - 2 * a", "b - 1 * a"),
        ("AuxVAE.generate", "targeted_prior(self._scaled", "targeted_prior(-self._scaled"),
        ("AuxVAE.generate", "rest[:] = torch", "rest[:] = 0 * torch"),
        ("AuxVAE.generate", "rest += torch", "rest -= torch", "test_mending.py"),  # the recentring
        ("AuxVAE.make_decoder", "if self.decoder_bias else []", "if False else []", "test_mending.py"),  # the constant
        ("Constant.forward", "x + self.bias", "x - self.bias", "test_mending.py"),
        ("AuxVAE.traverse", "self.factors.index(latent)", "self.factors.index(latent) - 1"),
        ("AuxVAE.predict", "(2 * error**2)", "(1 * error**2)", BAYES),
        ("AuxVAE.predict", ".to(indicators).log() - apart", ".to(indicators) - apart", BAYES),
        ("AuxVAE.predict", "factor_scaling.inverse(self.encode(images)", "factor_scaling(self.encode(images)", TO_READ),
    ],
    "training.py": [
        "test_training.py",
        ("reconstruction", "(2 * config.sigma**2)", "(1 * config.sigma**2)"),
        ("reconstruction", "(x_hat - x)", "(x_hat + x)"),
        ("reconstruction", "entropy.flatten(1).sum(1).mean()", "-entropy.flatten(1).sum(1).mean()"),
        ("terms", "penalties(mu, u, config.degree", "penalties(mu, u, config.degree + 1"),
        ("terms", "wrap(mu[:, G:])", "mu[:, G:]", "test_mending.py"),  # the wrapping
        ("terms", "(mu[:ROWS, G:], u[:ROWS])", "(mu[:, G:], u)", "test_mending.py"),
        ("terms", "if G else 0.0", "if not G else 0.0", "test_mending.py"),
        ("terms", "u, known, prior_variance)\n        penalised", "u, known, 1)\n        penalised", FOUR_ROWS),
        ("terms", "FEW = 32", "FEW = 31", FEW_ROWS),
        ("terms", "if rows.sum() < min(", "if rows.sum() <= min(", FEW_ROWS),
        ("terms", "(1 - rho[columns].diag", "(1 + rho[columns].diag", OWN_ROWS),
        ("terms", "inter * len(columns) / G", "inter", OWN_ROWS),
        ("terms", "total + given * value", "total + value", SAME_ROWS),
        ("terms", "owner[:, None] != owner[columns]", "owner[:, None] == owner[columns]", OWN_COLUMNS),
        ("terms", "torch.tensor(owners or range(G)", "torch.tensor(range(G)", OWN_COLUMNS),
        ("total", "(config.beta_free - 1)", "(config.beta_free + 1)", "test_mending.py"),  # the weight
        ("total", "(config.beta_free - 1) * parts.kl_free", "0 * parts.kl_free", "test_mending.py"),
        ("total", "config.beta * kl) / pixels", "config.beta * kl) * pixels"),
        ("total", "parts.explicitness + parts.intra", "parts.explicitness - parts.intra"),
        ("total", "config.lambda_2 * parts.inter", "config.lambda_1 * parts.inter"),
        ("fit", "config.prior_variance or 1 / len(data)", "config.prior_variance or 2 / len(data)"),
        ("fit", "max(1, n // batch_size)", "max(1, n // batch_size + 1)"),
        ("fit", ".detach() * len(index)", ".detach() + len(index)"),
        ("fit", "parameters(), config.clip)", "parameters(), 2 * config.clip)"),
        ("fit", "max_lr=config.lr", "max_lr=2 * config.lr"),
        ("fit", "total_steps=steps + 1", "total_steps=steps + 2"),
        ("fit", '["validation_loss"] == min(', '["validation_loss"] == max(', BEST),
        ("fit", "if not math.isfinite(value)", "if math.isfinite(value)"),
        ("fit", "guided_dim :].mean(0).tolist()", "guided_dim :].std(0).tolist()", "test_mending.py"),  # the recentring
        ("measure", "x[0].numel())) * len(rows)", "x[0].numel())) + len(rows)"),
        ("latent_activity", "sd > 0.1", "sd > 0.01"),
        ("evaluate", "metrics.expected_null(len(mu))", "metrics.expected_null(len(mu.T))"),
        ("evaluate", "u[:, told] = data.factors[:, told]", "u[:, told] = u[:, told]", "test_mending.py"),
        ("evaluate", "np.roll(images, 1, axis=0)", "images", "test_mending.py"),
        ("evaluate", "LIVE = 0.01", "LIVE = -1.0", "test_mending.py"),
        ("evaluate", "if not kind.classes]", "if kind.classes]", "test_labels.py"),
        ("evaluate", "np.random.default_rng(0).permutation(answer)", "answer", "test_labels.py"),
        ("evaluate", '{"floor": 1 / len(np.unique(asked))}', '{"floor": 0}', "test_labels.py"),
        ("evaluate", "own[told, k], read[told, k]", "own[told, k], read[told, k][::-1]", "test_labels.py"),
        (
            "evaluate",
            "posterior.sample(torch.Generator().manual_seed(0))[:, G:]",
            "posterior.mu[:, G:]",
            "test_mending.py",
        ),
    ],
    "factors.py": [
        "test_factors.py",
        ("Kind.width", "return 2 if self.period", "return 1 if self.period"),
        ("expand", "(2 * torch.pi / kind.period)", "(torch.pi / kind.period)"),
        ("expand", "[turn.cos(), turn.sin()]", "[turn.sin(), turn.cos()]"),
        ("expand", "hot[~told] = torch.nan", "hot[~told] = 0"),
        ("expand", "torch.remainder(column, kind.period)", "column.clamp(0, kind.period)"),
        ("collapse", "np.arctan2(own[:, 1], own[:, 0])", "np.arctan2(own[:, 0], own[:, 1])"),
        ("collapse", "turn + kind.period, turn) % kind.period", "turn + kind.period, turn)"),
        ("collapse", "own.argmax(1)", "own.argmin(1)"),
        ("places", "in zip(ends, ends[1:]", "in zip(ends[1:], ends[1:]"),
        ("owners", "for _ in range(kind.width)", "for _ in range(1)"),
        ("same_for_all", "column[~np.isnan(column), None]", "column[:, None]"),
        ("same_for_all", "told = 2 + expand", "told = expand"),
        ("told", "for label in values if label is not None})", "for label in values if label}, reverse=True)"),
        ("told", "MOST = 1000", "MOST = 999"),
    ],
    "labels.py": [
        "test_labels.py",
        ("population", "variance[place] -= np.mean", "variance[place] += np.mean"),
        ("population", "np.mean(s[told[:, place.start], k] ** 2)", "np.mean(s[:, k] ** 2)"),
        ("population", "** 2) / _scale(model)[place] ** 2", "** 2) / _scale(model)[place]"),
        ("draws", "(1 - least) / (1 - covered[rare])", "(1 - least) * (1 - covered[rare])"),
        ("draws", "share * least / covered[rare]", "share / covered[rare]"),
        (
            "draw",
            "torch.arange(n, dtype=ends.dtype) + torch.rand(1",
            "torch.arange(n, dtype=ends.dtype) + torch.rand(n",
        ),
        ("knowledge", "SHARP**2 / (SHARP**2 + square)", "SHARP / (SHARP + square)"),
        ("knowledge", "np.expm1((s", "np.sin((s"),
        ("knowledge", "* 2 * np.pi / kind.period) ** 2)", "* np.pi / kind.period) ** 2)"),
        ("knowledge", "** 2 / variance[place]", "** 2 * variance[place]"),
        ("knowledge", "(s[:, [k]] / _scale(model)[place])", "(s[:, [k]] * _scale(model)[place])"),
        ("knowledge", "weight.mean(0) if share is None", "weight.max(0) if share is None"),
        ("knowledge", "else share @ weight", "else weight.mean(0)"),
        ("residuals", "squares = miss**2 - (s[told", "squares = miss**2 + (s[told"),
        ("residuals", "squares.std() / math.sqrt(max(len(squares), 1))", "squares.std()"),
        ("residuals", "max(squares.mean(), least)", "max(squares.mean(), 0)"),
        ("residuals", "(miss + kind.period / 2) %", "(miss + kind.period) %"),
        ("residuals", "off[told, place] if kind.classes", "0 * off[told, place] if kind.classes"),
        ("frequencies", "column[~np.isnan(column)] == code", "column == code"),
    ],
    "dependence.py": [
        "test_dependence.py",
        ("wrap", "STRAIGHT, END = 1.5, 4.0", "STRAIGHT, END = 2.5, 4.0"),
        ("wrap", "HEIGHT, STEEPNESS = 1.540793", "HEIGHT, STEEPNESS = 1.640793"),
        ("wrap", "NORMAL = 1.4826", "NORMAL = 1.0"),
        ("wrap", "* t.sign()", "* 1"),
        ("wrap", "(fixed - centre).abs().median(0).values", "fixed.std(0)"),
        ("distance_correlation", "0.5 / distances", "1.0 / distances"),
        ("distance_correlation", "size - 2 * x @ x.T", "size - x @ x.T"),
        ("distance_correlation", "slope = 4 * (slope", "slope = 2 * (slope"),
        ("distance_correlation", "- slope @ x)", "+ slope @ x)"),
        ("distance_correlation", "other - value * own", "other + value * own"),
        ("hsic", "kernel = (squares * (-0.5 / width))", "kernel = (squares * (-1.0 / width))"),
        ("hsic", "(kernel + 1) * (-0.5", "kernel * (-0.5"),
        ("hsic", "rows.sum() / (n - 1)) / (n - 2)", "rows.sum() / n) / n"),
        ("hsic", "centred.fill_diagonal_(0)", "centred.fill_diagonal_(1)"),
    ],
    "metrics.py": [
        SIMILARITY,
        ("ssim", "WINDOW = 7", "WINDOW = 5"),
        ("ssim", "(0.01, 0.03)", "(0.01, 0.02)"),
        ("ssim", "(WINDOW**2 - 1)", "(WINDOW**2 + 1)"),
        ("ssim_scores", "mean_x - low, mean_y - low", "mean_x - low, mean_y + low", CONVENTIONS),
        ("ssim_reference", '"black": np.zeros', '"black": np.ones', REFERENCES),
        ("ssim_reference", "noisy.mean(0, keep", "noisy.max(0, keep", REFERENCES),
        ("correlations", "@ _standardised(u) / len(z)", "@ _standardised(u) / (len(z) - 1)", RHO),
        ("expected_null", "math.lgamma((n - 1) / 2)", "math.lgamma((n + 1) / 2)", NULL),
        ("lds", "rho.max(0) /", "rho.min(0) /", SCORES),
        ("lds", "rho = np.abs(rho)", "rho = np.square(rho)", SCORES),
        ("lds", "int((~same).sum())", "len(same)", LIVE),
        ("lds", "rng.permutation(near) for", "near for", FLOOR),
        ("circular_correlation", "** 2 - abs((a * b).mean()) ** 2", "** 2 + abs((a * b).mean()) ** 2", TURNS),
        ("circular_correlation", "(a * b.conj()).mean()", "(a * b).mean()", TURNS),
        ("circular_correlation", "(1 - abs((a**2).mean()) ** 2)", "(1 - abs(a.mean()) ** 2)", PAIRS),
        ("circular_correlation", "both / math.sqrt(spread)", "both / spread", PAIRS),
        ("circular_correlation", "np.exp(2j * np.pi", "np.exp(1j * np.pi", TURNS),
        ("balanced_accuracy", "for label in np.unique(true)", "for label in true", CLASSES),
        ("balanced_accuracy", "found[true == label] == label", "true[found == label] == label", CLASSES),
        ("kurtosis", "_standardised(z) ** 4", "_standardised(z) ** 3", "test_mending.py"),
        (
            "lds_ranks",
            "np.apply_along_axis(rankdata, 0, a)",
            "a",
            "test_metrics.py::test_ranks_are_blind_to_outliers_and_bends",
        ),
        ("lds", "1 + max(live - 1, 0)", "1 + max(live - 2, 0)", LDS),
        ("lds", "(ceiling - floor) if", "(ceiling + floor) if", LDS),
        ("sap", "np.mean(best[-1] - best[-2])", "np.mean(best[-1] - best[-3])", SCORES),
        ("mig", "np.mean((best[-1] - best[-2])", "np.mean((best[-1] - best[-3])", MIG),
        ("mig", "bins=20", "bins=19", MIG),
        ("mig", "levels=10", "levels=20", CONTINUOUS),
        ("mig", "bins - 1).astype(int)", "bins).astype(int)", LEVELS),
        ("mig", "_entropy(a) + _entropy(b) - _entropy(a *", "_entropy(a) - _entropy(b) + _entropy(a *", MIG),
        ("mig", "a * (b.max() + 1) + b", "a * b.max() + b", MIG),
        (
            "mig",
            "CLASSES = 64",
            "CLASSES = 63",
            "test_metrics.py::test_mig_gives_every_value_a_class_only_if_values_return",
        ),
        (
            "mig",
            "len(u) // 5",
            "len(u) // 1",
            "test_metrics.py::test_mig_gives_every_value_a_class_only_if_values_return",
        ),
        (
            "mig",
            "(values - first <= step).all()",
            "True",
            "test_metrics.py::test_a_scale_as_fine_as_rounding_is_no_single_class",
        ),
        ("mig", "_standardised(z), ~constant(z)", "_standardised(z), constant(z)", CONTINUOUS),
        ("dci", "round(len(z) * 2 / 3)", "round(len(z) * 1 / 300)", CONTROLS),
        ("dci", "1 - np.mean((fitted", "0 - np.mean((fitted", HELD_OUT),
        ("dci", "fitted.predict(z[held_out]) - y[held_out]", "fitted.predict(z[train]) - y[train]", CONTROLS),
        ("dci", "min_samples_leaf=20", "min_samples_leaf=1", CONTROLS),
        ("dci", "predict(z[held_out]) == y", "predict(z[held_out]) != y", BOOSTING),
        ("dci", "math.sqrt(2 * math.log(max(d, 2)) / n)", "math.sqrt(200 * math.log(max(d, 2)) / n)", HELD_OUT),
        ("disentanglement_completeness", "math.log(rows.shape[1])", "math.log(rows.shape[0])", IMPORTANCES),
        ("disentanglement_completeness", "p = rows[sums > 0] / sums", "p = rows[sums > 0] * sums", IMPORTANCES),
        ("disentanglement_completeness", "1 - entropy, weights", "1 + entropy, weights", IMPORTANCES),
        ("disentanglement_completeness", "weights=sums[sums > 0]", "weights=sums[sums > 0] ** 0", IMPORTANCES),
    ],
    "information.py": [
        "test_information.py",
        ("infomec", "NEIGHBOURS = 10", "NEIGHBOURS = 3", PROGRAMS),
        ("infomec", "STEPS = 100", "STEPS = 2", PROGRAMS),
        ("infomec", "KNOWS = 0.3", "KNOWS = 0.0", PRUNED),
        ("infomec", "prune=0.05", "prune=0.01", PRUNED),
        (
            "infomec",
            "reach > prune",
            "reach >= prune",
            "test_information.py::test_a_code_that_reaches_the_share_is_left_out",
        ),
        ("infomec", "min(CLASSES, len(u) // 5)", "min(CLASSES, len(u) // 1000)", PROGRAMS),
        ("infomec", "_concentration(told[active]), float", "_concentration(told[active].T), float", PROGRAMS),
        ("infomec", "table / np.where(entropies > 0, entropies, 1), 0)", "table, 0)", PROGRAMS),
        ("infomec", "rows.max(1) / np.where", "rows.min(1) / np.where", PROGRAMS),
        ("infomec", "(part.mean() - 1 / width) / (1", "(part.mean() + 1 / width) / (1", PROGRAMS),
        ("infomec", "/ (1 - 1 / width)))", "/ (1 + 1 / width)))", PROGRAMS),
        (
            "infomec",
            "1 - np.mean((y - z @",
            "1 - np.mean((y + z @",
            "test_information.py::test_explicitness_of_a_continuous_factor_is_r2",
        ),
        (
            "infomec",
            "_values(y, most) is None",
            "_values(y, most + 10) is None",
            "test_information.py::test_a_factor_is_continuous_above_64_values",
        ),
        ("infomec", "C=np.inf", "C=0.01", PROGRAMS),
        ("infomec", "predict_proba(z)) / _entropy(classes)", "predict_proba(z))", PROGRAMS),
        ("minimality_sufficiency", "bins=15", "bins=14", PROGRAMS),
        ("minimality_sufficiency", "_shares(table.T, codes)", "_shares(table.T, codes) ** 2", PROGRAMS),
        ("minimality_sufficiency", "best.max(0).mean()", "best.max(1).mean()", PROGRAMS),
        ("minimality_sufficiency", "best.max(0).mean()", "best.mean(0).mean()", PROGRAMS),
        ("minimality_sufficiency", "z[:, ~constant(z)], u)", "z[:, constant(z)], u)"),
    ],
    "sensitivity.py": [
        "test_sensitivity.py",
        ("moments", "H // 2 - 1 : H", "H // 2 : H"),
        ("moments", "np.sqrt(xx * yy - xy**2)", "np.sqrt(xx * yy + xy**2)", ADAPTIVE),
        ("moments", "xx + yy + 2 * root", "xx + yy + root", ADAPTIVE),
        ("moments", "2 * xy / whole", "xy / whole", ADAPTIVE),
        ("moments", "pixel * np.sqrt(root)", "pixel * root", ADAPTIVE),
        ("moments", "[yy, -xy, xx]", "[yy, xy, xx]", ADAPTIVE),
        ("moments", "-2 * (a * x0 + b * y0)", "-2 * (a * x0 - b * y0)"),
        ("moments", "[mean_x**2, mean_x * mean_y", "[mean_x**2, 0 * mean_y", ADAPTIVE),
        ("moments", "2 * second - m.T", "second - m.T", ADAPTIVE),
        ("moments", "largest < 0.5", "largest < 50"),
        ("moments", "THINNEST = 1e-3", "THINNEST = 1.0"),
        ("moments", "iterations=100", "iterations=5"),
        ("traversal", "[0.05, 0.95]", "[0.0, 0.95]", MOVED),
        ("traversal", "np.array(matrix) / spread", "np.array(matrix) / spread**2", MOVED),
        ("traversal", 'f"z{j + 1}"', 'f"z{j}"', MOVED),
        ("traversal", "if data.clean is None else data.clean", "if data.clean is None else data.images", MOVED),
        ("traversal", "np.nanvar(", "np.nanstd("),
        ("traversal", "moved = start.copy()", "moved = start"),
        ("simulator_traversal", ".sum(1) > 1", ".sum(1) > 2", LEFT_OUT),
        ("simulator_traversal", "np.isnan(measured[..., 0]).mean()", "np.isnan(measured[..., 0]).max()", LEFT_OUT),
        ("simulator_traversal", "_traverse(render, data.factors", "_traverse(render, data.factors[::-1]"),
        ("told", "score(rng.permutation(z))", "score(z)", "test_mending.py"),
        ("told", '~rare], "neighbours"', '~rare], "linear"', "test_mending.py"),
        ("told", "u[known]) | constant", "u[known]) & constant", RARE),
        ("separation", "matrix[:, :4] ** 2", "matrix[:, :4]"),
        ("separation", "matrix[:, :4] ** 2", "matrix**2"),
        ("separation", "latents - len(matrix)", "latents - 1"),
        ("perturb", "amount * mu[:, j].std()", "amount + mu[:, j].std()", SPREAD),
        ("perturb", "mu[:, j].std()", "mu.std()", SPREAD),
        ("perturb", "rng.permutation(mu[:, j])", "mu[::-1, j]"),
        ("perturb", "clean = data.clean if", "clean = data.images if", SPREAD),
        ("perturb", "model, data, mu, convention) - _ssim(", "model, data, mu, convention) + _ssim("),
        ("drops", "whole - _ssim(", "_ssim("),
        ("drops", "np.std(fallen)", "np.var(fallen)"),
        ("drops", "range(G, model.latent_dim)}\n", "range(model.latent_dim)}\n"),
        ("drops", "while len(found) < draws", "while len(found) < draws - 1"),
        ("drops", "[:rows]))", "[: 2 * rows]))"),
        ("readout", "NEIGHBOURS, MOST_ROWS = 10, 4096", "NEIGHBOURS, MOST_ROWS = 1, 4096"),
        ("readout", "NEIGHBOURS, MOST_ROWS = 10, 4096", "NEIGHBOURS, MOST_ROWS = 10, 40960"),
        (
            "readout",
            "np.where(dead, 0, z)",
            "np.where(dead, z, z)",
            "test_sensitivity.py::test_scales_and_constant_codes_do_no_harm",
        ),
        ("readout", "r2_score(u, reader.predict(z)", "r2_score(reader.predict(z), u", READ),
        ("readout", "make_pipeline(StandardScaler(), readers", "make_pipeline(readers"),
    ],
    "datasets.py": [
        "test_datasets.py",
        ("FactorDataset.split", "int(round(n * train, 6))", "int(round(n * train, 6)) + 1"),
        ("FactorDataset.split", "default_rng(seed)\n", "default_rng(seed + 1)\n"),
        ("FactorDataset.columns", "self.names.index(name) for", "self.names.index(name) - 1 for"),
        ("shear_symmetry", '"g2": mirror ^ flip', '"g2": mirror | flip'),
        ("shear_symmetry", '{"g1": transpose', '{"g1": ~transpose'),
        ("shear_symmetry", "x.flip(2)", "x.flip(3)", SHEAR),
    ],
    "study/authors.py": [
        "test_authors.py",
        ("config", '"beta": 20.0', '"beta": 2.0'),
        ("config", '"lr": 1e-3', '"lr": 1e-2'),
        ("terms", "LOG_FLOOR) - torch", "LOG_FLOOR) + torch"),
        ("terms", "torch.cat([output.z[:, :K]", "torch.cat([output.posterior.mu[:, :K]"),
        ("log10_terms", "reconstruction=_squares(output.x_hat, x)", "kl=_squares(output.x_hat, x)"),
        ("sampled_terms", "explicitness=explicit, intra=intra", "explicitness=intra, intra=explicit"),
        ("terms", "u, config.degree)", "u, config.degree - 1)"),
        ("lds", "u[:, :3]", "u[:, :4]"),
    ],
    "study/baselines.py": [
        "test_baselines.py",
        ("idvae_terms", "output.x_hat, x), kl, factor_error", "output.x_hat, x), 2 * kl, factor_error"),
        ("idvae_terms", "part.detach() for part", "part for part"),
        ("idvae_terms", "prior.mu, (0.5 * prior", "prior.mu, (1.0 * prior"),
        ("idvae_terms", "(output.u_hat - u)", "(output.u_hat + u)"),
        ("idvae_terms", "config.lambda_2 * factor_kl", "config.lambda_1 * factor_kl"),
        ("IDVAE.forward", "< self.shown_share", "> self.shown_share"),
        ("IDVAE.forward", "[u * shown, shown]", "[u, shown]"),
        ("IDVAE.forward", "prior.sample(generator) if sample", "prior.mu if sample"),
        ("IDVAE.encode_with", "torch.ones_like(u", "torch.zeros_like(u"),
        ("IDVAE.generate", "prior.mu if generator is None", "-prior.mu if generator is None"),
        ("fit_idvae", "lambda_2=gamma", "lambda_2=0 * gamma"),
        ("Supervised.forward", "posterior.mu.detach()", "posterior.mu.clone()"),
        ("supervised_terms", "posterior.mu - u", "posterior.mu + u"),
        ("supervised_terms", "(2 * prior_variance)", "(1 * prior_variance)"),
        ("fit_supervised", "max(1, sum(kind", "max(1, 1 + sum(kind"),
    ],
    "study/runs.py": [
        "test_runs.py",
        ("score", "mse * (1 - every.value)", "mse * (1 + every.value)"),
        ("run", "config.epochs * steps[0] / steps[1]", "config.epochs * steps[1] / steps[0]"),
    ],
    "study/choice.py": [
        "test_choice.py",
        ("order", "max(row[name] for row in cases.values())", "min(row[name] for row in cases.values())"),
        ("order", "best[case] - row", "row"),
        ("order", "np.max(_told(runs))", "np.min(_told(runs))"),
        ("order", 'max(row["told"], NOTHING), -row["lds"]', 'row["told"], -row["lds"]'),
        ("order", "return abs(run[", "return (run["),
        ("chosen", "- first).low > 0", "- first).mean > 0"),
        ("chosen", 'item[1] | {"qualifies": True}', "item[1]"),
        ("survivors", "ssim_within=math.inf", "ssim_within=SSIM_WITHIN"),
        ("pairwise_terms", "/ free.shape[1]", "/ 1"),
    ],
    "study/sets.py": [
        "test_sets.py",
        ("sprite_rows", "one_hot = u[:, :1] ==", "one_hot = u[:, :1] !="),
        ("sprite_rows", "columns = np.hstack([u, dsprites", "columns = np.hstack([u[::-1], dsprites"),
        ("car_rows", '("azimuth_sin", "azimuth_cos")', '("azimuth_cos", "azimuth_sin")'),
        ("car_rows", ".argmax(1)  # the fleet", ".argmin(1)  # the fleet"),
        ("rows", "test=0.2", "test=0.3"),
        ("score", "mse * (1 - found", "mse * (1 + found"),
        ("score", "x_hat) / parts.train.images.max()", "x_hat) * parts.train.images.max()"),
        ("score", "z, data.columns(columns))", "z[::-1], data.columns(columns))"),
        ("score", "rho.max(0)", "rho.min(0)"),
        ("score", "(found.value - found.floor)", "(found.value + found.floor)"),
        ("score", "metrics.lds(np.hstack([u, noise]), u)", "metrics.lds(np.hstack([noise, noise]), u)"),
        ("score", "return np.setdiff1d(", "return np.intersect1d("),
    ],
    "files.py": [
        CHECKSUM,
        ("checksum", "in sorted(tensors)", "in list(tensors)"),
        ("checksum", "{tuple(tensor.shape)}", "{tensor.numel()}"),
        ("checksum", "sha256(text.encode())", "sha256(text[1:].encode())"),
        ("read", '!= kept["sha256"]', '== kept["sha256"]', "test_files.py"),
        ("read", ") > _release(__version__) >", ") >= _release(__version__) >", "test_files.py"),
        ("read", "_release(__version__) > ()", "_release(__version__) >= ()", "test_files.py"),
        ("expect", '{*known, "version"}', "{*known}", "test_files.py"),
    ],
    "older.py": [
        "test_older.py",
        ("complete", "{**settings, **{", "{**SETTINGS, **{"),
        ("complete", "if name not in settings", "if name in settings"),
    ],
    "simulators/official.py": [
        LISTED,
        ("dsprites", 'b"blob %d\\0" %', 'b"blob %d" %', BLOB),
        ("dsprites", "block.max() > 1", "block.max() > 2", f"{OTHER}[a grey image]"),
        ("dsprites", "classes[:, 0].any() or not", "not", f"{OTHER}[a colour]"),
        ("dsprites", "start += len(block)", "start += len(block) - 1", PACKED),
        ("cars3d", "transpose(4, 3, 2, 0, 1)", "transpose(4, 3, 2, 1, 0)"),
        ("cars3d", "images[:, :, places[name]]", "images[:, :, -1 - places[name]]"),
        ("cars3d", "2 * np.pi * azimuth", "1 * np.pi * azimuth"),
        ("cars3d", "np.cos(angle), np.sin(angle)", "np.sin(angle), np.cos(angle)"),
        ("cars3d", "total + k * k // 2", "total + k * k // 3", SHRUNK),
        ("cars3d", "dtype=np.uint16", "dtype=np.uint8", SHRUNK),
    ],
    "study/results/__init__.py": [
        "test_results.py",
        ("table", 'f"{np.std(values, ddof=1)', 'f"{np.std(values, ddof=0)'),
        ("interval", "float(np.std(differences, ddof=1))", "float(np.std(differences, ddof=0))"),
        ("interval", "stats.t.ppf(0.975, n - 1)", "stats.t.ppf(0.95, n - 1)"),
        ("interval", "2 * stats.t.sf", "1 * stats.t.sf"),
        ("values", 'key=lambda run: run["seed"]', 'key=lambda run: -run["seed"]'),
        ("summary", "{v.std(ddof=1)", "{v.std(ddof=0)"),
        ("table", '["data"] + run', '["data"] - run'),
        ("table", 'f"{np.mean(values)', 'f"{np.max(values)'),
        ("table", "np.mean([row", "np.max([row"),
        ("load", "seal != _seal(result)", "seal == _seal(result)"),
        ("chosen", "return min(variants, key", "return max(variants, key"),
        ("chosen", '"validation_product").mean()', '"validation_product").min()'),
        ("interval", "ppf(0.975, n - 1)", "ppf(0.975, n)"),
        ("interval", "ddof=1)) / math.sqrt(n)", "ddof=1)) / math.sqrt(n - 1)"),
        ("differences", "return found[0] - found[1]", "return found[0] + found[1]"),
        ("spread", "float(np.std(values, ddof=1))", "float(np.std(values, ddof=0))"),
        ("spread", "float(np.mean(values))", "float(np.median(values))"),
        ("spread", "min(values), max(values), len(seeds)", "min(values), max(values), len(values)"),
        ("spread", '["scores"][names[0]]', '["scores"][names[-1]]'),
        ("pool", "== asked", "!= asked"),
        (
            "settings",
            'complete(shared | config["variants"][variant])',
            'complete(config["variants"][variant] | shared)',
        ),
        ("settings", 'older.complete(shared | config["variants"][variant])', 'shared | config["variants"][variant]'),
    ],
    "study/ledger.py": [
        "test_ledger.py",
        ("next_run", "math.sqrt(mean.n + 1)", "math.sqrt(mean.n)"),
        ("figure", "FEWEST = 3", "FEWEST = 2"),
        ("figure", "ROUNDING = 0.005", "ROUNDING = 0.05"),
        ("figure", "run.high >= claimed", "run.mean >= claimed"),
        ("figure", "claimed - rounding, run.low", "claimed + rounding, run.low"),
        ("figure", '"equal": above and below', '"equal": above or below'),
        ("figure", "run.low <= known_nothing", "run.high <= known_nothing"),
        ("direction", "difference.low > margin", "difference.low >= margin"),
        ("direction", "difference.high <= margin", "difference.high < margin"),
        ("share", "MOST = 0.9", "MOST = 0.8"),
        ("share", "<= 1 - MOST + 1e-9", "< 1 - MOST - 1e-9"),
        ("combined", '{"reproduced", "in part"} else', '{"reproduced"} else'),
        ("combined", '"in part" if found &', '"in part" if found ^'),
        ("ledger", "SHARP = 0.1", "SHARP = 1.0"),
        ("ledger", "NEGLIGIBLE = 0.1", "NEGLIGIBLE = 10.0"),
        ("ledger", "CLEAR = 2", "CLEAR = 20"),
        ("ledger", "AGREES = 0.7", "AGREES = 1.7"),
        ("ledger", "_own_d(moved, True) - _own_d", "_own_d(moved, True) + _own_d"),
        ("ledger", ".values()) for run in runs) / 60", ".values()) for run in runs) / 1"),
        ("against_code", "(theirs, variant, ours, score, mine)", "(mine, ours, variant, score, theirs)"),
        ("html", "if row.parts else", "if not row.parts else"),
        ("html_against", "effect.low <= 0 <= effect.high", "effect.low <= 1 <= effect.high"),
    ],
    "study/sweep.py": [
        "test_sweep.py",
        ("key", "sort_keys=True, allow_nan", "sort_keys=False, allow_nan", HASHED),
        ("key", "hexdigest()[:16]", "hexdigest()[:15]", HASHED),
        ("run", "== _seal(content) and", "!= _seal(content) or", DAMAGED),
        ("run", 'content["task"] != task', 'content["task"] == 0', FOREIGN),
        ("run", "/ (len(tasks) - len(running)) * len(running)", "/ len(tasks) * len(running)", PROGRESS),
    ],
    "pages/teaching.py": [
        "test_teaching.py",
        ("check", "abs(value - reference)", "abs(value + reference)"),
        ("check", "> tol", ">= tol"),
        ("check", "not math.isfinite(value)", "math.isinf(value)"),
    ],
}


def mutations():
    """The table's rows."""
    for module, (usual, *rows) in TABLE.items():
        for formula, old, new, *other in rows:
            yield Mutation(module, formula, old, new, *(other or [usual]))


def changed(text, mutation):
    """The module's text after the mutation.

    Raises:
        ValueError: if the old text does not occur exactly once.
    """
    if (count := text.count(mutation.old)) != 1:
        raise ValueError(f"{mutation.module} holds {mutation.old!r} {count} times, not once: name another text")
    return text.replace(mutation.old, mutation.new)


def copy_tree(target):
    """Copy every file that git has or would take."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    for name in filter(None, subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout.split(b"\0")):
        source, copy = ROOT / os.fsdecode(name), target / os.fsdecode(name)
        if source.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)


def run(tree, *command):
    """Run Python in a copied tree, whose package comes first."""
    settings = {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1", "CI": "1"}
    settings |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        [sys.executable, *command], cwd=tree, env=os.environ | settings, capture_output=True, text=True
    )


def failures(tree, tests):
    """The tests that fail in a tree, at most one."""
    options = ["-x", "-q", "--tb=no", "--noconftest", "-p", "no:cacheprovider"]  # conftest.py alone takes a second
    done = run(tree, "-m", "pytest", *options, *(f"tests/{test}" for test in tests))
    if done.returncode not in (0, 1):
        raise RuntimeError(f"pytest ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return re.findall(r"^(?:FAILED|ERROR) tests/(.*?)(?: - |$)", done.stdout, re.MULTILINE)


def trial(mutation):
    """The test that fails under a mutation, or None, and the seconds that it took."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        copy_tree(tree)
        module = tree / PACKAGE.name / mutation.module
        module.write_text(changed(module.read_text(encoding="utf-8"), mutation), encoding="utf-8")
        failed = failures(tree, [mutation.test])
    return (failed or [None])[0], time.perf_counter() - start


def check_unchanged(tests):
    """Fail unless a copy imports its own package and passes the tests as it is."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder).resolve()
        copy_tree(tree)
        place = run(tree, "-c", "import auxvae_lite; print(auxvae_lite.__file__)").stdout.strip()
        if not Path(place).is_relative_to(tree):
            sys.exit(f"the copy in {tree} imports {place}")
        if failed := failures(tree, tests):
            sys.exit(f"{failed[0]} fails without any mutation")


def main(arguments=None):
    """Try the mutations, print, and tell whether one survived."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=1, help="mutations tried at a time")
    parser.add_argument("--only", default="", help="a formula's name or a part of it")
    options = parser.parse_args(arguments)
    chosen = [mutation for mutation in mutations() if options.only in mutation.formula]
    if options.workers < 1:
        parser.error(f"--workers must be at least 1, got {options.workers}")
    if not chosen:
        parser.error(f"no formula has {options.only!r} in its name")
    start, caught = time.perf_counter(), 0
    for mutation in chosen:
        changed((PACKAGE / mutation.module).read_text(encoding="utf-8"), mutation)
    check_unchanged(sorted({mutation.test for mutation in chosen}))
    print(f"unchanged: passes, {time.perf_counter() - start:.0f} s", flush=True)
    with ThreadPoolExecutor(options.workers) as pool:
        for mutation, (failed, seconds) in zip(chosen, pool.map(trial, chosen), strict=True):
            caught += failed is not None
            change = f"{mutation.old!r} -> {mutation.new!r}"
            print(f"{mutation.formula:<22} {change:<75} {failed or 'SURVIVES'}, {seconds:.1f} s", flush=True)
    print(f"{caught} of {len(chosen)} caught, {time.perf_counter() - start:.0f} s")
    return caught < len(chosen)


if __name__ == "__main__":
    sys.exit(main())
