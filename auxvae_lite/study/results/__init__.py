"""The committed evidence: one JSON file per experiment, checked against one schema, and its table.

A file carries the sha256 of its content, so that a digit changed by hand or by a bad disk is noticed. Means and spreads
are computed where they are shown, never stored. `python -m auxvae_lite.study.results` prints them. The folder `again`
has the experiments on galaxies once more, the same seeds with another machine's rounding (chapter 13).
"""

import hashlib
import json
import math
from importlib import resources
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ... import files, older
from ...cautions import warn

__all__ = [
    "HEADLINE",
    "Paired",
    "Spread",
    "by_variant",
    "chosen",
    "differences",
    "interval",
    "load",
    "names",
    "paired",
    "pool",
    "pool_table",
    "repeated",
    "save",
    "settings",
    "spread",
    "summary",
    "table",
    "validate",
    "values",
]

SCHEMA = {  # a type; a dictionary with these keys; or a one-element list, any number of such elements
    "experiment": str,
    "config": dict,
    "code": str,
    "machine": str,
    "n": {"train": int, "validation": int, "test": int},
    "runs": [
        {
            "variant": str,
            "seed": int,
            "threads": int,
            "seconds": {"data": float, "train": float, "evaluate": float},
            "scores": dict,
            "reference": dict,
        }
    ],
}
FACTORS = "flux", "radius", "g1", "g2", "psf"
HEADLINE = (  # scores of `training.evaluate`; the correlation of a guided latent is stored under one of two names
    *(("ssim_global",), ("ssim_image",), ("ssim_clean",), ("lds",), ("lds_normalised",), ("sap_r2",)),
    *((f"corr_{name}", f"best_{name}") for name in FACTORS),
)


def names():
    """Names of the committed experiments."""
    return _stems(resources.files(__name__))


def _stems(folder):
    return sorted(Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(".json"))


def repeated():
    """Names of the experiments that were run once more on another machine: `load("again/NAME")` has the repeat."""
    return _stems(resources.files(__name__).joinpath("again"))


def save(path, result):
    """Validate a result and write it, sealed, in one step.

    Raises:
        ValueError: if it does not follow the schema.
    """
    validate(result)
    files.write_text(path, json.dumps(result | {"sha256": _seal(result)}, indent=1) + "\n")


def load(name):
    """Read, verify and validate a result.

    Arguments:
        name: A committed experiment's, "again/" and a name for its repeat, or the path of a JSON file.

    Raises:
        FileNotFoundError: for an unknown name, with those that exist.
        ValueError: if the file is damaged, was changed after `save`, or does not follow the schema.

    Fields that the schema lacks, as a later version may write them, are warned of.
    """
    file = Path(name) if str(name).endswith(".json") else resources.files(__name__) / f"{name}.json"
    if not file.is_file():
        raise FileNotFoundError(f"no result {name}; there are {', '.join(names())}")
    try:
        result = json.loads(file.read_text(encoding="utf-8"))
        seal = result.pop("sha256")
    except (ValueError, AttributeError, TypeError, KeyError) as error:
        raise ValueError(f"{file} is no result file, or a damaged one ({error}); make or copy it again") from error
    if seal != _seal(result):
        raise ValueError(f"{file} was changed after it was made: its checksum differs; make or copy it again")
    try:
        unknown = _unknown(result)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    if unknown:
        warn(f"{file} has fields that this version of auxvae_lite does not know and ignores: {', '.join(unknown)}")
    return result


def _seal(result):
    return hashlib.sha256(json.dumps(result, sort_keys=True).encode()).hexdigest()


def validate(result):
    """Check a result against the schema.

    Raises:
        ValueError: naming the place of the first missing, unknown, mistyped or non-finite entry, or the variant and
            seed of a run that is there twice. A variant's runs all have the same scores.
    """
    if unknown := _unknown(result):
        raise ValueError(f"the schema does not have {', '.join(unknown)}")


def _unknown(result):
    """Places of entries that the schema does not have; every other departure from it is an error, as in `validate`."""
    unknown = []
    _match(SCHEMA, result, "result", unknown)
    _finite(result, "result")
    if not result["runs"]:
        raise ValueError("result.runs is empty")
    firsts, seen = {}, set()
    for index, run in enumerate(result["runs"]):
        first = firsts.setdefault(run["variant"], run)
        if not run["scores"]:
            raise ValueError(f"result.runs[{index}].scores is empty")
        for name, row in run["reference"].items():
            _match(dict, row, f"result.runs[{index}].reference.{name}")
        rows = {name: dict.fromkeys(row, float) for name, row in first["reference"].items()}
        _match(dict.fromkeys(first["scores"], float), run["scores"], f"result.runs[{index}].scores")
        _match(rows, run["reference"], f"result.runs[{index}].reference")
        if (place := (run["variant"], run["seed"])) in seen:
            raise ValueError(f"result.runs[{index}] is {place[0]!r} with seed {place[1]} once more")
        seen.add(place)
    return unknown


