"""Sample grids: pictures of one size, whatever the sizes of a domain's pictures."""

from pathlib import Path

import numpy as np
from PIL import Image as Picture

from coldstart.dataset import Dataset
from gan.callbacks import sample_pairs
from gan.data import open_domains


def test_samples_of_photos_that_lie_and_stand_are_of_one_size(renders: Dataset, tmp_path: Path) -> None:
    """Renders of 64×48, photos of 48×36 and 36×48 brought to a shorter side of 48: what fits into all is 48×48."""
    folder = tmp_path / "both"
    folder.mkdir()
    for index, size in enumerate([(48, 36), (36, 48), (48, 36)]):
        Picture.fromarray(np.full((size[1], size[0], 3), 50 * index, np.uint8)).save(folder / f"{index}.png")
    pairs = sample_pairs(*open_domains(renders.root, folder, 32), 3, 4)
    assert {part.shape[2:] for pair in pairs for part in (pair.source, pair.target, pair.objects)} == {(48, 48)}
    assert [round(float(pair.target.mean() + 1) * 127.5) for pair in pairs] == [0, 50, 100]
