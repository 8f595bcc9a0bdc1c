"""The standard metrics run where their files are; here random files of the right shape stand in for them."""

from pathlib import Path

import pytest
import torch
import torchvision
from torchmetrics.image.fid import NoTrainInceptionV3

from gan.metrics import standard
from gan.metrics.pairs import pair_measures


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints"


def test_absent_or_broken_files_are_not_used(cache: Path) -> None:
    assert standard.stored(standard.INCEPTION) is None
    (cache / standard.INCEPTION).write_bytes(b"half a file")
    assert standard.stored(standard.INCEPTION) is None
    assert "lpips" not in pair_measures(torch.device("cpu"))


def test_inception_from_a_stored_file(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standard, "_intact", lambda path: True)
    torch.manual_seed(0)
    with monkeypatch.context() as patch:
        patch.setattr(torch, "load", lambda *_, **__: {})
        patch.setattr(NoTrainInceptionV3, "load_state_dict", lambda *_: None)
        network = NoTrainInceptionV3("inception-v3-compat", ["2048"], "none")
    torch.save(network.state_dict(), cache / standard.INCEPTION)
    found = standard.stored(standard.INCEPTION)
    assert found is not None
    features = standard.InceptionFeatures(found)(torch.rand(1, 3, 40, 30) * 2 - 1)
    assert features.shape == (1, 2048)
    assert features.isfinite().all()


def test_lpips_from_a_stored_file(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standard, "_intact", lambda path: True)
    torch.save(torchvision.models.alexnet(weights=None).state_dict(), cache / standard.ALEXNET)
    lpips = pair_measures(torch.device("cpu"))["lpips"]
    picture = torch.rand(1, 3, 64, 64) * 2 - 1
    assert float(lpips(picture, picture)) == 0
    assert float(lpips(picture, -picture)) > 0
