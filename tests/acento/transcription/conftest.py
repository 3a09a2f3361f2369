"""A web server and a bucket from which recordings are fetched."""

from remote_places import bucket as bucket
from remote_places import moto as moto
from remote_places import web as web
