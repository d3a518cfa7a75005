"""multipart/form-data: whole, byte by byte, malformed, and as real clients send it."""

import io

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from services.web.application import Application
from services.web.errors import HTTPError
from services.web.multipart import MultipartDecoder, PartBegin, PartData, PartEnd, read_form

TYPE = "multipart/form-data; boundary=XX"
FORM = (
    b"a preamble that nobody reads\r\n--XX\r\n"
    b'Content-Disposition: form-data; name="title"\r\n\r\n'
    b"caf\xc3\xa9\r\n--XX  \r\n"
    b'content-disposition: form-data; name="photo"; filename="a.png"\r\n'
    b"Content-Type: image/png\r\n\r\n"
    b"\r\n--X\r\n--\r\x00\r\n--XX\r\n"
    b'Content-Disposition: form-data; name="empty"\r\n\r\n'
    b"\r\n--XX--\r\nan epilogue --XX"
)


def part(disposition, content=b"x", more=b""):
    head = b"Content-Disposition: " + disposition.encode() + b"\r\n" + more
    return b"--XX\r\n" + head + b"\r\n" + content + b"\r\n--XX--\r\n"


def events_of(data, size):
    decoder = MultipartDecoder("XX")
    events = []
    for at in range(0, len(data), size):
        decoder.receive_data(data[at : at + size])
        while (event := decoder.next_event()) is not None:
            if isinstance(event, PartData) and isinstance(events[-1], PartData):
                event = PartData(events.pop().data + event.data)
            events.append(event)
    return events, decoder.is_complete


@pytest.mark.parametrize("size", [1, 2, 3, 7, 30, 10_000])
def test_a_form_in_pieces_of_any_size(size):
    assert events_of(FORM, size) == (
        [
            PartBegin("title", None, "application/octet-stream"),
            PartData("café".encode()),
            PartEnd(),
            PartBegin("photo", "a.png", "image/png"),
            PartData(b"\r\n--X\r\n--\r\x00"),
            PartEnd(),
            PartBegin("empty", None, "application/octet-stream"),
            PartEnd(),
        ],
        True,
    )


@given(st.lists(st.binary(max_size=60) | st.just(b"\r\n--X") | st.just(b"\r\n"), max_size=4))
def test_what_is_sent_arrives(contents):
    contents = [content for content in contents if b"--XX" not in content]
    body = b"".join(
        b'--XX\r\nContent-Disposition: form-data; name="f"; filename="n"\r\n\r\n'
        + content
        + b"\r\n"
        for content in contents
    )
    form = read_form(iter([body + b"--XX--\r\n"]), TYPE)
    assert [file.read() for file in form.files.get_all("f")] == contents


@given(st.binary(max_size=200), st.integers(1, 9))
def test_any_bytes_are_read_or_refused(data, size):
    blocks = (data[at : at + size] for at in range(0, len(data), size))
    with pytest.raises(HTTPError):
        read_form(blocks, TYPE)


@pytest.mark.parametrize(
    ("disposition", "name", "filename"),
    [
        ('form-data; name="a"; filename="b c.txt"', "a", "b c.txt"),
        ("form-data; name=a; filename=b.txt", "a", "b.txt"),
        ('form-data; name="say %22hi%22"; filename="x%0D%0Ay"', 'say "hi"', "x\r\ny"),
        ('form-data; name="say \\"hi\\""; filename=""', 'say "hi"', ""),
        ('form-data; name="a"; filename="C:\\dir\\f.txt"', "a", "C:\\dir\\f.txt"),
        ('form-data; name="a"; filename="e"; filename*=UTF-8\'\'%C3%A9', "a", "é"),
        ('FORM-DATA; NAME="é"; FileName="ü;.txt"', "é", "ü;.txt"),
    ],
)
def test_names(disposition, name, filename):
    form = read_form(iter([part(disposition)]), TYPE)
    [(found, file)] = form.files.items_all()
    assert (found, file.filename, file.read(), file.size) == (name, filename, b"x", 1)


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (FORM[:-30], TYPE, 400),
        (b"", TYPE, 400),
        (FORM, "multipart/form-data", 400),
        (FORM, "multipart/form-data; boundary=", 400),
        (FORM, f"multipart/form-data; boundary={'X' * 71}", 400),
        (part("attachment; name=a"), TYPE, 400),
        (part("form-data"), TYPE, 400),
        (part("form-data; name=a", more=b"no field\r\n"), TYPE, 400),
        (part("form-data; name=a", b"\xff"), TYPE, 400),
        (part("form-data; name=\xff".encode("latin-1").decode("latin-1")), TYPE, 200),
        (b"--XXY\r\n\r\n--XX--", TYPE, 400),
        (b"--XX\r\n\r\nx\r\n--XX--\r\n", TYPE, 400),
        (part("form-data; name=a", more=b"X: " + b"y" * 9000 + b"\r\n"), TYPE, 400),
        (part("form-data; name=a", b"y" * 600_000), TYPE, 413),
        (part("form-data; name=a").replace(b"--XX--\r\n", b"") * 1001 + b"--XX--", TYPE, 413),
    ],
)
def test_what_is_refused(body, content_type, status):
    if status == 200:
        assert read_form(iter([body]), content_type)
        return
    with pytest.raises(HTTPError) as caught:
        read_form(iter([body]), content_type)
    assert caught.value.status == status


@pytest.fixture
def app():
    app = Application(max_body_bytes=2_000_000)

    @app.post("/upload")
    def upload(request):
        files = {name: [f.filename, f.size] for name, f in request.files.items_all()}
        return {"fields": dict(request.form), "files": files}

    @app.post("/keep")
    def keep(request):
        request.files["f"].save(request.headers["x-path"])
        return {}

    return app


def test_an_upload_by_a_real_client(app, serve, tmp_path):
    url = f"http://127.0.0.1:{serve(app).port}"
    big = bytes(range(256)) * 4096
    reply = requests.post(
        f"{url}/upload",
        data={"title": "é"},
        files={"f": ("ü.bin", io.BytesIO(big))},
        timeout=10,
    )
    assert reply.json() == {"fields": {"title": "é"}, "files": {"f": ["ü.bin", len(big)]}}
    path = tmp_path / "kept"
    requests.post(f"{url}/keep", files={"f": big}, headers={"X-Path": str(path)}, timeout=10)
    assert path.read_bytes() == big


def test_too_much_and_too_little(app):
    client = app.test_client()
    headers = {"Content-Type": TYPE}
    assert client.post("/upload", body=b"x" * 2_000_001, headers=headers).status == 413
    assert client.post("/upload", body=FORM, headers=headers).json()["fields"]["title"] == "café"
    assert client.post("/upload", form={"a": "b"}).status == 415
    assert client.post("/upload", json={}).status == 415
