from pathlib import Path

import pytest

from coldstart import ancestry, lineage
from coldstart.ancestry import Setting
from coldstart.errors import UserError


def chain(root: Path, lr: float, seed: int) -> Path:
    """A scored folder, the detector it scored, the renders that taught it; returns the first."""
    lineage.claim(root / "renders", "render", {"seed": seed, "workers": seed, "camera": {"noise": 0.5}})
    (root / "renders" / "annotations.json").write_text(f'{{"seed": {seed}}}')
    renders = {"synthetic_0": root / "renders"}
    config = {"lr": lr, "synthetic": [str(root / "renders")], "out": str(root)}
    lineage.claim(root / "detector", "detect.train", config, renders)
    (root / "detector" / "detector.safetensors").write_bytes(str(lr).encode())
    file = root / "detector" / "detector.safetensors"
    lineage.claim(root / "score", "detect.evaluate", {"checkpoint": str(file), "draws": 5}, {"checkpoint": file})
    return root / "score"


def test_settings_reach_back_to_the_renders(tmp_path: Path) -> None:
    found = ancestry.settings(chain(tmp_path, 0.1, 7))
    assert found[Setting((), "detect.evaluate", "draws")] == 5
    assert found[Setting(("checkpoint",), "detect.train", "lr")] == 0.1
    renders = ("checkpoint", "synthetic_0")
    assert found[Setting(renders, "render", "camera.noise")] == 0.5
    keys = {s.key for s in found}
    assert not keys & {"workers", "out", "synthetic[0]", "checkpoint"}  # how, not what; paths count by their content
    assert {"checkpoint (sha256)", "synthetic_0 (sha256)"} <= keys


def test_only_what_differs_is_listed(tmp_path: Path) -> None:
    same, other, faster = (
        ancestry.settings(chain(tmp_path / n, lr, s)) for n, lr, s in (("a", 0.1, 7), ("b", 0.1, 7), ("c", 0.2, 8))
    )
    assert ancestry.differing([same, other]) == []
    assert [s.key for s in ancestry.differing([same, other, faster])] == [
        "checkpoint (sha256)",
        "lr",
        "synthetic_0 (sha256)",
        "seed",
    ]


def test_ancestors_that_are_gone_are_left_out_and_a_folder_without_card_is_refused(tmp_path: Path) -> None:
    score = chain(tmp_path, 0.1, 7)
    (tmp_path / "detector" / "card.json").unlink()
    assert {s.stage for s in ancestry.settings(score)} == {"detect.evaluate"}
    with pytest.raises(UserError, match=r"has no card\.json"):
        ancestry.settings(tmp_path)
