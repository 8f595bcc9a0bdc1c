"""A generator's file gives back the generator; anything else is refused in one line."""

import json
from pathlib import Path

import pytest
import safetensors.torch
import torch

from coldstart.errors import UserError
from gan.checkpoint import METADATA, load_generator, save_generator
from gan.networks import ResnetConfig, ResnetGenerator

CONFIG = ResnetConfig(base=4, blocks=1, residual=1.0)


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, ResnetGenerator]:
    generator = ResnetGenerator(3, 3, base=4, blocks=1, residual=1.0)
    torch.nn.init.normal_(generator.get_parameter("model.18.weight"))
    save_generator(tmp_path / "generator.safetensors", generator, "cyclegan", CONFIG)
    return tmp_path / "generator.safetensors", generator


def test_what_is_saved_is_loaded(saved: tuple[Path, ResnetGenerator]) -> None:
    file, generator = saved
    loaded, model = load_generator(file)
    x = torch.rand(1, 3, 16, 16)
    assert model == "cyclegan"
    assert not loaded.training
    assert torch.equal(loaded(x), generator.eval()(x))


def test_the_same_weights_give_the_same_file(saved: tuple[Path, ResnetGenerator]) -> None:
    file, generator = saved
    before = file.read_bytes()
    for _ in range(5):
        save_generator(file, generator, "cyclegan", CONFIG)
        assert file.read_bytes() == before


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no\.safetensors: no such file"):
        load_generator(tmp_path / "no.safetensors")


@pytest.mark.parametrize("content", [b"", b"not a checkpoint at all", b"\x80\x04K\x01."])
def test_file_of_another_kind(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.ckpt").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.ckpt: is no safetensors file"):
        load_generator(tmp_path / "a.ckpt")


def test_safetensors_of_something_else(tmp_path: Path) -> None:
    safetensors.torch.save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors")
    with pytest.raises(UserError, match="holds no generator"):
        load_generator(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    "record",
    [
        "{",
        "[]",
        "{}",
        *(json.dumps({"network": "resnet", "in_channels": 3, "out_channels": 3, "model": "m", "generator": g}) for g in ({"base": 8}, {"width": 8}, {"base": "x"})),
    ],
)
def test_weights_that_do_not_fit_the_config(saved: tuple[Path, ResnetGenerator], record: str) -> None:
    file, generator = saved
    safetensors.torch.save_file(generator.state_dict(), file, {METADATA: record})
    with pytest.raises(UserError, match=r"generator\.safetensors: its weights do not fit its config"):
        load_generator(file)
