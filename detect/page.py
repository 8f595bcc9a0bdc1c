"""A web page to drop a photo on and see what the detector finds.

    python -m detect.page checkpoint=outputs/detectors/a/detector.safetensors

It is served to this machine alone, loads nothing from elsewhere and reports to nobody. Photos that were dropped are
gone when the command ends (Ctrl-C).
"""

import html
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image

from coldstart import cli, training
from coldstart.errors import UserError
from coldstart.pictures import UNREADABLE, rgb, turned
from detect import inference, onnx_model
from detect.drawing import draw_found
from detect.inference import Detection
from detect.threshold import check_score, suggested_score

__all__ = ["PageConfig", "build", "serve"]

LARGEST = "100mb"  # of a file
HEADERS = ["product", "score", "x, y, width, height"]


class Found(NamedTuple):
    """What was found on a photo, whatever its score."""

    name: str
    picture: Image.Image
    detections: list[Detection]


@dataclass(frozen=True)
class PageConfig:
    """See conf/detect_page.yaml."""

    checkpoint: str
    score: float = 0.3
    score_from: str | None = None
    host: str = "127.0.0.1"
    port: int | None = None
    accelerator: str = "auto"
    precision: str = "auto"

    def __post_init__(self) -> None:
        check_score(self.score)
        if self.port is not None and not 1 <= self.port <= 65535:
            raise UserError(f"port: {self.port} is not between 1 and 65535")
        training.check_precision(self.precision)


def serve(config: PageConfig) -> None:
    """Serve the page until Ctrl-C.

    Raises:
        UserError: bad input, gradio is not installed, or the address cannot be listened on.
    """
    with tempfile.TemporaryDirectory(prefix="coldstart_page_") as uploads:
        os.environ |= {"GRADIO_TEMP_DIR": uploads, "GRADIO_ANALYTICS_ENABLED": "False"}
        page = build(config)
        launch(page, config)
        print(f"open {page.local_url} in a browser; Ctrl-C ends it", flush=True)
        page.block_thread()


def build(config: PageConfig) -> Any:
    """The page, a `gradio.Blocks`, not yet served.

    Raises:
        UserError: bad input, or gradio is not installed.
    """
    gr = _gradio()
    checkpoint = onnx_model.load_either(config.checkpoint)
    training.device(config.accelerator)
    score = config.score if config.score_from is None else suggested_score(config.score_from)

    hint = _line(f"Drop a photo. The detector knows {', '.join(checkpoint.class_names)}.")

    def find(file: str) -> tuple[Found | None, str, None]:
        """A new photo: what is on it, or what is wrong; and an empty place for the next one."""
        try:
            picture = upright(Path(file))
        except UserError as error:
            return None, _line(str(error), "bad"), None
        pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)
        (found,) = inference.detect_pixels(checkpoint, [pixels], config.accelerator, config.precision)
        return Found(Path(file).name, picture, found), "", None

    def show(found: Found | None, least: float, said: str) -> tuple[Image.Image | None, list[list[str]], str]:
        """The picture with the boxes of at least that score, their table, and a line."""
        if found is None:
            return None, [], said
        shown = [d for d in found.detections if d.score >= least]
        said = _line(f"{found.name}: {len(shown)} boxes of score {least:.2f} and more")
        return draw_found(found.picture, shown, checkpoint.class_names), rows(shown), said

    with gr.Blocks(title=f"Coldstart: {Path(config.checkpoint).name}", analytics_enabled=False) as page:
        found, said = gr.State(None), gr.State(hint)
        with gr.Row():
            with gr.Column(scale=2):
                photo = gr.File(label="Photo", height=160, elem_id="photo")
                slider = gr.Slider(0, 1, score, step=0.01, label="Score to believe from", elem_id="score")
                line = gr.HTML(hint, elem_id="line")
                table = gr.Dataframe(headers=HEADERS, datatype="str", interactive=False, buttons=[], elem_id="table")
            with gr.Column(scale=3):
                picture = gr.Image(
                    label="What was found",
                    format="png",
                    height="90vh",
                    interactive=False,
                    buttons=["download", "fullscreen"],
                    elem_id="found",
                )
        showing = {"fn": show, "inputs": [found, slider, said], "outputs": [picture, table, line]}
        photo.upload(find, photo, [found, said, photo]).then(**showing)
        slider.change(**showing, trigger_mode="always_last", show_progress="hidden")
    return page


def launch(page: Any, config: PageConfig) -> None:
    """Begin to serve.

    Raises:
        UserError: the address cannot be listened on.
    """
    gr = _gradio()
    try:
        page.launch(
            prevent_thread_lock=True,
            server_name=config.host,
            server_port=config.port,
            share=False,
            ssr_mode=False,
            quiet=True,
            max_file_size=LARGEST,
            footer_links=[],
            theme=gr.themes.Default(font="sans-serif", font_mono="monospace"),  # the browser's own fonts
            css=".bad { color: #c00; font-weight: 600 }",
        )
    except OSError:
        where = f"{config.host}:{config.port}" if config.port else f"{config.host}, 7860 and the hundred above"
        raise UserError(f"{where}: cannot be listened on; choose another port= or host=") from None


def upright(file: Path) -> Image.Image:
    """The picture as it is meant to be seen, RGB.

    Raises:
        UserError: it is no readable picture; one line, with the file's name but not its folder.
    """
    try:
        with Image.open(file) as picture:
            return rgb(turned(picture))
    except UNREADABLE as error:
        reason = " ".join(str(error).replace(f"{file.parent}{os.sep}", "").split())
        raise UserError(f"{file.name}: cannot be read as an image ({reason})") from None


def rows(found: Sequence[Detection]) -> list[list[str]]:
    """The table; boxes in whole pixels of the photo."""
    return [[d.name, f"{d.score:.2f}", ", ".join(str(round(side)) for side in d.box)] for d in found]


def _line(text: str, kind: str = "") -> str:
    return f'<p class="{kind}">{html.escape(text)}</p>'


def _gradio() -> ModuleType:
    try:
        import gradio
    except ImportError as error:
        raise UserError(f"the page needs gradio ({error}); pip install 'coldstart-vision[page]'") from None
    return gradio


if __name__ == "__main__":
    cli.run(serve, PageConfig, "detect_page", __doc__)
