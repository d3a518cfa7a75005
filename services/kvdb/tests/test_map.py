"""The map in `services/kvdb/__init__.py` names every file, and none that is not there."""

import re
from pathlib import Path

import services.kvdb

MODULES = {path.stem for path in Path(services.kvdb.__file__).parent.glob("*.py")} - {"__init__"}


def test_the_map_names_every_file() -> None:
    assert set(re.findall(r"\w+", services.kvdb.__doc__)) >= MODULES


def test_the_columns_of_the_map_name_files_alone() -> None:
    rows = re.findall(r"^ {4}(\w+(?:, \w+)*)  ", services.kvdb.__doc__, re.MULTILINE)
    named = [name for row in rows for name in row.split(", ")]
    assert len(named) == len(set(named)) > 80
    assert set(named) <= MODULES
