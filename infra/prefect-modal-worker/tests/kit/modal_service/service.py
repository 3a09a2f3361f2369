"""The stand-in as a test uses it: servers in a thread of their own, and the environment that leads clients there."""

import asyncio
import os
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web
from grpclib.server import Server

from modal_service.functions import Functions
from modal_service.refusing import TOKEN_ID, TOKEN_SECRET, Book, endpoints

T = TypeVar("T")


class ModalService(Functions):
    """All parts of the stand-in; ``book`` holds what was called and what was refused."""

    def __init__(self, root: Path) -> None:
        """Keep all in a folder."""
        super().__init__()
        self.root = root
        self.book = Book()
        self.path = os.pathsep.join([str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"])
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="modal-stand-in", daemon=True)

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which Modal's client finds the stand-in."""
        return {
            "MODAL_SERVER_URL": self.address,
            "MODAL_TOKEN_ID": TOKEN_ID,
            "MODAL_TOKEN_SECRET": TOKEN_SECRET,
            "MODAL_CONFIG_PATH": str(self.root / "no-config.toml"),
        }

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Have something done in the stand-in's thread, and return what came of it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def start(self) -> None:
        """Listen."""
        self._thread.start()
        self.do(self._listen())

    def stop(self) -> None:
        """End every process and listen no more."""
        self.do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _listen(self) -> None:
        here = socket.socket()
        here.bind(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{here.getsockname()[1]}"
        self._server = Server(endpoints(self))
        await self._server.start(sock=here)
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.add_routes(self.routes())
        self._web = web.AppRunner(app, access_log=None)
        await self._web.setup()
        blocks = socket.socket()
        blocks.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{blocks.getsockname()[1]}"
        await web.SockSite(self._web, blocks).start()

    async def _close(self) -> None:
        await self.end_all()
        self._server.close()
        await self._web.cleanup()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()


@contextmanager
def modal_service() -> Iterator[ModalService]:
    """Run a stand-in while the block runs; fail, if it refused anything, when the block ends well."""
    root = Path(tempfile.mkdtemp(prefix="modal-"))  # short: a socket's path has 108 characters at most
    service = ModalService(root)
    service.start()
    try:
        yield service
        assert service.book.refused == [], f"the stand-in refused {service.book.refused}"
    finally:
        service.stop()
        shutil.rmtree(root, ignore_errors=True)
