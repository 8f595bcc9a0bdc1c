"""Translation: labels and sizes stay, pictures change, the same twice, resumable, refused in one line."""

import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Picture

from coldstart import dataset, lineage
from coldstart.dataset import Dataset
from coldstart.errors import UserError
from gan import translate as module
from gan.checkpoint import save_generator
from gan.networks import ResnetConfig, ResnetGenerator, UnetGenerator
from gan.networks.guided import GuidedConfig, GuidedGenerator
from gan.translate import translate, translate_image


@pytest.fixture(autouse=True)
def generator(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    network = ResnetGenerator(3, 3, base=4, blocks=1)
    save_generator(tmp_path / "generator.safetensors", network, "cyclegan", ResnetConfig(base=4, blocks=1))
    return tmp_path / "generator.safetensors"


def files(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("size", [(77, 101), (16, 16), (64, 48), (33, 18)])
def test_any_size_is_kept(size: tuple[int, int]) -> None:
    image = torch.rand(1, 3, *size) * 2 - 1
    same = ResnetGenerator(3, 3, base=4, blocks=1, residual=1.0)
    assert translate_image(same, image).equal(image)
    assert translate_image(UnetGenerator(3, 3, depth=8, base=1).eval(), image).shape == image.shape


def test_tiles_leave_no_seams() -> None:
    torch.manual_seed(0)
    network = ResnetGenerator(3, 3, base=8, blocks=2).eval()
    for weight in network.parameters():
        torch.nn.init.normal_(weight, 0, 0.1)
    image = torch.linspace(-1, 1, 260) + 0.2 * torch.randn(1, 3, 200, 260)
    levels = 127.5 * (translate_image(network, image, tile=64) - translate_image(network, image))
    assert levels.abs().max() < 0.1  # of the 255


def test_a_published_checkpoint_translates(translate_config: Any, tmp_path: Path) -> None:
    torch.save(UnetGenerator(3, 3, depth=5, base=2).state_dict(), tmp_path / "latest_net_G.pth")
    translate(translate_config(f"checkpoint={tmp_path / 'latest_net_G.pth'}", "tile=32"))
    assert len(dataset.load(tmp_path / "translated").images) == 4


def test_what_else_a_render_knows_is_carried(renders: Dataset, translate_config: Any, tmp_path: Path) -> None:
    for kind in ("depth", "normals", "albedo"):
        (renders.root / kind).mkdir()
        (renders.root / kind / "000000.png").write_bytes(kind.encode())
    translate(translate_config("audit=off"))
    carried = {name for name in files(tmp_path / "translated") if name.startswith(("depth", "normals", "albedo"))}
    assert carried == {f"{kind}/000000.png" for kind in ("depth", "normals", "albedo")}


def test_labels_masks_and_scenes_are_the_sources(renders: Dataset, translate_config: Any, tmp_path: Path) -> None:
    translate(translate_config())
    out = dataset.load(tmp_path / "translated")
    before, after = (json.loads((root / "annotations.json").read_text()) for root in (renders.root, out.root))
    for key in ("annotations", "categories", "info"):
        assert json.dumps(before[key]) == json.dumps(after[key])
    source = files(renders.root)
    carried = {name: data for name, data in files(out.root).items() if name.startswith(("masks", "scenes"))}
    assert carried == {name: data for name, data in source.items() if name.startswith(("masks", "scenes"))}
    for old, new in zip(renders.images, out.images, strict=True):
        same = ("id", "width", "height", "scene", "seed")
        assert [old[k] for k in same] == [new[k] for k in same]  # type: ignore[literal-required]
        assert (out.root / new["source"]).resolve() == renders.path(old).resolve()
        assert new["sha256"] == dataset.sha256(out.path(new))
        assert out.mask_path(new).is_file()
        assert not np.array_equal(Picture.open(renders.path(old)), Picture.open(out.path(new)))


def test_what_an_audit_said_of_the_source_is_not_carried(
    renders: Dataset, translate_config: Any, tmp_path: Path
) -> None:
    for image in renders.images:
        image["audit"] = {"vanished": 1}
    for annotation in renders.annotations:
        annotation["audit"] = "vanished"
    dataset.save(renders)
    translate(translate_config())
    out = dataset.load(tmp_path / "translated")
    assert not any("audit" in record for record in (*out.images, *out.annotations))


def test_the_card_names_the_parents(renders: Dataset, generator: Path, translate_config: Any, tmp_path: Path) -> None:
    translate(translate_config())
    card = lineage.read_card(tmp_path / "translated")
    assert card["complete"]
    assert card["parents"]["source"]["sha256"] == lineage.fingerprint(renders.root)
    assert card["parents"]["checkpoint"]["sha256"] == lineage.fingerprint(generator)


def test_odd_sizes_and_jpeg(renders: Dataset, translate_config: Any, tmp_path: Path) -> None:
    for image in renders.images:
        Picture.open(renders.path(image)).resize((77, 101)).save(renders.path(image))
        image.update(width=77, height=101)
    dataset.save(renders)
    translate(translate_config("format=jpg"))
    out = dataset.load(tmp_path / "translated")
    assert {(i["width"], i["height"]) for i in out.images} == {(77, 101)}
    assert out.images[0]["file_name"] == "000000.jpg"
    assert Picture.open(out.path(out.images[0])).format == "JPEG"


def test_twice_is_the_same_and_a_resume_keeps_what_is_there(translate_config: Any, tmp_path: Path) -> None:
    translate(translate_config())
    translate(translate_config(f"out={tmp_path / 'again'}"))
    out = tmp_path / "translated"
    first, again = files(out), files(tmp_path / "again")
    assert first.pop("card.json") != again.pop("card.json")
    assert first == again

    # As after an interruption: two pictures are there, one of them recognisable as not made anew.
    kept, missing = out / "images" / "000000.png", out / "images" / "000001.png"
    Picture.new("RGB", (64, 48)).save(kept)
    marked = kept.read_bytes()
    missing.unlink()
    (out / "annotations.json").unlink()
    dataset.write_json(out / "card.json", {**lineage.read_card(out), "complete": False})
    translate(translate_config())
    assert kept.read_bytes() == marked
    assert missing.read_bytes() == first["images/000001.png"]
    assert dataset.load(out).images[0]["sha256"] == dataset.sha256(marked)


def test_a_finished_folder_is_left_alone(translate_config: Any, tmp_path: Path, capsys: Any) -> None:
    translate(translate_config())
    before = files(tmp_path / "translated")
    translate(translate_config())
    assert "already translated" in capsys.readouterr().out
    assert files(tmp_path / "translated") == before


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("tile=8", "tile: must be 0 (off) or at least 16, got 8"),
        ("format=gif", "format: 'gif' is none of png, jpg"),
        ("precision=half", "precision: 'half' is none of"),
        ("precision=16-mixed", "precision=16-mixed: needs a GPU; a CPU computes in bf16-mixed or 32-true"),
        ("accelerator=abacus", "accelerator: 'abacus' is not one of auto"),
        ("checkpoint=nowhere", "nowhere: no such file"),
        ("source=nowhere", "nowhere: no such dataset folder"),
        ("checkpoint=pyproject.toml", "is no safetensors file"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(
    translate_config: Any, tmp_path: Path, override: str, message: str
) -> None:
    with pytest.raises(UserError) as error:
        translate(translate_config(override))
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "translated").exists()


@pytest.mark.parametrize("spoilt", ["cut off", "grey"])
def test_a_picture_that_cannot_be_translated_is_found_first(
    translate_config: Any, renders: Dataset, tmp_path: Path, spoilt: str
) -> None:
    file = renders.path(renders.images[1])
    whole = file.read_bytes()
    Picture.open(file).convert("L").save(file) if spoilt == "grey" else file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"is grey|cannot be read as an image"):
        translate(translate_config())
    assert not (tmp_path / "translated").exists()


def test_a_generator_of_other_channels_is_refused(translate_config: Any, tmp_path: Path) -> None:
    torch.save(UnetGenerator(1, 3, depth=5, base=2).state_dict(), tmp_path / "a.pth")
    with pytest.raises(UserError, match=r"a\.pth: makes 3 channels of 1; give a generator that makes a picture's 3"):
        translate(translate_config(f"checkpoint={tmp_path / 'a.pth'}"))


@pytest.mark.parametrize(("device", "together"), [("cpu", 2), ("meta", 1)])
def test_pictures_go_through_another_device_one_by_one(
    translate_config: Any, monkeypatch: pytest.MonkeyPatch, device: str, together: int
) -> None:
    """`meta` stands in for a GPU, which has memory for one."""
    busy, seen = Lock(), []

    def slow(_: Any, image: torch.Tensor, __: int) -> torch.Tensor:
        alone = busy.acquire(blocking=False)
        time.sleep(0.2)
        seen.append(alone)
        if alone:
            busy.release()
        return image

    monkeypatch.setattr(module, "translate_image", slow)
    monkeypatch.setattr(module.training, "autocast", lambda *_: nullcontext())
    opened = module._learned(translate_config(), torch.device(device))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(opened.translate, [torch.zeros(3, 16, 16)] * 2, range(2)))
    assert seen.count(True) == 3 - together


