"""A web server of a folder and a bucket of S3, with faults, for tests of what is fetched."""

import http.server
import threading
from collections import Counter
from functools import partial

import pytest

AUDIO = b"audio"


class Web(http.server.SimpleHTTPRequestHandler):
    """A web server of a folder, with faults: a name that begins so is answered so."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        name = self.path.rpartition("/")[2]
        self.server.asked[self.path] += 1
        if name.startswith("status"):
            return self.send_error(int(name[6:9]), "says no")
        if name.startswith(("once-cut", "cut")) and (name.startswith("cut") or self.server.asked[self.path] == 1):
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"x" * 500)
            self.close_connection = True
            return None
        if name.startswith("silent"):
            threading.Event().wait(3)
        return super().do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture
def web(tmp_path):
    folder = tmp_path / "web"
    folder.mkdir()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Web, directory=str(folder))) as server:
        server.asked = Counter()
        server.handle_error = lambda *_: None  # a client that hangs up is what is tested
        server.folder = folder
        server.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def moto():
    from moto.server import ThreadedMotoServer

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        yield server
        server.stop()


@pytest.fixture
def bucket(moto, monkeypatch, tmp_path):
    """Give an empty bucket ``clips`` as a function that puts an object into it."""
    import boto3

    host, port = moto.get_host_and_port()
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "anna")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="clips")
    yield lambda key, data=AUDIO, **options: s3.put_object(Bucket="clips", Key=key, Body=data, **options)
    for item in s3.list_objects_v2(Bucket="clips").get("Contents", []):
        s3.delete_object(Bucket="clips", Key=item["Key"])
