"""python -m gan.audit: what it writes, the detector as a witness, bad input in one line; and gan.translate audit=…."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture

from coldstart import cli, dataset, lineage
from coldstart.dataset import Dataset
from coldstart.errors import UserError
from gan.audit import Limits, detector
from gan.audit.__main__ import AuditConfig, audit
from gan.translate import TranslateConfig, translate

Write = Callable[[Path, int], tuple[Dataset, Dataset]]


def config(*overrides: str) -> AuditConfig:
    return cli.typed(AuditConfig, cli.compose("gan_audit", [*overrides, "logger=none"]))


def paint_over(root: Path, index: int) -> int:
    """Hide the first object of an image under grey; the object's id."""
    folder = dataset.load(root)
    image = folder.images[index]
    target = folder.by_image()[image["id"]][0]
    picture = np.asarray(Picture.open(folder.path(image)).convert("RGB")).copy()
    x, y, width, height = (int(v) for v in target["bbox"])
    picture[max(y - 2, 0) : y + height + 2, max(x - 2, 0) : x + width + 2] = 150
    Picture.fromarray(picture).save(folder.path(image))
    return target["id"]


def test_files_table_and_page(write: Write, tmp_path: Path, capsys: Any) -> None:
    _, translated = write(tmp_path, 4)
    painted = paint_over(translated.root, 2)
    audit(config(f"translated={translated.root}", f"out={tmp_path / 'out'}"))
    said = capsys.readouterr().out
    assert said.splitlines()[1].split()[:4] == ["all", "32", "31", "1"]
    assert "4 images: 1 fail" in said
    found = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert {o["id"]: o["verdict"] for o in found["objects"] if o["verdict"] != "retained"} == {painted: "vanished"}
    assert [i["failed"] for i in found["images"]] == [False, False, True, False]
    assert found["totals"]["all"]["retained_share"] == pytest.approx(31 / 32, abs=1e-4)
    for group in ("class", "size", "visible"):
        assert sum(row["objects"] for row in found["totals"][group].values()) == 32
    page = (tmp_path / "out" / "audit.html").read_text()
    assert "vanished</b>" in page
    assert page.count("data:image/jpeg") == 2 * (1 + found["totals"]["appeared"])
    audit(config(f"translated={translated.root}", f"out={tmp_path / 'out'}"))
    assert "already there" in capsys.readouterr().out


def test_the_yaml_and_gan_translate_have_the_same_limits() -> None:
    assert config("translated=a", "out=b").limits == Limits()


def test_a_detector_is_a_second_witness(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    renders, translated = write(tmp_path, 3)
    objects = translated.by_image()[1]
    (tmp_path / "detector.safetensors").touch()

    def predict(command: list[str], **_: Any) -> SimpleNamespace:
        keys = dict(part.split("=", 1) for part in command if "=" in part)
        root, out = (Path(keys[key].strip("'")) for key in ("images", "out"))
        found = [
            {"image_id": a["image_id"], "category_id": a["category_id"], "bbox": a["bbox"], "score": 0.9}
            for a in renders.annotations
        ]
        if root.name == "translated":
            found[1]["category_id"] = found[1]["category_id"] % 5 + 1
            found.pop(0)
            found.append({"image_id": 2, "category_id": 1, "bbox": [100, 80, 3, 3], "score": 0.8})
        dataset.write_json(out / "detections.json", {"annotations": found, "categories": renders.categories})
        return SimpleNamespace(returncode=0, stderr="")

    monkeypatch.setattr(detector.subprocess, "run", predict)
    keys = [f"translated={translated.root}", f"out={tmp_path / 'out'}"]
    audit(config(*keys, f"detector_checkpoint={tmp_path / 'detector.safetensors'}"))
    found = json.loads((tmp_path / "out" / "audit.json").read_text())
    verdicts = {o["id"]: (o["verdict"], o["reason"]) for o in found["objects"] if o["verdict"] != "retained"}
    assert verdicts.pop(objects[0]["id"]) == ("vanished", "not detected any more")
    verdict, reason = verdicts.pop(objects[1]["id"])
    assert verdict == "changed"
    assert reason.startswith("detected as ")
    assert not verdicts
    assert [i["appeared_boxes"] for i in found["images"]] == [[], [[100, 80, 3, 3]], []]


def test_a_detector_that_fails_says_why(write: Write, tmp_path: Path) -> None:
    _, translated = write(tmp_path, 2)
    (tmp_path / "detector.safetensors").write_bytes(b"none")
    keys = [
        f"translated={translated.root}",
        f"out={tmp_path / 'out'}",
        f"detector_checkpoint={tmp_path / 'detector.safetensors'}",
    ]
    with pytest.raises(UserError, match=r"detect\.predict on .*detector\.safetensors"):
        audit(config(*keys))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["translated=nowhere"], "nowhere: no such dataset folder"),
        (["detector_checkpoint=nowhere"], "detector_checkpoint: nowhere: no such file"),
        (["limits.search=1"], "limits.search: must be at least 3"),
        (["detector_doubt=0.9"], "must satisfy 0 ≤ doubt ≤ score ≤ 1"),
        (["worst=-1"], "worst: must not be negative"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(
    write: Write, tmp_path: Path, overrides: list[str], message: str
) -> None:
    _, translated = write(tmp_path, 1)
    with pytest.raises(UserError) as error:
        audit(config(f"translated={translated.root}", f"out={tmp_path / 'out'}", *overrides))
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_command_line_ends_with_2_and_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gan.audit", "translated=nowhere", f"out={tmp_path / 'out'}"],
        cwd=Path(__file__).resolve().parents[3],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert (done.returncode, done.stderr) == (2, "error: nowhere: no such dataset folder\n")


def test_what_cannot_be_audited_leaves_nothing(write: Write, tmp_path: Path) -> None:
    renders, folder = write(tmp_path, 2)
    keys = [f"translated={folder.root}", f"out={tmp_path / 'out'}", "logger=none", "accelerator=cpu"]
    wrong = [*keys, f"detector_checkpoint={folder.root / 'annotations.json'}"]
    with pytest.raises(UserError, match=r"detect\.predict on .* is not a safetensors file"):
        audit(cli.typed(AuditConfig, cli.compose("gan_audit", wrong)))
    file = renders.path(renders.images[1])
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="cannot be read"):
        audit(cli.typed(AuditConfig, cli.compose("gan_audit", keys)))
    assert not (tmp_path / "out").exists()
    file.write_bytes(whole)
    audit(cli.typed(AuditConfig, cli.compose("gan_audit", keys)))


