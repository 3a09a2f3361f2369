"""Volumes (version 2) of the stand-in: files by path, blocks over HTTP, and containers that see a copy.

As on Modal a container sees the volume as it was when it was mounted or last reloaded, and others see what it wrote
once it has committed. Of two that wrote the same file, the last to commit wins. There is no rename between containers.
"""

import asyncio
import hashlib
import shutil
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from aiohttp import web
from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from modal_proto import api_pb2

from modal_service.refusing import Caller, rpc

BLOCK = 8 * 1024 * 1024
"""Bytes of a block of a version 2 volume."""


@dataclass
class Volume:
    """A volume: its committed files, each a file of the stand-in's folder."""

    id: str
    name: str
    files: dict[str, Path] = field(default_factory=dict)


@dataclass
class Mount:
    """A volume as one container sees it: a folder, and what the files in it were when it was last looked at."""

    volume: Volume
    path: str
    """Where the container believes it to be, such as ``/acento/results``."""
    folder: Path
    seen: dict[str, tuple[int, int, int]] = field(default_factory=dict)


class Volumes:
    """The part of the stand-in that keeps volumes."""

    root: Path
    url: str
    """Of the server of blocks."""

    def __init__(self) -> None:
        """Start with none."""
        self.volumes: dict[str, Volume] = {}
        self._blocks: dict[str, Path] = {}

    def volume(self, name: str) -> Volume:
        """Return the volume of that name; a test fails where there is none."""
        return next(volume for volume in self.volumes.values() if volume.name == name)

    # what a container sees

    def mount(self, volume_id: str, path: str, folder: Path) -> Mount:
        """Show a volume in a folder, as it is now."""
        mount = Mount(self.volumes[volume_id], path, folder)
        folder.mkdir(parents=True, exist_ok=True)
        self._load(mount)
        return mount

    def commit(self, mount: Mount) -> None:
        """Make what a container wrote since it last looked visible to all."""
        now = _signs(mount.folder)
        for name in mount.seen.keys() - now.keys():
            mount.volume.files.pop(name, None)
        for name, sign in now.items():
            if mount.seen.get(name) != sign:
                kept = self._new_file()
                shutil.copyfile(mount.folder / name, kept)
                mount.volume.files[name] = kept
        mount.seen = now

    def reload(self, mount: Mount, processes: set[int]) -> None:
        """Show a container what others committed; it must have no file of the volume open."""
        if found := _open_below(mount.folder, processes):
            raise GRPCError(Status.FAILED_PRECONDITION, f"there are open files preventing the operation: {found}")
        self.commit(mount)
        self._load(mount)

    def _load(self, mount: Mount) -> None:
        for name in _signs(mount.folder).keys() - mount.volume.files.keys():
            (mount.folder / name).unlink()
        for name, kept in mount.volume.files.items():
            target = mount.folder / name
            if target.exists() and target.stat().st_size == kept.stat().st_size and _same(target, kept):
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            aside = target.with_name(f".{uuid.uuid4().hex}")
            shutil.copyfile(kept, aside)
            aside.rename(target)
        mount.seen = _signs(mount.folder)

    def _new_file(self) -> Path:
        (self.root / "kept").mkdir(exist_ok=True)
        return self.root / "kept" / uuid.uuid4().hex

    # the calls

    @rpc("deployment_name", "environment_name", "object_creation_type", "version", "create_options")
    async def VolumeGetOrCreate(self, request: Any, _: Caller) -> Any:  # noqa: N802
        """Find a volume by name, or make it."""
        found = next((v for v in self.volumes.values() if v.name == request.deployment_name), None)
        if found is None:
            if request.object_creation_type != api_pb2.OBJECT_CREATION_TYPE_CREATE_IF_MISSING:
                raise GRPCError(Status.NOT_FOUND, f"Volume {request.deployment_name!r} not found.")
            if request.version != api_pb2.VOLUME_FS_VERSION_V2:
                raise GRPCError(Status.INVALID_ARGUMENT, "the stand-in keeps volumes of version 2 only")
            found = Volume(f"vo-{uuid.uuid4().hex[:22]}", request.deployment_name)
            self.volumes[found.id] = found
        metadata = api_pb2.VolumeMetadata(version=api_pb2.VOLUME_FS_VERSION_V2, name=found.name)
        return api_pb2.VolumeGetOrCreateResponse(
            volume_id=found.id, version=api_pb2.VOLUME_FS_VERSION_V2, metadata=metadata
        )

    @rpc(
        "volume_id",
        "disallow_overwrite_existing_files",
        "files",
        *(f"files.{name}" for name in ("path", "size", "mode", "blocks.contents_sha256", "blocks.put_response")),
    )
    async def VolumePutFiles2(self, request: Any, _: Caller) -> Any:  # noqa: N802
        """Take files whose blocks were put, as the answers to that show; say which were not, and where to put them."""
        volume = self.volumes[request.volume_id]
        missing = [
            api_pb2.VolumePutFiles2Response.MissingBlock(
                file_index=at, block_index=number, put_url=f"{self.url}/block/{block.contents_sha256.hex()}"
            )
            for at, file in enumerate(request.files)
            for number, block in enumerate(file.blocks)
            if block.put_response != _receipt(block.contents_sha256.hex())
        ]
        for file in request.files:
            for block in file.blocks:
                if block.put_response and block.put_response != _receipt(block.contents_sha256.hex()):
                    raise GRPCError(Status.INVALID_ARGUMENT, "that put_response is of another block")
        if missing:
            return api_pb2.VolumePutFiles2Response(missing_blocks=missing)
        names = [_clean(file.path) for file in request.files]
        taken = [name for name in names if name in volume.files]
        if taken and request.disallow_overwrite_existing_files:
            raise GRPCError(Status.ALREADY_EXISTS, f"{taken[0]} exists already")
        for name, file in zip(names, request.files, strict=True):
            kept = self._new_file()
            with kept.open("wb") as out:
                for number, block in enumerate(file.blocks):  # zeros at a block's end are not sent
                    out.seek(number * BLOCK)
                    out.write(self._blocks[block.contents_sha256.hex()].read_bytes())
                out.truncate(file.size)
            volume.files[name] = kept
        return api_pb2.VolumePutFiles2Response()

    @rpc("volume_id", "path", "client_pads_blocks")
    async def VolumeGetFile2(self, request: Any, _: Caller) -> Any:  # noqa: N802
        """Say where the blocks of a file are."""
        name = _clean(request.path)
        kept = self.volumes[request.volume_id].files.get(name)
        if kept is None:
            raise GRPCError(Status.NOT_FOUND, f"{name} not found")
        size = kept.stat().st_size
        urls = [f"{self.url}/kept/{kept.name}/{start}" for start in range(0, size, BLOCK)]
        return api_pb2.VolumeGetFile2Response(get_urls=urls, size=size, start=0, len=size)

    @rpc("volume_id", "path", "recursive", streams=True)
    async def VolumeListFiles2(self, request: Any, _: Caller) -> AsyncIterator[Any]:  # noqa: N802
        """List files below a path, one at a time: folders are not listed, and an empty one is not there."""
        files = dict(self.volumes[request.volume_id].files)
        at = _clean(request.path)
        found: dict[str, Any] = {}
        if at in files:
            found[at] = _entry(at, files[at])
        for name in sorted(files):
            if at and not name.startswith(f"{at}/"):
                continue
            below = PurePosixPath(name).relative_to(at) if at else PurePosixPath(name)
            if request.recursive or len(below.parts) == 1:
                found[name] = _entry(name, files[name])
        if at and not found:
            raise GRPCError(Status.NOT_FOUND, f"{at} not found")
        for entry in found.values():
            yield api_pb2.VolumeListFiles2Response(entries=[entry])

    @rpc("volume_id", "path", "recursive")
    async def VolumeRemoveFile2(self, request: Any, _: Caller) -> Any:  # noqa: N802
        """Remove a file; a folder is not found, whatever is in it."""
        volume, at = self.volumes[request.volume_id], _clean(request.path)
        if at not in volume.files:
            raise GRPCError(Status.NOT_FOUND, f"{at} not found")
        volume.files.pop(at).unlink()
        return Empty()

    @rpc("volume_id")
    async def VolumeCommit(self, request: Any, caller: Caller) -> Any:  # noqa: N802
        """Commit what the calling container wrote."""
        mount, _ = self._mounted(request.volume_id, caller)
        self.commit(mount)
        return api_pb2.VolumeCommitResponse(skip_reload=True)

    @rpc("volume_id")
    async def VolumeReload(self, request: Any, caller: Caller) -> Any:  # noqa: N802
        """Show the calling container what others committed."""
        mount, processes = self._mounted(request.volume_id, caller)
        self.reload(mount, processes)
        return Empty()

    def mounts_of(self, task: str) -> tuple[list[Mount], set[int]]:
        """Return what a container mounts, and its processes; the whole stand-in knows."""
        raise NotImplementedError

    def _mounted(self, volume_id: str, caller: Caller) -> tuple[Mount, set[int]]:
        if caller.task is not None:
            mounts, processes = self.mounts_of(caller.task)
            for mount in mounts:
                if mount.volume.id == volume_id:
                    return mount, processes
        raise GRPCError(
            Status.FAILED_PRECONDITION, "commit and reload can only be called in a container that mounts it"
        )

    # blobs

    def new_blob(self, data: bytes) -> str:
        """Keep bytes as a blob and return its id."""
        kept = self._new_file()
        kept.write_bytes(data)
        return f"bl-{kept.name}"

    @rpc("blob_id")
    async def BlobGet(self, request: Any, _: Caller) -> Any:  # noqa: N802
        """Say where a blob is."""
        name = request.blob_id.removeprefix("bl-")
        if not (self.root / "kept" / name).is_file():
            raise GRPCError(Status.NOT_FOUND, f"{request.blob_id} not found")
        return api_pb2.BlobGetResponse(download_url=f"{self.url}/blob/{name}")

    async def _get_blob(self, request: web.Request) -> web.StreamResponse:
        path = self.root / "kept" / request.match_info["name"]
        return web.FileResponse(path) if path.is_file() else web.Response(status=404)

    # the blocks

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the server of blocks."""
        return [
            web.put("/block/{sha}", self._put_block),
            web.get("/kept/{name}/{start}", self._get_block),
            web.get("/blob/{name}", self._get_blob),
        ]

    async def _put_block(self, request: web.Request) -> web.Response:
        body = await request.read()
        digest = await asyncio.to_thread(lambda: hashlib.sha256(body).hexdigest())
        if digest != request.match_info["sha"]:
            return web.Response(status=400, text="these are not the bytes of that block")
        kept = self._new_file()
        kept.write_bytes(body)
        self._blocks[digest] = kept
        return web.Response(body=_receipt(digest))

    async def _get_block(self, request: web.Request) -> web.Response:
        path, start = self.root / "kept" / request.match_info["name"], int(request.match_info["start"])
        if not path.is_file():
            return web.Response(status=404)
        with path.open("rb") as file:
            file.seek(start)
            return web.Response(body=file.read(BLOCK))


def _receipt(digest: str) -> bytes:
    """Return what a block is answered with when it is put, by which its file shows that it was."""
    return f"kept {digest}".encode()


def _clean(path: str) -> str:
    return path.strip("/").removeprefix("./")


def _entry(name: str, kept: Path) -> Any:
    status = kept.stat()
    return api_pb2.FileEntry(path=name, type=api_pb2.FileEntry.FILE, size=status.st_size, mtime=int(status.st_mtime))


def _signs(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Return what tells whether a file was written: its inode, size and time."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file():
            status = path.stat()
            found[path.relative_to(folder).as_posix()] = (status.st_ino, status.st_size, status.st_mtime_ns)
    return found


def _same(one: Path, other: Path) -> bool:
    return one.read_bytes() == other.read_bytes()


def _open_below(folder: Path, processes: set[int]) -> str | None:
    for process in processes:
        descriptors = Path(f"/proc/{process}/fd")
        for link in descriptors.iterdir() if descriptors.is_dir() else ():
            try:
                target = str(link.readlink())
            except OSError:
                continue
            if target.startswith(f"{folder}/"):
                return target.removeprefix(f"{folder}/")
    return None