def test_a_guided_generator_is_told_what_the_folder_knows(
    renders: Dataset, translate_config: Any, tmp_path: Path
) -> None:
    checkpoint, config = tmp_path / "guided.safetensors", GuidedConfig(4, 1, guide=["edges"])
    save_generator(checkpoint, GuidedGenerator(4, 3, **asdict(config)), "gbuffer", config)
    pictures = []
    for out in ("with", "without"):
        translate(translate_config(f"checkpoint={checkpoint}", f"out={tmp_path / out}"))
        pictures.append(np.asarray(Picture.open(tmp_path / out / "images" / "000000.png")))
        for image in renders.images:
            Picture.new("I;16", (64, 48)).save(renders.mask_path(image))  # shows nothing
    assert not np.array_equal(*pictures)
    shutil.rmtree(renders.root / "masks")
    with pytest.raises(UserError, match=r"masks/000000\.png: no such file; the guide edges needs renders with masks/"):
        translate(translate_config(f"checkpoint={checkpoint}", f"out={tmp_path / 'none'}"))
    config = GuidedConfig(4, 1, guide=["depth"])
    save_generator(checkpoint, GuidedGenerator(4, 3, **asdict(config)), "gbuffer", config)
    with pytest.raises(UserError, match=r"depth/000000\.png: no such file; render with passes="):
        translate(translate_config(f"checkpoint={checkpoint}", f"out={tmp_path / 'none'}"))
    assert not (tmp_path / "none").exists()


