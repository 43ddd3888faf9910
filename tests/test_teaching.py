"""What chapters check with."""

import pytest
import torch

from auxvae_lite.pages.teaching import check, show_source


def test_check_prints_only_what_does_not_change(capsys):
    check("KL", 2.5004, 2.5, tol=1e-3)
    assert capsys.readouterr().out == "KL: inside 2.5 +- 0.001\n"


def test_check_includes_its_bounds():
    check("KL", 2.0, 2.5, tol=0.5)
    check("epochs", 22, 22, tol=0)


@pytest.mark.parametrize("value", [2.6, float("nan"), float("inf")])
def test_check_raises_outside(value):
    with pytest.raises(AssertionError, match="KL: .* is outside 2.5"):
        check("KL", value, 2.5, tol=1e-3)


def test_show_source_shows_the_source():
    assert show_source(check).data.startswith("```python\ndef check(name, value, reference, tol):")


def test_check_takes_tensors_that_train():
    check("KL", torch.tensor(2.5, requires_grad=True), 2.5, tol=0)