def settings(config, variant):
    """All settings of one variant: what its experiment shares, what it changes, and what older files do not name.

    Two runs with equal settings and seeds repeat each other, however their files word them.

    Arguments:
        config: A result's "config".
        variant: A name in its "variants".

    Returns:
        A dictionary.
    """
    shared = {name: value for name, value in config.items() if name != "variants"}
    return older.complete(shared | config["variants"][variant])


class Spread(NamedTuple):
    """One score in several runs: mean, sample standard deviation, lowest, highest, number of seeds and of runs."""

    mean: float
    sd: float
    low: float
    high: float
    seeds: int
    runs: int


def pool(result, variant, among=None):
    """All runs that were made with the settings of one variant, whichever experiment they belong to.

    Threads are no setting here: as another machine does, they change rounding alone. Several files may hold one run:
    runs of one seed that agree in every score that both have are joined. Runs of one seed that differ are repeats of
    that seed with another rounding, and each is kept.

    Arguments:
        result: A result.
        variant: One of its variants.
        among: The results to search; by default every committed one, with the repeats in `again`.

    Returns:
        A list of runs as the schema has them, in the order of their seeds; scores and references are those of all the
        copies that were joined.

    Raises:
        KeyError: for an unknown variant.
    """
    asked = _recipe(result["config"], variant)
    found = []
    for other in _committed() if among is None else among:
        for name, runs in by_variant(other).items():
            for run in runs if _recipe(other["config"], name) == asked else []:
                _join(found, run)
    return sorted(found, key=itemgetter("seed"))


def _committed():
    """Every committed result, and the repeats."""
    folder = resources.files(__name__)
    again = [f"again/{name}" for name in names() if (folder / f"again/{name}.json").is_file()]
    return [load(name) for name in (*names(), *again)]


def _recipe(config, variant):
    return {name: value for name, value in settings(config, variant).items() if name not in ("seed", "threads")}


def _join(found, run):
    """Add a run to a list, or its scores to the copy of it that is there."""
    for index, one in enumerate(found):
        shared = one["scores"].keys() & run["scores"].keys()
        if one["seed"] == run["seed"] and shared and all(one["scores"][s] == run["scores"][s] for s in shared):
            found[index] = one | {name: one[name] | run[name] for name in ("scores", "reference")}
            return
    found.append(run)


def spread(runs, *score):
    """One score over a pool of runs.

    Arguments:
        runs: What `pool` returns.
        score: Name of the score; several where files have several names for it. Runs without it are left out.

    Returns:
        `Spread`. Each run counts once; a single run has an sd of 0.

    Raises:
        KeyError: if no run has the score.
    """
    values, seeds = [], set()
    for run in runs:
        if names := [name for name in score if name in run["scores"]]:
            values.append(run["scores"][names[0]])
            seeds.add(run["seed"])
    if not values:
        raise KeyError(f"no score {score[0]!r} in these {len(runs)} runs")
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return Spread(float(np.mean(values)), sd, min(values), max(values), len(seeds), len(values))


def pool_table(runs, scores=HEADLINE, run=None):
    """Scores of a pool as text, and those of another run beside them.

    Arguments:
        runs: What `pool` returns.
        scores: Tuples of names, as `spread` takes them.
        run: A dictionary of that other run's scores, or None.

    Returns:
        Several lines. References such as floor and ceiling are means over the runs.
    """
    width = max(len(names[0]) for names in scores)
    head = (
        f"{'':<{width}}" + (f" {'this run':>8}" if run else "") + f" {'mean':>7} {'sd':>7} {'lowest':>7} {'highest':>7}"
    )
    lines = [f"{head}  seeds  runs  read against"]
    for names in scores:
        found = spread(runs, *names)
        cells = [f" {next((f'{run[name]:.4f}' for name in names if name in run), ''):>8}"] if run else []
        cells += [f" {value:7.4f}" for value in found[:4]]
        rows = [one["reference"][names[0]] for one in runs if names[0] in one["reference"]]
        against = _reference(rows) if rows else ""
        lines.append(f"{names[0]:<{width}}{''.join(cells)}  {found.seeds:>5}  {found.runs:>4}  {against}".rstrip())
    return "\n".join(lines)


