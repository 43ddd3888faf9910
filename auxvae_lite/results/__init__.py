"""The committed evidence: one JSON file per experiment, checked against one schema, and its table.

A file carries the sha256 of its content, so that a digit changed by hand or by a bad disk is noticed. Means and spreads
are computed where they are shown, never stored. `python -m auxvae_lite.results` prints all tables.
"""

import hashlib
import json
import math
from importlib import resources
from pathlib import Path

import numpy as np

from .. import files

__all__ = ["by_variant", "load", "names", "save", "table", "validate"]

SCHEMA = {  # a type; a dictionary with exactly these keys; or a one-element list, any number of such elements
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


def names():
    """Names of the committed experiments."""
    return sorted(
        Path(entry.name).stem for entry in resources.files(__name__).iterdir() if entry.name.endswith(".json")
    )


def save(path, result):
    """Validate a result and write it, sealed, in one step.

    Raises:
        ValueError: if it does not follow the schema.
    """
    validate(result)
    files.write_text(path, json.dumps(result | {"sha256": _seal(result)}, indent=1) + "\n")


def load(name):
    """Read, verify and validate a result: a committed experiment's name, or the path of a JSON file.

    Raises:
        FileNotFoundError: for an unknown name, with those that exist.
        ValueError: if the file is damaged, was changed after `save`, or does not follow the schema.
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
        validate(result)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    return result


def _seal(result):
    return hashlib.sha256(json.dumps(result, sort_keys=True).encode()).hexdigest()


def validate(result):
    """Check a result against the schema.

    Raises:
        ValueError: naming the place of the first missing, unknown, mistyped or non-finite entry.
    """
    _match(SCHEMA, result, "result")
    _finite(result, "result")
    if not result["runs"]:
        raise ValueError("result.runs is empty")
    first = result["runs"][0]
    rows = {name: dict.fromkeys(row, float) for name, row in first["reference"].items()}
    for index, run in enumerate(result["runs"]):
        if not run["scores"]:
            raise ValueError(f"result.runs[{index}].scores is empty")
        _match(dict.fromkeys(first["scores"], float), run["scores"], f"result.runs[{index}].scores")
        _match(rows, run["reference"], f"result.runs[{index}].reference")


def by_variant(result):
    """The runs of each variant, in the file's order: a dictionary of lists."""
    groups = {}
    for run in result["runs"]:
        groups.setdefault(run["variant"], []).append(run)
    return groups


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


def _match(schema, value, place):
    if isinstance(schema, dict):
        _match(dict, value, place)
        if value.keys() != schema.keys():
            odd = sorted(schema.keys() ^ value.keys())
            raise ValueError(f"{place} must have exactly {', '.join(schema)}; missing or unknown: {', '.join(odd)}")
        for key, inner in schema.items():
            _match(inner, value[key], f"{place}.{key}")
    elif isinstance(schema, list):
        _match(list, value, place)
        for index, item in enumerate(value):
            _match(schema[0], item, f"{place}[{index}]")
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
