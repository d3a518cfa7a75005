"""Large bodies both ways, of which the application holds one block at a time."""

import hashlib

from services.web.application import Application
from services.web.responses import Response

BLOCK = bytes(range(256)) * 256
app = Application("large", max_body_bytes=1 << 31)


@app.get("/")
def hello(request):
    """What a normal client asks for."""
    return {"hello": "world"}


@app.post("/upload")
def upload(request):
    """The size of the body and its hash."""
    digest, size = hashlib.sha256(), 0
    while block := request.stream.read(len(BLOCK)):
        digest.update(block)
        size += len(block)
    return {"size": size, "sha256": digest.hexdigest()}


@app.get("/download/<int:blocks>")
def download(request, blocks):
    """So many blocks, made one after the other."""
    length = {"Content-Length": str(blocks * len(BLOCK))}
    return Response((BLOCK for _ in range(blocks)), headers=length)
