"""Damages are caught, what is undamaged is not; each verdict has its name; what cannot be judged is said to be so."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture
from scipy import ndimage

from benchmarks.audit import DAMAGES, prove
from coldstart import dataset
from coldstart.dataset import Dataset, png_bytes
from coldstart.errors import UserError
from gan.audit import Limits, audit_folder
from gan.audit.structure import correlate, gradients
from gan.audit.verdicts import source_paths

Write = Callable[[Path, int], tuple[Dataset, Dataset]]


@pytest.fixture(scope="module")
def pairs(write: Write, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Eight drawn scenes seen by another camera."""
    return write(tmp_path_factory.mktemp("pairs"), 8)[1]


def test_damages_are_caught_and_nothing_else(pairs: Dataset) -> None:
    """`python benchmarks/audit.py` does the same on renders."""
    found = prove(pairs, source_paths(pairs, None), Limits())
    assert found["false objects"] == found["false images"] == 0
    assert found["judged"] == found["objects"] == 64
    assert set(found["damaged"].values()) == {8}
    assert all(found["caught"][name] >= 7 for name in DAMAGES), found
    assert sum(found["caught"].values()) >= 31


def test_verdicts_have_the_right_names(pairs: Dataset, tmp_path: Path) -> None:
    pictures = [np.asarray(Picture.open(pairs.path(image))).copy() for image in pairs.images]
    masks = [np.asarray(Picture.open(pairs.mask_path(image))) for image in pairs.images]
    targets = [pairs.by_image()[image["id"]][image["id"]] for image in pairs.images[:3]]
    gone, moved, dyed = (mask == a["instance"] for mask, a in zip(masks, targets, strict=False))
    wall = [picture[30:40, 100:110].reshape(-1, 3).mean(0) for picture in pictures]
    pictures[0][gone] = wall[0] + np.random.default_rng(0).normal(0, 4, (gone.sum(), 3))
    seen = pictures[1][moved]
    pictures[1][moved] = wall[1]
    rows, columns = np.nonzero(moved)
    pictures[1][rows - 7, columns + 5] = seen
    pictures[2][dyed] = pictures[2][dyed][:, [1, 0, 2]]
    for image, picture in zip(pairs.images, pictures, strict=True):
        dataset.write_atomic(tmp_path / "images" / image["file_name"], png_bytes(picture))
        dataset.write_atomic(tmp_path / "masks" / image["file_name"], pairs.mask_path(image).read_bytes())
    damaged = Dataset(tmp_path, pairs.images, pairs.annotations, pairs.categories)
    audits = audit_folder(damaged, source_paths(pairs, None), Limits())
    failed = [[o for o in audit.objects if o.verdict != "retained"] for audit in audits]
    assert [[(o.annotation["id"], o.verdict) for o in some] for some in failed[:3]] == [
        [(targets[0]["id"], "vanished")],
        [(targets[1]["id"], "moved")],
        [(targets[2]["id"], "recoloured")],
    ]
    assert not any(failed[3:])
    assert failed[1][0].shift == (5, -7)
    assert [audit.failed for audit in audits] == [True] * 3 + [False] * 5
    assert audits[1].counts["moved"] == 1


def test_what_is_small_ignored_or_unseen_is_not_judged(pairs: Dataset) -> None:
    objects = [{**a} for a in pairs.annotations]
    objects[0]["ignore"] = objects[1]["iscrowd"] = 1
    changed = Dataset(pairs.root, pairs.images, objects, pairs.categories)  # type: ignore[arg-type]
    audits = audit_folder(changed, source_paths(pairs, None), Limits())
    assert [o.verdict for o in audits[0].objects] == ["unjudged"] * 2 + ["retained"] * 6
    assert {o.reason for o in audits[0].objects[:2]} == {"too small or too hidden"}
    every = audit_folder(pairs, source_paths(pairs, None), Limits(visible=1e6))
    assert {o.reason for audit in every for o in audit.objects} == {"hardly visible in the render"}


def test_correlation_finds_a_shift_whatever_the_contrast() -> None:
    rng = np.random.default_rng(0)
    picture = ndimage.gaussian_filter(rng.normal(50, 60, (60, 80, 3)), (2, 2, 0)).astype(np.float32)
    region = np.zeros((60, 80), bool)
    region[20:40, 25:50] = True
    for dx, dy in ((0, 0), (4, -3), (-8, 6)):
        match = correlate(gradients(picture), gradients(0.3 * np.roll(picture, (dy, dx), (0, 1)) + 9), region, 10)
        right, wrong = (match.there, match.here) if dx else (match.here, match.there)
        assert right > 0.99
        assert wrong < 0.5
        assert not dx or match.shift == (dx, dy)


def test_a_folder_without_masks_is_judged_by_boxes(pairs: Dataset, tmp_path: Path) -> None:
    bare = Dataset(tmp_path, pairs.images, pairs.annotations, pairs.categories)
    for image in pairs.images:
        dataset.write_atomic(bare.path(image), pairs.path(image).read_bytes())
    audits = audit_folder(bare, source_paths(pairs, None), Limits())
    assert all(o.verdict == "retained" for audit in audits for o in audit.objects)


def test_colours_are_not_judged_where_nothing_else_lets_expect_them(pairs: Dataset, tmp_path: Path) -> None:
    """An object that fills its picture: neither a fit without it nor a number that JSON does not have."""
    image = pairs.images[0]
    whole = {**pairs.annotations[0], "bbox": [0.0, 0.0, float(image["width"]), float(image["height"])]}
    bare = Dataset(tmp_path, [image], [whole], pairs.categories)  # type: ignore[list-item]
    dataset.write_atomic(bare.path(image), pairs.path(image).read_bytes())
    (audited,) = audit_folder(bare, source_paths(pairs, None)[:1], Limits())
    assert [(o.verdict, o.colour) for o in audited.objects] == [("retained", None)]


def test_sources_that_are_missing_or_do_not_fit(pairs: Dataset, tmp_path: Path) -> None:
    nameless = [{k: v for k, v in image.items() if k != "source"} for image in pairs.images]
    folder = Dataset(pairs.root, nameless, pairs.annotations, pairs.categories)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="does not say its source; give source="):
        source_paths(folder, None)
    renders = pairs.root.parent / "renders"
    assert [p.resolve() for p in source_paths(folder, renders)] == [p.resolve() for p in source_paths(pairs, None)]
    Picture.new("RGB", (20, 20)).save(tmp_path / "000000.png")
    with pytest.raises(UserError, match=r"000001\.png: has no partner of its name in source="):
        source_paths(folder, tmp_path)
    with pytest.raises(UserError, match=r"is 240×150, its source .* 20×20; both must have one size"):
        audit_folder(pairs, [tmp_path / "000000.png"] * 8, Limits())


@pytest.mark.parametrize("bad", [{"correlation": 1.5}, {"colour": -1}, {"search": 1}, {"area": float("nan")}])
def test_bad_limits(bad: dict[str, float]) -> None:
    with pytest.raises(UserError, match=f"limits.{next(iter(bad))}: must"):
        Limits(**bad)  # type: ignore[arg-type]
