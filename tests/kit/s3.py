"""A real server of the S3 protocol (moto's)."""

import json
import os
import socket
import sys
import threading
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import httpx
from servers import free_port, running

ERROR = "<?xml version='1.0'?><Error><Code>{0}</Code><Message>{0}</Message></Error>"


@dataclass(frozen=True)
class S3Server:
    """A running server: its address, and whose credentials are used."""

    endpoint: str
    access_key: str
    secret_key: str
    reading_key: tuple[str, str]

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which a process finds it; AWS's own files are out of sight."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self) -> Any:
        """Return a plain client of it, to make and look into buckets beside the store."""
        return _client("s3", self.endpoint, self.access_key, self.secret_key)

    def bucket(self) -> str:
        """Make an empty bucket and return its name."""
        name = f"acento-{uuid.uuid4().hex[:12]}"
        self.client().create_bucket(Bucket=name)
        return name

    def reader(self) -> "S3Server":
        """Return the same server for somebody who may read and not write."""
        return replace(self, access_key=self.reading_key[0], secret_key=self.reading_key[1])


@contextmanager
def s3_serving() -> Iterator[S3Server]:
    """Run a server on a free port."""
    port = free_port()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "MOTO_PORT": str(port)}
    with running("python", __file__, str(port), env=environment) as process:
        process.ready(lambda: _listens(port), 60)
        yield _with_users(f"http://127.0.0.1:{port}")


@cache
def _client(service: str, endpoint: str, access_key: str, secret_key: str) -> Any:
    import botocore.session

    return botocore.session.Session().create_client(
        service,
        region_name="us-east-1",
        endpoint_url=endpoint,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
    )


def _with_users(endpoint: str) -> S3Server:
    """Make two users, and let the server look at signatures and permissions from then on."""
    iam = _client("iam", endpoint, "nobody", "nobody")
    keys = []
    for name, actions in (("writer", ["s3:*"]), ("reader", ["s3:Get*", "s3:List*"])):
        allowed = {"Effect": "Allow", "Action": actions, "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="its", PolicyDocument=policy)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        keys.append((key["AccessKeyId"], key["SecretAccessKey"]))
    said = httpx.post(f"{endpoint}/moto-api/reset-auth", content=b"0", headers={"Content-Type": "text/plain"})
    said.raise_for_status()
    return S3Server(endpoint, *keys[0], reading_key=keys[1])


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False


class _RealManners:
    """What S3 does and moto's server does not: a body that was cut is refused, and one of many creates an object."""

    def __init__(self, app: Any) -> None:
        self._app, self._lock = app, threading.Lock()

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        import io

        announced = int(environ.get("CONTENT_LENGTH") or 0)
        try:
            body = environ["wsgi.input"].read(announced) if announced else b""
        except Exception:  # of the server's own kinds: the client is gone
            body = b""
        if len(body) != announced:
            start("400 Bad Request", [("Content-Type", "application/xml")])
            return [ERROR.format("IncompleteBody").encode()]
        environ["wsgi.input"] = io.BytesIO(body)
        if "HTTP_IF_NONE_MATCH" not in environ:
            return list(self._app(environ, start))
        with self._lock:
            return list(self._app(environ, start))


def _serve(port: int) -> None:
    """Run moto's server until it is ended."""
    import logging
    import signal

    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import run_simple

    signal.signal(signal.SIGINT, signal.SIG_DFL)  # it keeps nothing, and so can end at once
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = DomainDispatcherApplication(create_backend_app)
    run_simple("127.0.0.1", port, _RealManners(app), threaded=True)


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
