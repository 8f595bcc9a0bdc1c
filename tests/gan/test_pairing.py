"""Which photo a crop of a render meets."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from coldstart.dataset import Dataset
from gan.data import Pictures, Renders, open_domains
from gan.pairing import PAIRINGS, Content, Spot, pairing


@pytest.fixture
def domains(renders: Dataset, tmp_path: Path) -> tuple[Renders, Pictures]:
    """Renders 0 and 1 have stripes on the left half, 2 and 3 dots everywhere; so have photos 1 (stripes) and 0 (dots).

    Photos are darker, as if another camera had taken them.
    """
    rng = np.random.default_rng(0)
    stripes, dots = np.full((2, 192, 256, 3), 200, np.int16)
    stripes[:, :128:8] = 30
    stripes[:, 1:128:8] = 30
    stripes[:, 2:128:8] = 30
    for y, x in rng.integers(0, (176, 240), (60, 2)):
        dots[y : y + 12, x : x + 12] = (220, 30, 30)
    folder = tmp_path / "two"
    folder.mkdir()
    for index, pattern in enumerate((dots, stripes)):
        Picture.fromarray((pattern * 0.7).astype(np.uint8)).save(folder / f"{index}.png")
    source, target = open_domains(renders.root, folder, 32)
    masks = np.zeros((192, 256, 1), np.int16)
    source.kept = [np.concatenate([p, masks], -1).astype(np.uint8) for p in (stripes, stripes, dots, dots)]
    target.kept = [(p * 0.7).astype(np.uint8) for p in (dots, stripes)]
    return source, target


def spots(kind: str, domains: tuple[Renders, Pictures], spot: Spot, count: int = 20, crop: int = 64) -> list[Spot]:
    partner = pairing(kind, *domains, crop, 0)
    return [partner(index, spot, np.random.default_rng([0, index])) for index in range(count)]


@pytest.mark.parametrize("kind", PAIRINGS)
def test_partners_lie_inside_their_photo_and_depend_on_the_seed_alone(
    kind: str, domains: tuple[Renders, Pictures]
) -> None:
    source, _ = domains
    if kind == "aligned":
        source.paths, source.kept = source.paths[:2], (source.kept or [])[:2]
    pickle.dumps(pairing(kind, *domains, 64, 0))  # as loaders with workers do where processes are not forked
    for spot in (Spot(0, 0, 0, False), Spot(1, 128, 192, True)):
        found = spots(kind, domains, spot)
        assert found == spots(kind, domains, spot)
        assert all(0 <= s.y <= 192 - 64 and 0 <= s.x <= 256 - 64 and 0 <= s.picture < 2 for s in found)


def test_unpaired_meets_every_photo_everywhere(domains: tuple[Renders, Pictures]) -> None:
    found = spots("unpaired", domains, Spot(0, 0, 0, False))
    assert {s.picture for s in found} == {0, 1}
    assert len({(s.y, s.x) for s in found}) > 15
    assert {s.mirror for s in found} == {True, False}


def test_nearest_and_content_find_what_looks_alike(domains: tuple[Renders, Pictures]) -> None:
    for render, photo in ((0, 1), (2, 0)):
        assert {s.picture for s in spots("nearest", domains, Spot(render, 64, 32, False))} == {photo}
    striped = spots("content", domains, Spot(0, 64, 16, False), crop=96)
    assert np.mean([s.picture == 1 and s.x < 96 for s in striped]) > 0.8
    dotted = spots("content", domains, Spot(2, 64, 128, False), crop=96)
    assert np.mean([s.picture == 0 for s in dotted]) > 0.8


def test_content_meets_photos_up_to_their_borders(domains: tuple[Renders, Pictures]) -> None:
    partner = pairing("content", *domains, 80, 0)
    assert isinstance(partner, Content)
    ys, xs = (sorted({getattr(s, side) for s in partner.spots}) for side in "yx")
    assert (ys[0], ys[-1], xs[0], xs[-1]) == (0, 192 - 80, 0, 256 - 80)
    assert max(np.diff(ys).max(), np.diff(xs).max()) <= 80 // 4


def test_fixed_partners_are_cut_at_the_same_place(domains: tuple[Renders, Pictures]) -> None:
    spot = Spot(1, 32, 100, True)
    for kind in ("nearest", "random"):
        (found,) = set(spots(kind, domains, spot))
        assert (found.y, found.x, found.mirror) == (32, 100, True)
    target = domains[1]
    assert target.kept is not None
    target.kept = [p[:, :192] for p in target.kept]  # narrower photos: the same share of the way
    (found,) = set(spots("random", domains, spot))
    assert (found.y, found.x) == (32, round(100 * (192 - 64) / (256 - 64)))
