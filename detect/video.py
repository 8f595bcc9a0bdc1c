"""Videos in and out, by PyAV (FFmpeg); its package `av` is optional."""

import os
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from PIL import Image

from coldstart.errors import UserError

__all__ = ["VIDEO_SUFFIXES", "Frame", "VideoWriter", "about_how_many", "frames"]

VIDEO_SUFFIXES = {".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi"}
TICK = Fraction(1, 90_000)  # MPEG's clock: in it, frames of any common rate lie exactly
Frame = tuple[int, float, Image.Image]  # number from 0, seconds from the start of the file's clock, upright RGB picture


def frames(path: Path, every: int = 1) -> Iterator[Frame]:
    """Every `every`-th frame, the first included, one at a time.

    Phones store pictures lying and say how to turn them; they come upright.

    Raises:
        UserError: `av` is not installed, or the file is no readable video, from the damaged place on.
    """
    av = _av()
    number = -1
    try:
        with av.open(str(path)) as file:
            if not file.streams.video:
                raise UserError(f"{path}: holds no video")
            stream = file.streams.video[0]
            stream.thread_type = "AUTO"
            for number, frame in enumerate(file.decode(stream)):
                if number % every:
                    continue
                seconds = float(frame.time) if frame.time is not None else number / float(stream.average_rate or 25)
                yield number, seconds, frame.to_image().convert("RGB").rotate(frame.rotation, expand=True)
    except (av.error.FFmpegError, OSError) as error:
        raise UserError(f"{path}: cannot be read as a video after {number + 1} frames ({error})") from None
    if number < 0:
        raise UserError(f"{path}: holds no frame")


def about_how_many(path: Path) -> int:
    """Frames in a readable video, by its header: for progress, at least 1."""
    with _av().open(str(path)) as file:
        stream = file.streams.video[0]
        return max(1, stream.frames or round((file.duration or 0) / 1e6 * (stream.average_rate or 25)))


class VideoWriter:
    """An H.264 .mp4 of frames with times, without sound; there in full when the block ends, or else not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stream: Any = None
        self.ticks = -1  # of the last frame

    def __enter__(self) -> "VideoWriter":
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle, self.temporary = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        os.close(handle)
        self.file = _av().open(self.temporary, "w", format="mp4", options={"movflags": "faststart"})
        return self

    def add(self, picture: Image.Image, seconds: float) -> None:
        """Append a frame, shown from `seconds` on; all are brought to the size of the first.

        Damaged files have frames whose time does not rise: they follow the one before by a tick.
        """
        if self.stream is None:
            self.stream = self.file.add_stream("libx264", rate=30, options={"crf": "20"})
            # Colours are stored for 2×2 pixels; an odd row or column is lost.
            self.stream.width, self.stream.height = picture.width // 2 * 2, picture.height // 2 * 2
            self.stream.pix_fmt = "yuv420p"
            self.stream.codec_context.time_base = TICK
        frame = _av().VideoFrame.from_image(picture.crop((0, 0, self.stream.width, self.stream.height)))
        self.ticks = max(round(seconds / TICK), self.ticks + 1)
        frame.pts, frame.time_base = self.ticks, TICK
        self.file.mux(self.stream.encode(frame))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self.file.mux(self.stream.encode(None))
            self.file.close()
            if error is None:
                Path(self.temporary).chmod(0o644)
                Path(self.temporary).replace(self.path)
        finally:
            Path(self.temporary).unlink(missing_ok=True)


def _av() -> ModuleType:
    try:
        import av
    except ImportError as error:
        raise UserError(f"videos need the package av ({error}); pip install 'coldstart-vision[video]'") from None
    return av
