"""What older files do not name has its old meaning, and what they name stays."""

from dataclasses import fields

from auxvae_lite import older
from auxvae_lite.models import FIELDS
from auxvae_lite.training import Config


def test_what_is_named_stays_and_what_is_not_is_added_behind(monkeypatch):
    monkeypatch.setattr(older, "SETTINGS", {"likelihood": "gaussian", "mood": "calm"})
    given = {"beta": 4.0, "mood": None}
    assert list(older.complete(given).items()) == [("beta", 4.0), ("mood", None), ("likelihood", "gaussian")]
    assert given == {"beta": 4.0, "mood": None}


def test_settings_are_fields_of_config_or_of_a_models_header():
    assert older.SETTINGS.keys() <= {field.name for field in fields(Config)} | set(FIELDS)
