"""What the stand-in refuses: calls it does not know, fields it does not expect, and clients with a wrong token.

Modal's own service ignores what it does not know, and so hides a mistake in what is sent. This one fails the call and
remembers it in ``refused``, so that a test sees both.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet
from grpclib import GRPCError, Status
from grpclib.server import Stream
from modal_proto.api_grpc import ModalClientBase
from modal_proto.task_command_router_grpc import TaskCommandRouterBase

TOKEN_ID, TOKEN_SECRET = "ak-stand-in", "as-only-for-tests"
"""The one token that the stand-in accepts."""


@dataclass(frozen=True)
class Caller:
    """Who calls: a person's client (None), or a function's container, known by the socket it was given."""

    task: str | None


@dataclass(frozen=True)
class Call:
    """One call that was made."""

    name: str
    request: Any
    caller: Caller


Unary: TypeAlias = Callable[[Any, Any, Caller], Awaitable[Message]]
Streaming: TypeAlias = Callable[[Any, Any, Caller], AsyncIterator[Message]]


@dataclass
class Rpc:
    """A call that the stand-in knows, and the fields it expects in it."""

    handle: Any
    fields: frozenset[str]
    streams: bool


def rpc(*fields: str, streams: bool = False) -> Callable[[Any], Any]:
    """Mark a method as the handler of the call of that name; ``fields`` are all that may be set in its request."""

    def mark(method: Any) -> Any:
        method.rpc = Rpc(method, frozenset(fields), streams)
        return method

    return mark


@dataclass
class Book:
    """What was called and what was refused, in order."""

    calls: list[Call] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def of(self, name: str) -> list[Any]:
        """Return the requests of one call."""
        return [call.request for call in list(self.calls) if call.name == name]


def paths(message: Message, prefix: str = "") -> Iterator[str]:
    """Yield the dotted name of each field that is set; lists are transparent, maps are leaves."""
    if len(UnknownFieldSet(message)):
        yield f"{prefix}<unknown>"
    for descriptor, value in message.ListFields():
        name = prefix + descriptor.name
        is_map = descriptor.message_type is not None and descriptor.message_type.GetOptions().map_entry
        if descriptor.message_type is None or is_map:
            yield name
            continue
        for one in value if descriptor.is_repeated else [value]:
            inside = list(paths(one, f"{name}."))
            yield from inside or [name]


def endpoints(service: Any, task: str | None = None) -> list[Any]:
    """Return the two gRPC services of a stand-in, as a person's client or as the container ``task`` reaches them."""
    return [_endpoint(base, service, Caller(task)) for base in (ModalClientBase, TaskCommandRouterBase)]


def _endpoint(base: Any, service: Any, caller: Caller) -> Any:
    names = sorted(base.__abstractmethods__)
    kind = type(f"Strict{base.__name__}", (base,), {name: _bridge(name, service, caller) for name in names})
    return kind()


def _bridge(name: str, service: Any, caller: Caller) -> Any:
    async def answer(_self: Any, stream: Stream[Any, Any]) -> None:
        request = await stream.recv_message()
        book: Book = service.book
        book.calls.append(Call(name, request, caller))
        known: Rpc | None = getattr(getattr(type(service), name, None), "rpc", None)
        if known is None:
            book.refused.append(name)
            raise GRPCError(Status.UNIMPLEMENTED, f"the stand-in does not know {name}")
        if caller.task is None and not name.startswith(("SandboxStdio",)):
            sent = (stream.metadata or {}).get("x-modal-token-id"), (stream.metadata or {}).get("x-modal-token-secret")
            if sent != (TOKEN_ID, TOKEN_SECRET):
                raise GRPCError(Status.UNAUTHENTICATED, f"Token ID {sent[0]!r} is not valid.")
        unexpected = sorted(set(paths(request)) - known.fields) if isinstance(request, Message) else []
        if unexpected:
            book.refused.append(f"{name}: {', '.join(unexpected)}")
            raise GRPCError(Status.INVALID_ARGUMENT, f"the stand-in expects no {', '.join(unexpected)} in {name}")
        try:
            if known.streams:
                async for response in known.handle(service, request, caller):
                    await stream.send_message(response)
            else:
                await stream.send_message(await known.handle(service, request, caller))
        except (GRPCError, asyncio.CancelledError):
            raise
        except Exception as error:
            book.refused.append(f"{name}: {error!r}")
            raise

    return answer