def by_variant(result):
    """The runs of each variant, in the file's order: a dictionary of lists."""
    groups = {}
    for run in result["runs"]:
        groups.setdefault(run["variant"], []).append(run)
    return groups


def values(result, variant, score):
    """One score of a variant's runs, in the order of their seeds: array of shape (number of seeds,).

    Raises:
        KeyError: for an unknown variant or score, with those that exist.
    """
    groups = by_variant(result)
    if variant not in groups:
        raise KeyError(f"no variant {variant!r} in {result['experiment']}; there are {', '.join(groups)}")
    runs = sorted(groups[variant], key=lambda run: run["seed"])
    if score not in runs[0]["scores"]:
        raise KeyError(f"no score {score!r} in {result['experiment']}; there are {', '.join(runs[0]['scores'])}")
    return np.array([run["scores"][score] for run in runs])


def chosen(result, variants):
    """The variant with the smallest mean `validation_product` over its seeds: the setting that a method is shown with.

    Arguments:
        result: A result with that score.
        variants: The method's settings.

    Raises:
        KeyError: for an unknown variant, or a result without the score.

    References:
        The paper's criterion, MSE (1 - LDS), on rows that neither train nor test; chapter 8.
    """
    return min(variants, key=lambda variant: values(result, variant, "validation_product").mean())


class Paired(NamedTuple):
    """A difference between two variants, seed by seed: mean, its 95 % interval, two-sided p, number of seeds."""

    mean: float
    low: float
    high: float
    p: float
    n: int


def interval(differences):
    r"""Mean of a few numbers with Student's 95 % interval.

    .. math:: \bar D \pm t_{n-1,\,0.975}\; s_D / \sqrt n

    Arguments:
        differences: At least two numbers, as one for each seed; believed to be normal.

    Returns:
        `Paired`; p asks whether the mean is 0. With three numbers the interval is 4.3
        standard errors wide on each side: read it, not p alone.

    Raises:
        ValueError: for fewer than two numbers.

    Example:
        >>> round(interval([0.5, 0.6, 0.7]).low, 4)
        0.3516

    References:
        Student 1908; derived in chapter 13.
    """
    from scipy import stats  # slow to import

    n = len(differences)
    if n < 2:
        raise ValueError(f"an interval needs at least two seeds, got {n}")
    mean = float(np.mean(differences))
    error = float(np.std(differences, ddof=1)) / math.sqrt(n)
    reach = float(stats.t.ppf(0.975, n - 1)) * error
    p = float(2 * stats.t.sf(abs(mean) / error, n - 1)) if error else float(mean == 0)
    return Paired(mean, mean - reach, mean + reach, p, n)


def differences(result, first, second, score, other=None):
    """The first variant's score minus the second's, seed by seed.

    Two runs of one seed share galaxies, batches and, where shapes agree, first weights; what a seed does to both
    cancels.

    Arguments:
        result: A result; the second variant's, too, unless `other` is given.
        first, second: Variants.
        score: Name of a score.
        other: The second variant's result, where it is another experiment's.

    Returns:
        Array of shape (number of seeds,), in the order of the seeds.

    Raises:
        KeyError: for an unknown variant or score.
        ValueError: for other seeds in the one than in the other.

    References:
        Chapter 8.
    """
    other = other or result
    found = values(result, first, score), values(other, second, score)
    seeds = [sorted(run["seed"] for run in by_variant(r)[v]) for r, v in ((result, first), (other, second))]
    if seeds[0] != seeds[1]:
        raise ValueError(f"{first} and {second} must have the same seeds, got {seeds[0]} and {seeds[1]}")
    return found[0] - found[1]


def paired(result, first, second, score, other=None):
    """The `interval` of two variants' `differences`, with the same arguments.

    Returns:
        `Paired`.

    Raises:
        KeyError, ValueError: as `differences` does, and for fewer than two seeds.

    References:
        Chapter 8.
    """
    return interval(differences(result, first, second, score, other))


