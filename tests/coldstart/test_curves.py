import time
from pathlib import Path

from coldstart import curves, tracking
from coldstart.tracking import LoggerConfig


def test_curves_of_a_csv_log_whose_training_was_stopped(tmp_path: Path) -> None:
    for version, rows in enumerate((["10,0.5,", "20,0.4,", "20,,0.1"], ["20,0.3,", "30,0.2,"])):
        file = tmp_path / "lightning" / f"version_{version}" / "metrics.csv"
        file.parent.mkdir(parents=True)
        file.write_text("\n".join(["step,loss,held_out/AP", *rows]))
    assert curves.read(tmp_path) == {"loss": [(10, 0.5), (20, 0.3), (30, 0.2)], "held_out/AP": [(20, 0.1)]}


def test_curves_of_an_offline_wandb_run_even_if_it_was_cut_off(tmp_path: Path) -> None:
    with tracking.start(LoggerConfig(), "detect.train", {}, tmp_path) as run:
        logger = run.lightning()
        for step in range(3):
            logger.log_metrics({"loss": 1 / (1 + step)}, step=step)
    wanted = [(0, 1.0), (1, 0.5), (2, 1 / 3)]
    deadline = time.monotonic() + 20  # W&B's own process writes the end of the file, moments after the run is closed
    while (found := curves.read(tmp_path)) != {"loss": wanted}:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    (file,) = (tmp_path / "wandb").glob("*run-*/run-*.wandb")
    whole = file.read_bytes()
    for share in (0.2, 0.5, 0.8):
        file.write_bytes(whole[: int(len(whole) * share)])
        left = curves.read(tmp_path).get("loss", [])
        assert left == wanted[: len(left)]


def test_nothing_logged_is_no_curve(tmp_path: Path) -> None:
    assert curves.read(tmp_path) == {}
