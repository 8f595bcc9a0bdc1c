import math

import numpy as np
import pytest
import torch

from gan.metrics.pairs import bootstrap, pair_measures


def test_measures_of_a_known_difference() -> None:
    """A uniform difference of 0.1 of the range has a PSNR of 20 dB, and SSIM's luminance term alone is below 1."""
    measures = pair_measures(torch.device("cpu"))
    grey, lighter = torch.full((1, 3, 40, 40), 0.0), torch.full((1, 3, 40, 40), 0.2)
    assert float(measures["psnr"](grey, lighter)) == pytest.approx(20, abs=1e-4)
    luminance = (2 * 0.5 * 0.6 + 1e-4) / (0.5**2 + 0.6**2 + 1e-4)
    assert float(measures["ssim"](grey, lighter)) == pytest.approx(luminance, abs=1e-4)
    assert float(measures["psnr"](grey, grey)) == 100
    assert float(measures["st_lpips"](grey, grey)) == 0
    assert float(measures["ssim"](grey, grey)) == pytest.approx(1)


def test_bootstrap_interval_is_that_of_a_mean() -> None:
    values = np.random.default_rng(0).normal(5, 2, 400).tolist()
    found = bootstrap(values, 2000, 1)
    half = 1.96 * np.std(values) / math.sqrt(400)
    assert found.value == pytest.approx(np.mean(values))
    assert (found.low, found.high) == (
        pytest.approx(found.value - half, abs=0.03),
        pytest.approx(found.value + half, abs=0.03),
    )
    assert found == bootstrap(values, 2000, 1)
