"""What older files mean by what they do not say.

A file names the settings that there were when it was written. A setting that came later had one value then, without a
name: here it stands. Whoever adds a field to `training.Config`, or to the header of a model's file, adds its old
meaning here, and every file stays valid: results, models, checkpoints. A score that a file lacks was not measured;
scores are compared only where both sides have them.
"""

__all__ = ["SETTINGS", "complete"]

SETTINGS = {  # field: what every file that does not name it was made with
    "likelihood": "gaussian",
    "decoder_bias": False,
    "beta_free": 1.0,
    "dependence": None,
    "softening": 20.0,
    "told_share": 0.5,
    "free_mean": (),
    "periods": {},
    "classes": {},
    "residuals": (),
    "frequencies": (),
}


def complete(settings):
    """Settings, or a model's header, with the old meaning of what they do not name.

    Arguments:
        settings: Mapping of `Config`'s fields, or of a header's.

    Returns:
        A new dictionary; what is named stays as it is, and in its order.

    Example:
        >>> complete({"beta": 4.0})["likelihood"]
        'gaussian'
    """
    return {**settings, **{name: value for name, value in SETTINGS.items() if name not in settings}}
