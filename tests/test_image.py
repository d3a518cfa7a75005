"""What is in the image, where one was built: our source, its bytecode, and an unprivileged user."""

import shutil
import subprocess
from pathlib import PurePath

import pytest

pytestmark = pytest.mark.docker


def docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module", autouse=True)
def image() -> str:
    if shutil.which("docker") is None or docker("info").returncode != 0:
        pytest.skip("no Docker engine answers (tools/docker-engine.sh starts one)")
    if docker("image", "inspect", "glassbox").returncode != 0:
        pytest.skip("the image was not built yet (make up builds it)")
    return "glassbox"


def in_image(image: str, *command: str) -> str:
    ran = docker("run", "--rm", "--read-only", image, *command)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_it_holds_services_and_no_tests(image: str) -> None:
    files = in_image(image, "find", "/glassbox", "-type", "f").split()
    assert files
    assert [f for f in files if not f.startswith("/glassbox/services/")] == []
    assert [f for f in files if "/tests/" in f] == []
    # Programs, and the pages of the dashboard.
    read_by_programs = {".py", ".pyc", ".html", ".css", ".js", ".svg", ".txt"}
    assert {PurePath(f).suffix for f in files} <= read_by_programs


def test_nothing_is_installed(image: str) -> None:
    names = in_image(
        image,
        "python3",
        "-c",
        "import importlib.metadata as m; print(*(d.name for d in m.distributions()))",
    )
    # The official image brings pip.
    assert set(names.split()) <= {"pip", "setuptools", "wheel"}


def test_a_start_compiles_nothing(image: str) -> None:
    """Nothing of ours or of the standard library is read as source; -v says what is."""
    ran = docker(
        "run", "--rm", "--read-only", image, "python3", "-v", "-m", "services.kvdb", "--help"
    )
    compiled = [
        line for line in ran.stderr.splitlines() if line.startswith("# code object from '/")
    ]
    assert ran.returncode == 0
    assert [line for line in compiled if not line.endswith(".pyc'")] == []


def test_it_runs_as_nobody_special(image: str) -> None:
    assert in_image(image, "id", "-u").strip() == "10001"
    assert in_image(image, "stat", "-c", "%U", "/data").strip() == "glassbox"
