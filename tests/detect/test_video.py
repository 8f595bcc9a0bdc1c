from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from coldstart.errors import UserError
from detect.video import VideoWriter, about_how_many, frames

av = pytest.importorskip("av")


def write(path: Path, seconds: list[float], size: tuple[int, int] = (64, 48)) -> None:
    """Frame i is grey of 20 i, its left half black."""
    with VideoWriter(path) as writer:
        for i, time in enumerate(seconds):
            picture = Image.new("RGB", size, (20 * i, 20 * i, 20 * i))
            picture.paste((0, 0, 0), (0, 0, size[0] // 2, size[1]))
            writer.add(picture, time)


def test_uneven_times_and_frames_return(tmp_path: Path) -> None:
    times = [0.0, 1 / 30, 0.5, 0.52, 2.0]
    write(tmp_path / "a.mp4", times)
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]
    assert about_how_many(tmp_path / "a.mp4") == 5
    seen = list(frames(tmp_path / "a.mp4"))
    assert [n for n, _, _ in seen] == [0, 1, 2, 3, 4]
    assert [t for _, t, _ in seen] == pytest.approx(times, abs=2e-5)
    for number, _, picture in seen:
        pixels = np.asarray(picture).astype(int)
        assert abs(pixels[:, 48:].mean() - 20 * number) < 4
        assert pixels[:, :16].mean() < 4
    assert [n for n, _, _ in frames(tmp_path / "a.mp4", every=2)] == [0, 2, 4]


def test_frames_whose_times_do_not_rise_follow_at_once(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4", [0.0, 0.5, 0.5, 0.4, 1.0])
    assert [t for _, t, _ in frames(tmp_path / "a.mp4")] == pytest.approx([0.0, 0.5, 0.5, 0.5, 1.0], abs=1e-4)


def test_odd_sizes_lose_a_row(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4", [0.0, 0.1], size=(65, 49))
    assert next(frames(tmp_path / "a.mp4"))[2].size == (64, 48)


def test_lying_video_of_a_phone_comes_upright(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "phone.mp4"), "w") as file:
        stream = file.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.set_display_rotation(-90)  # show it turned by 90° clockwise
        stored = Image.new("RGB", (64, 48), (255, 255, 255))
        stored.paste((0, 0, 0), (0, 0, 32, 48))
        frame = av.VideoFrame.from_image(stored)
        frame.pts, frame.time_base = 0, Fraction(1, 10)
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    upright = next(frames(tmp_path / "phone.mp4"))[2]
    assert upright.size == (48, 64)
    pixels = np.asarray(upright)
    assert pixels[:24].mean() < 20  # what was left is now on top
    assert pixels[40:].mean() > 235


def test_bad_videos_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no video")
    with pytest.raises(UserError, match=r"a\.mp4: cannot be read as a video after 0 frames"):
        next(frames(tmp_path / "a.mp4"))
    with pytest.raises(UserError, match=r"b\.mp4: cannot be read as a video"):
        next(frames(tmp_path / "b.mp4"))


def test_nothing_is_left_of_an_interrupted_video(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), VideoWriter(tmp_path / "a.mp4") as writer:
        writer.add(Image.new("RGB", (64, 48)), 0.0)
        raise RuntimeError
    assert not list(tmp_path.iterdir())
