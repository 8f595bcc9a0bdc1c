import csv
import json
import time
from pathlib import Path

import pytest
from PIL import Image as Picture

from coldstart import artifacts, lineage, tracking
from coldstart.errors import UserError
from coldstart.tracking import LoggerConfig
from coldstart.wandb_file import records, rows


def work(config: LoggerConfig, out: Path) -> None:
    """What a command does with its run."""
    photos = out.parent / "photos"
    photos.mkdir()
    (photos / "a.jpg").write_bytes(b"a photo")
    lineage.claim(out, "train", {"seed": 7}, {"target": photos})
    picture = out / "picture.png"
    Picture.new("RGB", (4, 4)).save(picture)
    with tracking.start(config, "train", {"seed": 7}, out) as run:
        run.log({"loss": 0.5}, step=1)
        run.log({"loss": 0.25}, step=2)
        run.images("samples", [picture], ["a caption"])
        run.table("photos", ["picture", "missed"], [[picture, 3]])
        run.summary({"AP": 0.625})
        (out / "detector.safetensors").write_bytes(b"weights")
        (out / "test").mkdir()
        (out / "test" / "annotations.json").write_text("{}")


def _wait_for_end(file: Path) -> None:
    """W&B's own process writes the end of the file, moments after the run is closed."""
    deadline = time.monotonic() + 20
    while not any(record.HasField("exit") for record in records(file)):
        assert time.monotonic() < deadline, "the run's file never ends"
        time.sleep(0.05)


def test_none_writes_nothing(tmp_path: Path) -> None:
    work(LoggerConfig(kind="none"), tmp_path / "out")
    left = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert left == ["card.json", "detector.safetensors", "picture.png", "test"]


def test_csv_holds_a_row_per_number(tmp_path: Path) -> None:
    work(LoggerConfig(kind="csv"), tmp_path / "out")
    with (tmp_path / "out" / "metrics.csv").open() as file:
        assert list(csv.reader(file)) == [["1", "loss", "0.5"], ["2", "loss", "0.25"], ["", "AP", "0.625"]]


def test_an_offline_wandb_run_can_be_read_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    work(LoggerConfig(kind="wandb", project="a-project", group="a-group"), tmp_path / "out")
    (file,) = (tmp_path / "out" / "wandb").glob("offline-run-*/run-*.wandb")
    assert f"wandb sync {file.parent}" in capsys.readouterr().err
    _wait_for_end(file)
    losses, summary, run, made = [], {}, None, {}
    config: dict[str, str] = {}
    for record in records(file):
        for update in [*record.config.update, *record.run.config.update]:
            config[update.key or ".".join(update.nested_key)] = update.value_json
        if record.HasField("run"):
            run = record.run
        if record.HasField("artifact"):
            made[record.artifact.name] = record.artifact
        for item in record.history.item:
            if "loss" in (item.key, *item.nested_key):
                losses.append(float(item.value_json))
        summary |= {item.key or item.nested_key[0]: item.value_json for item in record.summary.update}
    assert run is not None
    assert (run.project, run.run_group, run.job_type) == ("a-project", "a-group", "train")
    assert losses == [0.5, 0.25]
    assert summary["AP"] == "0.625"
    assert config["seed"] == "7"
    assert any(key.startswith("lineage") for key in config)
    assert list((file.parent / "files").rglob("samples*.png"))
    (table,) = (file.parent / "files").rglob("photos*.table.json")
    assert json.loads(table.read_text())["columns"] == ["picture", "missed"]
    # What was used and what was made, under the same names and digests for whoever uses it next.
    folder, out = tmp_path.name, tmp_path / "out"
    used = made.pop(f"{folder}-photos")
    assert (used.type, used.use_after_commit) == ("dataset", True)
    assert json.loads(used.metadata)["sha256"] == lineage.fingerprint(tmp_path / "photos")
    weights, dataset = made["out-detector.safetensors"], made["out-test"]
    assert (weights.type, dataset.type, weights.use_after_commit) == ("model", "dataset", False)
    assert {f"run-{run.run_id}-photos"} == made.keys() - {"out-detector.safetensors", "out-test"}
    (user,) = artifacts.inputs({"parents": {"checkpoint": _parent(out / "detector.safetensors")}})
    (reader,) = artifacts.inputs({"parents": {"data": _parent(out / "test")}})
    assert (user.name, user.digest) == (weights.name, weights.digest)
    assert (reader.name, reader.digest) == (dataset.name, dataset.digest)
    # All that is uploaded later lies in the run's own folder, and no photo is among it.
    entries = [entry for artifact in (used, *made.values()) for entry in artifact.manifest.contents]
    assert all(Path(entry.local_path).is_file() for entry in entries)
    assert all(Path(entry.local_path).resolve().is_relative_to(out) for entry in entries)
    assert [entry.path for entry in used.manifest.contents] == ["sha256.txt"]


def _parent(path: Path) -> dict[str, str]:
    return {"path": str(path), "sha256": lineage.fingerprint(path)}


def test_a_run_that_failed_made_nothing(tmp_path: Path) -> None:
    lineage.claim(tmp_path / "out", "train", {})
    with (
        pytest.raises(ZeroDivisionError),
        tracking.start(LoggerConfig(), "train", {}, tmp_path / "out"),
    ):
        (tmp_path / "out" / "half.safetensors").write_bytes(b"half")
        raise ZeroDivisionError
    (file,) = (tmp_path / "out" / "wandb").glob("offline-run-*/run-*.wandb")
    _wait_for_end(file)
    assert not any(record.HasField("artifact") for record in records(file))


def test_a_run_that_goes_on_keeps_its_id_and_counts_on(tmp_path: Path) -> None:
    lineage.claim(tmp_path / "out", "train", {})
    with tracking.start(LoggerConfig(), "train", {}, tmp_path / "out") as first:
        first.log({"loss": 0.5}, step=1)
        first.log({"loss": 0.25}, step=7)
        stands = first.resumed()
    with tracking.start(LoggerConfig(), "train", {}, tmp_path / "out", stands) as second:
        second.log({"loss": 0.125})
    files = sorted((tmp_path / "out" / "wandb").glob("offline-run-*/run-*.wandb"), key=lambda f: f.stat().st_mtime)
    assert {f.stem.removeprefix("run-") for f in files} == {stands.id}  # type: ignore[union-attr]
    deadline = time.monotonic() + 20
    while len(found := [row for f in files for row in rows(f)]) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [(row["_step"], row["loss"]) for row in found] == [(1, 0.5), (7, 0.25), (8, 0.125)]


def test_a_failure_passes_through_and_closes_the_run(tmp_path: Path) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        tracking.start(LoggerConfig(kind="csv"), "train", {}, tmp_path / "out") as run,
    ):
        run.log({"loss": 1 / 0})
    assert run.file.closed  # type: ignore[attr-defined]


@pytest.mark.parametrize(("keys", "message"), [({"kind": "tb"}, "none of wandb, csv"), ({"mode": "x"}, "neither")])
def test_unknown_loggers_are_refused(keys: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        LoggerConfig(**keys)
