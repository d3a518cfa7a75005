"""The codec against the public BSON corpus, mongodb/specifications: source/bson-corpus/tests.

It is no part of the repository: BSON_CORPUS names its directory, or GLASSBOX_VECTORS the one above
`bson-corpus`; else it is looked for in `shared/vectors` beside the checkout.
"""

import json
import os
from pathlib import Path

import pytest

from services.docdb.bson import extended_json
from services.docdb.bson.decoder import decode_document
from services.docdb.bson.encoder import encode_document
from services.docdb.bson.errors import BsonError
from tests.processes import ROOT

_VECTORS = Path(os.environ.get("GLASSBOX_VECTORS") or ROOT.parent / "shared" / "vectors")
CORPUS = Path(os.environ.get("BSON_CORPUS") or _VECTORS / "bson-corpus")


def load(section: str) -> list[tuple[str, dict, str]]:
    found = []
    for path in sorted(CORPUS.glob("*.json")):
        content = json.loads(path.read_text(encoding="utf-8"))
        found += [
            (f"{path.stem}: {case['description']}", case, content["bson_type"])
            for case in content.get(section, [])
        ]
    return found


VALID, BAD_BYTES, BAD_TEXT = load("valid"), load("decodeErrors"), load("parseErrors")
needs_corpus = pytest.mark.skipif(not VALID, reason=f"no BSON corpus in {CORPUS}")


@needs_corpus
def test_valid_documents_come_back_as_they_were() -> None:
    for name, case, _ in VALID:
        canonical = bytes.fromhex(case["canonical_bson"])
        document = decode_document(canonical)
        if not case.get("lossy"):
            assert encode_document(document) == canonical, name
        for key in ("degenerate_bson", "converted_bson"):
            if key == "degenerate_bson" and key in case:
                assert encode_document(decode_document(bytes.fromhex(case[key]))) == canonical, name


@needs_corpus
def test_extended_json_says_the_same() -> None:
    for name, case, _ in VALID:
        canonical = bytes.fromhex(case["canonical_bson"])
        document = decode_document(canonical)
        text = extended_json.dump(document)
        if "numberDouble" in text and name.startswith("double"):
            assert extended_json.dump(extended_json.parse(text)) == text, name
        else:
            assert json.loads(text) == json.loads(case["canonical_extjson"]), name
        if not case.get("lossy"):
            assert encode_document(extended_json.parse(case["canonical_extjson"])) == canonical
        if "relaxed_extjson" in case:
            relaxed = extended_json.to_json(document, relaxed=True)
            assert relaxed == json.loads(case["relaxed_extjson"]), name
        if "degenerate_extjson" in case and not case.get("lossy"):
            assert encode_document(extended_json.parse(case["degenerate_extjson"])) == canonical


@needs_corpus
def test_malformed_bytes_are_refused() -> None:
    for name, case, _ in BAD_BYTES:
        with pytest.raises(BsonError):
            pytest.fail(f"{name}: {decode_document(bytes.fromhex(case['bson']))}")


@needs_corpus
def test_malformed_text_is_refused() -> None:
    for name, case, bson_type in BAD_TEXT:
        with pytest.raises(BsonError):
            value = extended_json.parse(case["string"])
            if bson_type == "0x13":
                value = extended_json.parse(json.dumps({"$numberDecimal": case["string"]}))
            encode_document(value)
            pytest.fail(name)
