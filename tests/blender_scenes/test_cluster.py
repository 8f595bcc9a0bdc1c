"""A Ray cluster of two nodes on this machine, one of which dies in mid-run."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from coldstart import dataset

TINY = ["count=12", "seed=7", "size=[48,64]", "samples=1", "logger=none"]
ROOT = Path(__file__).resolve().parents[2]
Command = Callable[..., subprocess.CompletedProcess[str]]


def test_all_scenes_are_rendered_although_a_node_dies(
    render_command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 80 * 1024**2, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    try:
        other = cluster.add_node(**node)
        out = tmp_path / "data"
        argv = [sys.executable, "-m", "blender_scenes.render", *TINY, "workers=ray", f"out={out}"]
        environment = {**os.environ, "RAY_ADDRESS": cluster.address}
        with subprocess.Popen(argv, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as running:
            while len(list(out.glob("scenes/*.json"))) < 3:
                assert running.poll() is None
                time.sleep(0.05)
            cluster.remove_node(other, allow_graceful=False)
            _, messages = running.communicate(timeout=120)
    finally:
        cluster.shutdown()
    assert running.returncode == 0, messages
    assert "12/12" in messages
    assert "failed" not in messages
    alone = render_command(*TINY, f"out={tmp_path / 'alone'}")
    assert alone.returncode == 0, alone.stderr
    assert (out / "annotations.json").read_bytes() == (tmp_path / "alone" / "annotations.json").read_bytes()
    assert len(dataset.load(out).images) == 12
    for kind in ("images", "masks", "scenes"):
        assert len(list((out / kind).iterdir())) == 12


def test_an_address_without_a_cluster_is_one_line(
    render_command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    done = render_command(*TINY, "workers=ray", f"out={tmp_path / 'data'}")
    assert done.returncode == 2
    assert done.stderr.startswith("error: workers=ray: no cluster")
    assert done.stderr.count("\n") == 1
