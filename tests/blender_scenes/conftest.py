import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from blender_scenes.config import RenderConfig
from coldstart.cli import conf_dir, typed

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def config() -> Callable[..., RenderConfig]:
    """config("count=3", …): the render config as the command line would give it."""

    def make(*overrides: str) -> RenderConfig:
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            composed = compose("render", ["out=unused", *overrides])
        OmegaConf.resolve(composed)
        return typed(RenderConfig, composed)

    return make


@pytest.fixture(scope="session")
def render_command() -> Callable[..., subprocess.CompletedProcess[str]]:
    """render_command("count=3", …): stage 1 through the bpy wheel, as a user starts it."""

    def run(*keys: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "blender_scenes.render", *keys]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)

    return run


@pytest.fixture(scope="session")
def renders(
    render_command: Callable[..., subprocess.CompletedProcess[str]], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder of three tiny renders through the bpy wheel."""
    out = tmp_path_factory.mktemp("renders") / "data"
    done = render_command("count=3", "seed=7", "size=[90,120]", "samples=1", "logger=none", f"out={out}")
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="session")
def blender_command() -> Callable[..., subprocess.CompletedProcess[str]]:
    """blender_command("count=3", …): stage 1 in the Blender that is installed."""
    blender = shutil.which("blender")
    if blender is None:
        if os.environ.get("CI") == "true":
            pytest.fail("no `blender` on PATH; `make test` installs Debian's")
        pytest.skip("no `blender` on PATH: stage 1 in an installed Blender is not tested here")

    def run(*keys: str) -> subprocess.CompletedProcess[str]:
        command = [blender, "-b", "-P", "blender_scenes/render.py", "--", *keys]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)

    return run


@pytest.fixture(scope="session")
def blender5_command() -> Callable[..., subprocess.CompletedProcess[str]]:
    """blender5_command("count=3", …): stage 1 through the bpy 5 wheel, in its own environment."""
    python = ROOT / ".venv-bpy5" / "bin" / "python"
    if not python.is_file():
        if os.environ.get("CI") == "true":
            pytest.fail("no .venv-bpy5; `make test` makes it")
        pytest.skip("no .venv-bpy5: stage 1 in Blender 5 is not tested here")

    def run(*keys: str) -> subprocess.CompletedProcess[str]:
        command = [str(python), "-m", "blender_scenes.render", *keys]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)

    return run


@pytest.fixture(scope="session")
def answers() -> Callable[[str], dict[str, Any]]:
    """answers("panes.py"): what a script beside these tests prints as JSON, run with Blender as a module."""

    def run(script: str) -> dict[str, Any]:
        command = [sys.executable, str(Path(__file__).with_name(script))]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    return run
