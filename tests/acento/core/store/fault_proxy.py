"""A proxy before a server of the S3 protocol that makes the faults of networks and servers."""

import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import parse_headers

from s3 import ERROR, S3Server

_WAIT_S = 60


@dataclass
class Faults:
    """Which faults a proxy makes: drawn for each request from the seed, each with its share of requests."""

    seed: int = 0
    error: float = 0.0
    """Answered 500 or 503 SlowDown, the request not passed on."""
    lost: float = 0.0
    """Passed on, but answered 500: what was done is done."""
    cut_request: float = 0.0
    """The connection is cut in the middle of the request."""
    cut_response: float = 0.0
    """The connection is cut in the middle of the answer."""
    delay: float = 0.0
    """Waits for 0.05 s first."""
    flip: float = 0.0
    """One bit of the answer's last byte is flipped, where the answer is a file's."""
    edit: float = 0.0
    """The answer is what :attr:`FaultProxy.edit` makes of it; where that changes nothing, there is no fault."""
    answer: tuple[int, str] | None = None
    """Every request that writes is answered with this status and code."""

    def draw(self, number: int) -> str:
        """Return the fault of the request of this number, or ``""``."""
        drawn = random.Random(f"{self.seed}/{number}").random()
        for name in ("error", "lost", "cut_request", "cut_response", "delay", "flip", "edit"):
            share = getattr(self, name)
            if drawn < share:
                return name
            drawn -= share
        return ""


@dataclass
class FaultProxy:
    """A proxy that carries one request a connection, counts them, and does to them what its faults say."""

    target: int
    faults: Faults = field(default_factory=Faults)
    before: Callable[[int], None] = lambda _: None
    """Called with a request's number, from 1, before it is passed on."""
    after: Callable[[int], None] = lambda _: None
    """Called with a request's number when it was done, before it is answered."""
    edit: Callable[[bytes], bytes] = lambda answer: answer
    """What the fault of that name makes of a whole answer, head and body."""
    requests: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    """The faults that were made."""
    most: float = float("inf")
    """How many faults are made at most."""

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.endpoint = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                connection.settimeout(_WAIT_S)
                threading.Thread(target=self._carry, args=(connection,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with client, suppress(OSError, EOFError):
            head, body = _message(client)
            line = head.partition(b"\r\n")[0].decode()
            with self._lock:
                self.requests.append(line)
                number = len(self.requests)
            self.before(number)
            fault = "" if len(self.made) >= self.most else self.faults.draw(number)
            if fault == "flip" and "/_files/" not in line.partition("?")[0]:
                fault = ""
            if self.faults.answer and line.startswith(("PUT", "POST")):
                fault = "refused"
            if fault and fault != "edit":
                self.made.append(fault)
            if fault == "delay":
                time.sleep(0.05)
            if fault == "refused":
                _say(client, *(self.faults.answer or (500, "InternalError")))
            elif fault == "error":
                _say(client, *((503, "SlowDown") if number % 2 else (500, "InternalError")))
            else:
                self._pass_on(client, head, body, fault, number)

    def _pass_on(self, client: socket.socket, head: bytes, body: bytes, fault: str, number: int) -> None:
        with socket.create_connection(("127.0.0.1", self.target), timeout=_WAIT_S) as server:
            if fault == "cut_request":
                server.sendall(head + body[: len(body) // 2])
                return
            server.sendall(head + body)
            answer = bytearray()
            while block := server.recv(1 << 16):
                answer += block
        self.after(number)
        if fault == "flip":
            answer[-1] ^= 1
        if fault == "edit":
            edited = bytearray(self.edit(bytes(answer)))
            self.made += ["edit"] if edited != answer else []
            answer = edited
        if fault == "lost":
            _say(client, 500, "InternalError")
        else:
            client.sendall(answer[: len(answer) // 2] if fault == "cut_response" else answer)


@contextmanager
def fault_proxy(server: S3Server, faults: Faults | None = None) -> Iterator[FaultProxy]:
    """Run a proxy before a server."""
    proxy = FaultProxy(int(server.endpoint.rpartition(":")[2]), faults or Faults())
    try:
        yield proxy
    finally:
        proxy.close()


def _message(connection: socket.socket) -> tuple[bytes, bytes]:
    """Read one request: its head, asking for a connection of its own, and its body."""
    with connection.makefile("rb") as file:
        line, fields = file.readline(), parse_headers(file)
        if fields.get("Expect", "").lower() == "100-continue":
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        length = int(fields.get("Content-Length", 0))
        body = file.read(length)
    if not line or len(body) < length:
        raise EOFError
    del fields["Connection"], fields["Expect"]
    fields["Connection"] = "close"
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return line + head.encode("latin-1") + b"\r\n", body


def _say(client: socket.socket, number: int, code: str) -> None:
    body = ERROR.format(code).encode()
    head = f"HTTP/1.1 {number} {code}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n"
    client.sendall(f"{head}Connection: close\r\n\r\n".encode() + body)
