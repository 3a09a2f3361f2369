"""The small objects of the stand-in: apps, environments, images, secrets, mounts, dicts and queues."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from modal_proto import api_pb2

from modal_service.refusing import Caller, rpc

EPHEMERAL = api_pb2.OBJECT_CREATION_TYPE_EPHEMERAL
CREATE_IF_MISSING = api_pb2.OBJECT_CREATION_TYPE_CREATE_IF_MISSING
BUILDER = "2025.06"
"""The image builder's version that the stand-in's environment names."""


def new_id(prefix: str) -> str:
    """Return an id in Modal's style."""
    return f"{prefix}-{uuid.uuid4().hex[:22]}"


@dataclass
class Image:
    """An image: what it was made of."""

    id: str
    base: list[str]
    """Ids of the images under it."""
    commands: list[str]
    context: dict[str, bytes]
    mount: str
    secrets: list[str]


@dataclass
class NamedQueue:
    """A queue of the stand-in, by partition."""

    id: str
    items: dict[bytes, list[bytes]] = field(default_factory=dict)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)


class Objects:
    """The part of the stand-in that keeps apps, images, secrets, mounts, dicts and queues."""

    def __init__(self) -> None:
        """Start with none."""
        self.apps: dict[str, str] = {}
        """Name by id."""
        self.images: dict[str, Image] = {}
        self.secrets: dict[str, dict[str, str]] = {}
        """Named secrets: a test puts them here, as a person does on Modal's page."""
        self.secret_ids: dict[str, str] = {}
        self.inline_secrets: dict[str, dict[str, str]] = {}
        """What clients sent themselves, by id."""
        self.broken_images: dict[str, str] = {}
        """What a build says that fails: the sentence, by a text in its commands."""
        self.mounted_files: dict[str, dict[str, str]] = {}
        """Of each mount: the SHA-256 by the path in the container."""
        self.uploads: set[str] = set()
        self.dicts: dict[str, dict[bytes, bytes]] = {}
        self.dict_names: dict[str, str] = {}
        self.queues: dict[str, NamedQueue] = {}

    def image_steps(self, image_id: str) -> list[str]:
        """Return all commands that made an image, those of the images under it first."""
        image = self.images[image_id]
        return [step for base in image.base for step in self.image_steps(base)] + image.commands

    def secret_of(self, secret_id: str) -> dict[str, str]:
        """Return the variables of a secret."""
        if secret_id in self.inline_secrets:
            return self.inline_secrets[secret_id]
        return self.secrets[self.secret_ids[secret_id]]

    @rpc()
    async def ClientHello(self, _: Any, __: Caller) -> Any:  # noqa: N802
        """Greet a client whose token is right."""
        return api_pb2.ClientHelloResponse()

    @rpc()
    async def AuthTokenGet(self, _: Any, __: Caller) -> Any:  # noqa: N802
        """Hand out a token of the kind that calls about sandboxes carry."""
        return api_pb2.AuthTokenGetResponse(token="e30.eyJleHAiOiA5OTk5OTk5OTk5fQ.c2ln")

    @rpc("deployment_name", "object_creation_type")
    async def EnvironmentGetOrCreate(self, request: Any, _: Caller) -> Any:  # noqa: N802
        """Describe the environment."""
        settings = api_pb2.EnvironmentSettings(image_builder_version=BUILDER)
        metadata = api_pb2.EnvironmentMetadata(name=request.deployment_name or "main", settings=settings)
        return api_pb2.EnvironmentGetOrCreateResponse(environment_id="en-1", metadata=metadata)

    @rpc("app_name", "environment_name", "object_creation_type")
    async def AppGetOrCreate(self, request: Any, _: Caller) -> Any:  # noqa: N802
        """Find an app by its name, or make it."""
        found = next((app for app, name in self.apps.items() if name == request.app_name), None)
        if found is None:
            if request.object_creation_type != CREATE_IF_MISSING:
                raise GRPCError(Status.NOT_FOUND, f"App {request.app_name!r} not found")
            found = new_id("ap")
            self.apps[found] = request.app_name
        return api_pb2.AppGetOrCreateResponse(app_id=found)

    @rpc("deployment_name", "environment_name", "object_creation_type", "env_dict", "app_id", "required_keys")
    async def SecretGetOrCreate(self, request: Any, _: Caller) -> Any:  # noqa: N802
        """Find a secret by its name, or take an unnamed one."""
        if request.deployment_name:
            if request.deployment_name not in self.secrets:
                raise GRPCError(Status.NOT_FOUND, f"Secret {request.deployment_name!r} not found")
            lacking = [key for key in request.required_keys if key not in self.secrets[request.deployment_name]]
            if lacking:
                raise GRPCError(Status.NOT_FOUND, f"Secret {request.deployment_name!r} lacks {lacking}")
            secret = f"st-{request.deployment_name}"
            self.secret_ids[secret] = request.deployment_name
        else:
            secret = new_id("st")
            self.inline_secrets[secret] = dict(request.env_dict)
        return api_pb2.SecretGetOrCreateResponse(secret_id=secret)

    @rpc(
        *(f"image.{name}" for name in ("dockerfile_commands", "context_mount_id", "secret_ids", "gpu_config")),
        *(f"image.base_images.{name}" for name in ("docker_tag", "image_id")),
        *(f"image.context_files.{name}" for name in ("filename", "data")),
        "image.image_registry_config",
        "app_id",
        "builder_version",
        "namespace",
    )
    async def ImageGetOrCreate(self, request: Any, _: Caller) -> Any:  # noqa: N802
        """Note what an image is made of; it is built when somebody waits for it."""
        made = Image(
            new_id("im"),
            [base.image_id for base in request.image.base_images],
            list(request.image.dockerfile_commands),
            {file.filename: file.data for file in request.image.context_files},
            request.image.context_mount_id,
            list(request.image.secret_ids),
        )
        same = next((image for image in self.images.values() if _content(image) == _content(made)), made)
        self.images[same.id] = same
        return api_pb2.ImageGetOrCreateResponse(image_id=same.id)

    @rpc("image_id", "timeout", "last_entry_id", streams=True)
    async def ImageJoinStreaming(self, request: Any, _: Caller) -> AsyncIterator[Any]:  # noqa: N802
        """Say how the build of an image ended."""
        commands = "\n".join(self.images[request.image_id].commands)
        broken = next((sentence for text, sentence in self.broken_images.items() if text in commands), None)
        status = api_pb2.GenericResult.GENERIC_STATUS_SUCCESS
        if broken is not None:
            status = api_pb2.GenericResult.GENERIC_STATUS_FAILURE
        result = api_pb2.GenericResult(status=status, exception=broken or "")
        metadata = api_pb2.ImageMetadata(python_version_info="Python 3.11.2", image_builder_version=BUILDER)
        yield api_pb2.ImageJoinStreamingResponse(result=result, metadata=metadata, eof=True)

    @rpc("deployment_name", "namespace", "environment_name", "object_creation_type", "files", "app_id",
         *(f"files.{name}" for name in ("filename", "sha256_hex", "size", "mode")))  # fmt: skip
    async def MountGetOrCreate(self, request: Any, _: Caller) -> Any:  # noqa: N802
        """Take files that go into an image or a container, or find Modal's own."""
        mount = new_id("mo")
        self.mounted_files[mount] = {file.filename: file.sha256_hex for file in request.files}
        return api_pb2.MountGetOrCreateResponse(mount_id=mount)

    @rpc("sha256_hex_hashes")
    async def MountBatchedCheckExistence(self, request: Any, _: Caller) -> Any:  # noqa: N802
        """Say which files are not here yet."""
        missing = [sha for sha in request.sha256_hex_hashes if sha not in self.uploads]
        return api_pb2.MountBatchedCheckExistenceResponse(missing_sha256_hex_hashes=missing)

    @rpc("sha256_hex", "data")
    async def MountPutFile(self, request: Any, _: Caller) -> Any:  # noqa: N802
        """Take a file's bytes."""
        if request.data:
            self.uploads.add(request.sha256_hex)
        return api_pb2.MountPutFileResponse(exists=request.sha256_hex in self.uploads)

    # dicts

    @rpc("deployment_name", "environment_name", "object_creation_type")
    async def DictGetOrCreate(self, request: Any, _: Caller) -> Any:  # noqa: N802
        """Find a dict by its name, or make it."""
        name = request.deployment_name
        if name not in self.dict_names:
            if request.object_creation_type != CREATE_IF_MISSING:
                raise GRPCError(Status.NOT_FOUND, f"Dict {name!r} not found")
            self.dict_names[name] = new_id("di")
            self.dicts[self.dict_names[name]] = {}
        metadata = api_pb2.DictMetadata(name=name)
        return api_pb2.DictGetOrCreateResponse(dict_id=self.dict_names[name], metadata=metadata)

    @rpc("dict_id", "updates", "updates.key", "updates.value", "if_not_exists")
    async def DictUpdate(self, request: Any, _: Caller) -> Any:  # noqa: N802
        """Put entries; with ``if_not_exists`` only where there is none."""
        held, created = self.dicts[request.dict_id], True
        for entry in request.updates:
            if request.if_not_exists and entry.key in held:
                created = False
            else:
                held[entry.key] = entry.value
        return api_pb2.DictUpdateResponse(created=created)

    @rpc("dict_id", "key")
    async def DictGet(self, request: Any, _: Caller) -> Any:  # noqa: N802
        """Return an entry."""
        value = self.dicts[request.dict_id].get(request.key)
        return api_pb2.DictGetResponse(found=value is not None, value=value)

    @rpc("dict_id", "key")
    async def DictPop(self, request: Any, _: Caller) -> Any:  # noqa: N802
        """Take an entry away."""
        value = self.dicts[request.dict_id].pop(request.key, None)
        return api_pb2.DictPopResponse(found=value is not None, value=value)

    # queues

    @rpc("object_creation_type", "environment_name")
    async def QueueGetOrCreate(self, request: Any, _: Caller) -> Any:  # noqa: N802
        """Make a queue that lives as long as its maker."""
        if request.object_creation_type != EPHEMERAL:
            raise GRPCError(Status.INVALID_ARGUMENT, "the stand-in makes ephemeral queues only")
        queue = NamedQueue(new_id("qu"))
        self.queues[queue.id] = queue
        return api_pb2.QueueGetOrCreateResponse(queue_id=queue.id)

    @rpc("queue_id")
    async def QueueGetById(self, request: Any, _: Caller) -> Any:  # noqa: N802
        """Find a queue."""
        if request.queue_id not in self.queues:
            raise GRPCError(Status.NOT_FOUND, f"Queue {request.queue_id} not found")
        return api_pb2.QueueGetByIdResponse(queue_id=request.queue_id)

    @rpc("queue_id")
    async def QueueHeartbeat(self, _: Any, __: Caller) -> Any:  # noqa: N802
        """Keep a queue alive."""
        return Empty()

    @rpc("queue_id", "values", "partition_key", "partition_ttl_seconds")
    async def QueuePut(self, request: Any, _: Caller) -> Any:  # noqa: N802
        """Put values into a partition."""
        queue = self.queues[request.queue_id]
        async with queue.changed:
            queue.items.setdefault(request.partition_key, []).extend(request.values)
            queue.changed.notify_all()
        return Empty()

    @rpc("queue_id", "timeout", "n_values", "partition_key")
    async def QueueGet(self, request: Any, _: Caller) -> Any:  # noqa: N802
        """Take one value out of a partition, however many are asked for; wait for it so long as is asked."""
        queue = self.queues[request.queue_id]

        def ready() -> bool:
            return bool(queue.items.get(request.partition_key))

        async with queue.changed:
            if request.timeout and not ready():
                try:
                    await asyncio.wait_for(queue.changed.wait_for(ready), request.timeout)
                except TimeoutError:
                    return api_pb2.QueueGetResponse()
            held = queue.items.get(request.partition_key, [])
            taken, queue.items[request.partition_key] = held[:1], held[1:]
        return api_pb2.QueueGetResponse(values=taken)


def _content(image: Image) -> tuple[Any, ...]:
    return (image.base, image.commands, sorted(image.context), image.mount, image.secrets)