def summary(result, scores, variants=None, digits=3):
    """Several scores of several variants as text: mean and sample standard deviation over seeds, then references.

    Arguments:
        result: A result that `validate` accepts.
        scores: Names of scores, or a dictionary from them to column heads.
        variants: Names of variants, all by default, or a dictionary from them to row heads.
        digits: Decimals.

    Returns:
        Several lines. A score's references, such as floor and ceiling, are means over all the runs shown; the last line
        says how many seeds, training images and test images there are.

    Raises:
        KeyError: for an unknown variant or score.
    """
    groups = by_variant(result)
    rows, heads = (dict(names) if isinstance(names, dict) else dict(zip(names, names, strict=True)) for names in
                   (variants or list(groups), scores))  # fmt: skip
    width, wide = max(map(len, rows.values())), [max(len(head), 2 * digits + 6) for head in heads.values()]
    lines = [" ".join([" " * width, *(f"{head:>{w}}" for head, w in zip(heads.values(), wide, strict=True))])]

    def line(name, cells):
        lines.append(" ".join([f"{name:<{width}}", *(f"{c:>{w}}" for c, w in zip(cells, wide, strict=True))]).rstrip())

    for variant, head in rows.items():
        found = [values(result, variant, score) for score in heads]
        line(
            head,
            [
                f"{v.mean():.{digits}f} ±{v.std(ddof=1):.{digits}f}" if len(v) > 1 else f"{v[0]:.{digits}f}"
                for v in found
            ],
        )
    runs = [run for variant in rows for run in groups[variant]]
    references = [{name for run in runs for name in run["reference"].get(score, {})} for score in heads]
    for name in ("black", "mean", "truth", "floor", "ceiling"):
        if any(name in reference for reference in references):
            cells = [
                [run["reference"][score][name] for run in runs] if name in reference else []
                for score, reference in zip(heads, references, strict=True)
            ]
            line(name, [f"{np.mean(cell):.{digits}f}" if cell else "" for cell in cells])
    seeds, n = sorted({len(groups[variant]) for variant in rows}), result["n"]
    lines.append(
        f"mean and sd of {' or '.join(map(str, seeds))} seeds; {n['train']:,} images to train, {n['test']:,} to test"
    )
    return "\n".join(lines)


def table(result):
    """Scores as text: for each variant the mean, the sample standard deviation and every seed, beside references.

    Arguments:
        result: A result that `validate` accepts.

    Returns:
        Several lines; a single seed has no spread. Seconds are those of making the data and of training.
    """
    counts = result["n"]
    lines = [f"{result['experiment']}: trained on {counts['train']:,} images, scored on {counts['test']:,} others"]
    for variant, runs in by_variant(result).items():
        seeds = " ".join(f"{'seed ' + str(run['seed']):>7}" for run in runs)
        lines += ["", f"{variant:<16} {'mean':>7} {'sd':>7}  {seeds}  read against"]
        for name in runs[0]["scores"]:
            values = [run["scores"][name] for run in runs]
            against = _reference([run["reference"].get(name, {}) for run in runs])
            lines.append(f"{name:<16} {_spread(values, 4)}  {against}".rstrip())
        seconds = [run["seconds"]["data"] + run["seconds"]["train"] for run in runs]
        lines.append(f"{'seconds':<16} {_spread(seconds, 1)}  on {runs[0]['threads']} thread(s)")
    return "\n".join(lines)


def _spread(values, digits):
    spread = f"{np.std(values, ddof=1):7.{digits}f}" if len(values) > 1 else f"{'-':>7}"
    return f"{np.mean(values):7.{digits}f} {spread}  " + " ".join(f"{value:7.{digits}f}" for value in values)


def _reference(rows):
    """Reference values of one score, each the mean over the runs."""
    return ", ".join(f"{name} {np.mean([row[name] for row in rows]):.4g}" for name in rows[0])


def _match(schema, value, place, unknown=None):
    """Raise where a value departs from the schema; keys that it lacks are added to `unknown`, if that is a list."""
    if isinstance(schema, dict):
        _match(dict, value, place)
        lacking, odd = sorted(schema.keys() - value.keys()), sorted(value.keys() - schema.keys())
        if lacking or odd and unknown is None:
            raise ValueError(f"{place} must have {', '.join(schema)}; missing or unknown: {', '.join(lacking + odd)}")
        if odd:
            unknown += [f"{place}.{key}" for key in odd]
        for key, inner in schema.items():
            _match(inner, value[key], f"{place}.{key}", unknown)
    elif isinstance(schema, list):
        _match(list, value, place)
        for index, item in enumerate(value):
            _match(schema[0], item, f"{place}[{index}]", unknown)
    elif isinstance(value, bool) or not isinstance(value, (int, float) if schema is float else schema):
        raise ValueError(f"{place} must be {schema.__name__}, got {value!r}")


def _finite(value, place):
    if isinstance(value, dict):
        for key, item in value.items():
            _finite(item, f"{place}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _finite(item, f"{place}[{index}]")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{place} must be finite, got {value}")