def test_pictures_that_would_collide_or_are_tiny(renders: Dataset, translate_config: Any) -> None:
    image = renders.images[1]
    Picture.open(renders.path(image)).save(renders.root / "images" / "000000.jpg")
    image["file_name"] = "000000.jpg"
    dataset.save(renders)
    with pytest.raises(UserError, match="two images are called '000000' but for their suffix"):
        translate(translate_config())
    Picture.new("RGB", (64, 8)).save(renders.path(image))
    image["height"] = 8
    renders.annotations[1]["bbox"] = [0, 0, 4, 4]
    renders.images[1]["file_name"] = "000000.jpg"
    renders.images.pop(0)
    renders.annotations.pop(0)
    dataset.save(renders)
    with pytest.raises(UserError, match=r"000000\.jpg: is 64×8; pictures must have at least 16 pixels a side"):
        translate(translate_config())


def test_folder_of_another_config(translate_config: Any) -> None:
    translate(translate_config())
    with pytest.raises(UserError, match=r"holds data of another config \(differs in format\)"):
        translate(translate_config("format=jpg"))


def test_an_unreadable_picture_is_named(renders: Dataset, translate_config: Any) -> None:
    file = renders.path(renders.images[2])
    file.write_bytes(file.read_bytes()[:300])
    with pytest.raises(UserError, match=r"000002\.png: cannot be read as an image"):
        translate(translate_config())


def test_command_line_ends_with_2_and_one_line(renders: Dataset, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gan.translate", f"checkpoint={renders.root / 'annotations.json'}"]
        + [f"source={renders.root}", f"out={tmp_path / 'translated'}"],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "is no safetensors file" in done.stderr
