"""Keep everything in an S3 bucket: any machine that reaches it goes on where another one stopped.

    ACENTO_STORE=s3://bucket/prefix python examples/s3_store.py RECORDINGS [MODEL]

Credentials are taken as other AWS tools take them; AWS_ENDPOINT_URL names a server that is not Amazon's.
"""

import os
import sys

import acento

if not os.environ.get("ACENTO_STORE", "").startswith("s3://"):
    sys.exit("Set ACENTO_STORE to s3://bucket/prefix.")
recordings, *models = sys.argv[1:]
data = acento.stage(recordings, name="shared", language="es")
print(data)
print(acento.benchmark(models or ["demo:whisper-mini"], data))
