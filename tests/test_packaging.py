"""The built wheel: everything is in it, and its commands run outside the checkout."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("*.whl"))


def test_wheel_holds_every_package_and_all_of_conf(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    for file in tracked:
        top, suffix = file.split("/")[0], Path(file).suffix
        if top in {"coldstart", "blender_scenes", "gan", "detect", "hydra_plugins"} and suffix in {".py", ".j2"}:
            assert file in inside
        if top == "conf":
            assert f"coldstart/{file}" in inside


def test_commands_run_from_the_wheel_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)

    where = run("-c", "import coldstart; print(coldstart.__file__)").stdout.strip()
    assert where.startswith(str(tmp_path))
    keys = ["count=1", "size=[64,64]", "samples=1", "logger=none", "out=data"]
    rendered = run("-m", "blender_scenes.render", *keys)
    assert rendered.returncode == 0, rendered.stderr
    assert (tmp_path / "data" / "annotations.json").is_file()
    modules = (
        "gan.train",
        "gan.translate",
        "gan.evaluate",
        "detect.lr",
        "detect.train",
        "detect.evaluate",
        "detect.page",
        "detect.predict",
        "detect.recognise",
        "detect.export",
        "coldstart",
    )
    requests = [
        {"folder": str(tmp_path), "log": f"{module}.log", "commands": [[None, "-m", module, "--help"]]}
        for module in modules
    ]
    typed = "".join(f"{json.dumps(request)}\n" for request in requests)
    answered = subprocess.run(
        [sys.executable, ROOT / "tests" / "docs" / "chain.py"],
        input=typed,
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env=environment,
    )
    for module, answer in zip(modules, answered.stdout.splitlines(), strict=True):
        helped = (tmp_path / f"{module}.log").read_text()
        assert answer == "null", helped
        assert "Keys" in helped
