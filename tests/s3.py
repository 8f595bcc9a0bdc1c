"""An S3 server on this machine, and a line to it that kills whoever uploads."""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from unittest import mock
from urllib.request import Request, urlopen

BUCKET = "a-bucket"


@contextmanager
def server() -> Iterator[str]:
    """The address of moto's server with an empty bucket; s3:// leads there meanwhile."""
    from moto.server import ThreadedMotoServer
    from s3fs import S3FileSystem

    moto = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    address = f"http://{host}:{port}"
    try:
        # All servers of a process share what they hold.
        urlopen(Request(f"{address}/moto-api/reset", method="POST")).close()
        with mock.patch.dict(os.environ, credentials(address)):
            S3FileSystem(skip_instance_cache=True).mkdir(BUCKET)
            yield address
    finally:
        moto.stop()


def credentials(endpoint: str) -> dict[str, str]:
    """The environment in which s3:// is the server at `endpoint`."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


class Line:
    """A TCP line to `endpoint` at an address of its own, which kills process `pid` when `deadly` says so.

    `deadly` is asked about each piece that is sent, before the server gets it, with the bytes sent before it.
    """

    def __init__(self, endpoint: str, deadly: Callable[[bytes, int], bool]) -> None:
        host, port = endpoint.removeprefix("http://").split(":")
        self.target, self.deadly = (host, int(port)), deadly
        self.pid: int | None = None
        self.sent, self.cut = 0, threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                far = socket.create_connection(self.target)
                threading.Thread(target=self._pump, args=(near, far, True), daemon=True).start()
                threading.Thread(target=self._pump, args=(far, near, False), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, up: bool) -> None:
        with suppress(OSError):
            while piece := source.recv(16384):
                if up and self.pid is not None and self.deadly(piece, self.sent):
                    os.kill(self.pid, signal.SIGKILL)
                    self.cut.set()
                if self.cut.is_set():
                    break
                self.sent += len(piece) if up else 0
                target.sendall(piece)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *_: Any) -> None:
        self.listener.close()
