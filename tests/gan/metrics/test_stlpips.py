"""ST-LPIPS equals the wheel's own code, whose import needs two packages that it does not use."""

import sys
from types import ModuleType

import pytest
import torch

from gan.metrics.stlpips import SMALLEST, STLpips


@pytest.fixture(scope="module")
def ours() -> STLpips:
    return STLpips()


def test_it_equals_the_wheels_own_code(ours: STLpips, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, what in (("IPython", "embed"), ("torchsummary", "summary")):
        stub = ModuleType(name)
        setattr(stub, what, None)
        monkeypatch.setitem(sys.modules, name, stub)
    theirs = pytest.importorskip("stlpips_pytorch.stlpips").LPIPS(net="alex", variant="shift_tolerant", verbose=False)
    torch.manual_seed(0)
    for height, width in ((64, 64), (77, 51)):
        first, second = torch.rand(2, 2, 3, height, width) * 2 - 1
        with torch.no_grad():
            expected = theirs(first, second).flatten()
        torch.testing.assert_close(ours(first, second), expected, rtol=1e-5, atol=1e-7)
        assert expected.min() > 0.01


def test_equal_is_0_and_more_damage_is_farther(ours: STLpips) -> None:
    torch.manual_seed(0)
    picture = torch.nn.functional.interpolate(torch.rand(1, 3, 9, 12) * 2 - 1, (SMALLEST, 48), mode="bicubic").clamp(
        -1, 1
    )
    noise = torch.randn_like(picture)
    distances = [float(ours(picture, picture + strength * noise)) for strength in (0, 0.05, 0.1, 0.4)]
    assert distances[0] == 0
    assert distances == sorted(distances)


def test_a_shift_by_a_pixel_is_small(ours: STLpips) -> None:
    torch.manual_seed(0)
    wide = torch.nn.functional.interpolate(torch.rand(1, 3, 16, 16), (96, 97), mode="bicubic").clamp(0, 1) * 2 - 1
    shifted = ours(wide[..., :-1], wide[..., 1:])
    other = ours(wide[..., :-1], wide[..., :-1].flip(-1))
    assert float(shifted) < 0.1 * float(other)
