"""The maps name every file there is."""

from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    "name",
    [
        ".",
        "bson",
        "query",
        "expressions",
        "pipeline",
        "storage",
        "commands",
        "transactions",
        "replication",
        "text",
        "geo",
    ],
)
def test_a_map_names_its_files(name: str) -> None:
    directory = PACKAGE / name
    text = (directory / "__init__.py").read_text(encoding="utf-8")
    files = {path.stem for path in directory.glob("*.py")} - {"__init__", "__main__"}
    assert {file for file in files if file not in text} == set()
