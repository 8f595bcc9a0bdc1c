"""The page to mark points in: served to this machine only, nothing loaded from elsewhere."""

import base64
import importlib.resources
import io
import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jinja2
from PIL import Image

from blender_scenes.furniture import fittings
from blender_scenes.matching.marks import KINDS
from blender_scenes.matching.photo import Photo
from blender_scenes.matching.solve import Solution
from coldstart.dataset import sha256
from coldstart.errors import UserError

__all__ = ["Attempt", "Server", "clicked"]

HOST = "127.0.0.1"
LARGEST = 1_000_000  # bytes of points
Attempt = tuple[Solution, bytes]


def clicked(photo: Photo, attempt: Callable[[Any], Attempt], port: int) -> Attempt:
    """Serve the page until its user accepts a solution; `attempt` solves the page's JSON and draws an overlay (JPEG).

    Raises:
        UserError: the port is taken.
    """
    try:
        server = Server(photo, attempt, port)
    except OSError as error:
        raise UserError(f"port: {port} cannot be used ({error.strerror}); choose another, or port=0") from None
    print(f"open http://{HOST}:{server.server_port}/ in a browser on this machine", flush=True)
    accepted = server.until_accepted()
    assert accepted is not None
    return accepted


class Server(ThreadingHTTPServer):
    """The page's server, and what it solved so far."""

    daemon_threads = True

    def __init__(self, photo: Photo, attempt: Callable[[Any], Attempt], port: int) -> None:
        super().__init__((HOST, port), _Handler)
        self.attempt = attempt
        self.solved: tuple[Any, Attempt] | None = None  # what was asked last, and its answer
        self.accepted: Attempt | None = None
        buffer = io.BytesIO()
        Image.fromarray(photo.pixels).save(buffer, "JPEG", quality=92)
        self.picture = buffer.getvalue()
        template = (
            importlib.resources.files("blender_scenes.matching").joinpath("page.html").read_text(encoding="utf-8")
        )
        kinds = {**KINDS, "lamps": ("bulb", "panel"), "details": tuple(fittings.KINDS), "walls": fittings.WALLS}
        page = jinja2.Environment(autoescape=True).from_string(template)
        self.page = page.render(kinds=kinds, size=photo.size, key=f"marks {sha256(self.picture)}").encode()

    def until_accepted(self) -> Attempt | None:
        """Serve until the user accepts a solution, or until `shutdown` (then None)."""
        with self:
            self.serve_forever(poll_interval=0.1)
        return self.accepted


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        """The page and its photo."""
        known = {"/": (self.server.page, "text/html; charset=utf-8"), "/photo.jpg": (self.server.picture, "image/jpeg")}
        if not self._ours() or self.path not in known:
            self._send(404, b"", "text/plain")
            return
        self._send(200, *known[self.path])

    def do_POST(self) -> None:
        """Solve the points, or accept what was solved."""
        length = int(self.headers.get("Content-Length") or 0)
        if not self._ours() or self.path not in ("/solve", "/accept") or not 0 < length <= LARGEST:
            self._send(404, b"", "text/plain")
            return
        try:
            content = json.loads(self.rfile.read(length))
            answer = self._solve(content) if self.path == "/solve" else self._accept(content)
        except UserError as error:
            answer = {"error": str(error)}
        except ValueError as error:
            answer = {"error": f"not JSON: {error}"}
        self._send(200, json.dumps(answer).encode(), "application/json")
        if self.server.accepted:
            self.server.shutdown()

    def _solve(self, content: Any) -> dict[str, str]:
        found, picture = self.server.attempt(content)
        self.server.solved = content, (found, picture)
        return {
            "report": found.report(),
            "overlay": "data:image/jpeg;base64," + base64.b64encode(picture).decode(),
        }

    def _accept(self, content: Any) -> dict[str, str]:
        if self.server.solved is None or self.server.solved[0] != content:
            raise UserError("the points have changed since they were solved; solve again")
        self.server.accepted = self.server.solved[1]
        return {}

    def _ours(self) -> bool:
        """Whether the page itself asks, by this machine's address; a script of another site may not."""
        here = [f"{name}:{self.server.server_port}" for name in (HOST, "localhost")]
        origin = self.headers.get("Origin")
        return self.headers.get("Host") in here and (origin is None or origin in [f"http://{h}" for h in here])

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header(
            "Content-Security-Policy",
            "default-src 'none'; img-src 'self' data:; connect-src 'self'; "
            "style-src 'unsafe-inline'; script-src 'unsafe-inline'",
        )
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the terminal belongs to the command."""