def run_translate(root: Path, out: Path, mode: str) -> dict[str, Any]:
    """Translate by `none`, then once more after an object of the second picture was painted over."""
    keys = ["model=none", f"source={root}", f"out={out}", f"audit={mode}", "logger=none", "accelerator=cpu"]
    settings = cli.typed(TranslateConfig, cli.compose("gan_translate", keys))
    translate(settings)
    paint_over(out, 1)
    dataset.write_json(out / "card.json", {**lineage.read_card(out), "complete": False})
    translate(settings)
    found: dict[str, Any] = json.loads((out / "annotations.json").read_text())
    return found


def test_translate_flags_or_drops(write: Write, tmp_path: Path) -> None:
    renders, _ = write(tmp_path, 3)
    flagged = run_translate(renders.root, tmp_path / "flag", "flag")
    first = next(a["id"] for a in renders.annotations if a["image_id"] == 2)
    assert [a["id"] for a in flagged["annotations"] if a["audit"] != "retained"] == [first]
    assert [i["audit"]["vanished"] for i in flagged["images"]] == [0, 1, 0]
    dropped = run_translate(renders.root, tmp_path / "drop", "drop")
    assert [i["id"] for i in dropped["images"]] == [1, 3]
    assert {a["image_id"] for a in dropped["annotations"]} == {1, 3}
    assert (dropped["info"]["left_out"], flagged["info"]["left_out"]) == (1, 0)
    plain = run_translate(renders.root, tmp_path / "off", "off")
    assert not any("audit" in record for record in plain["images"] + plain["annotations"])


def test_translate_that_would_drop_everything_says_so(write: Write, tmp_path: Path) -> None:
    renders, _ = write(tmp_path, 2)
    renders.images.pop(0)
    renders.annotations[:] = [a for a in renders.annotations if a["image_id"] == 2]
    dataset.save(renders)
    folder = tmp_path / "one"
    keys = ["model=none", f"source={renders.root}", f"out={folder}", "audit=drop", "logger=none", "accelerator=cpu"]
    settings = cli.typed(TranslateConfig, cli.compose("gan_translate", keys))
    translate(settings)
    paint_over(folder, 0)
    dataset.write_json(folder / "card.json", {**lineage.read_card(folder), "complete": False})
    with pytest.raises(UserError, match="audit=drop leaves none of 1 images"):
        translate(settings)
    with pytest.raises(UserError, match="audit: 'maybe' is none of flag, drop, off"):
        cli.typed(TranslateConfig, cli.compose("gan_translate", [*keys, "audit=maybe"]))
