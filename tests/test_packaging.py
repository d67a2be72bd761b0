"""What is published: the wheel's contents, its extras, and the two commands that the README promises."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest

import django_checkout

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "django_checkout"
COMMANDS = (
    'python3 -m venv .venv && .venv/bin/pip install -e ".[example]" && .venv/bin/python manage.py demo',
    'python3 -m venv .venv && .venv/bin/pip install -e ".[test]" && .venv/bin/python -m pytest',
)


def is_shipped(path: Path) -> bool:
    """Whether a file of the source tree belongs into the wheel: everything but what running it left."""
    return path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"


@pytest.fixture(scope="module")
def names(tmp_path_factory) -> set[str]:
    """The names in a wheel built from the source tree; where there is none, those of the installed one."""
    if not SOURCE.is_dir():
        files = distribution("django-checkout").files or []
        return {str(file) for file in files if "__pycache__" not in file.parts}
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(  # noqa: S603  # a fixed command line
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        check=True,
        capture_output=True,
        cwd=ROOT,
    )
    with zipfile.ZipFile(next(folder.glob("django_checkout-*.whl"))) as wheel:
        return set(wheel.namelist())


@pytest.mark.parametrize(
    "name",
    [
        "py.typed",
        "migrations/0001_initial.py",
        "templates/django_checkout/pay.html",
        "static/django_checkout/checkout.css",
        "emulator/parameters.txt",
        "management/commands/checkout_emulator.py",
        "pytest_plugin.py",
    ],
)
def test_wheel_holds(names, name):
    assert f"django_checkout/{name}" in names


@pytest.mark.skipif(not SOURCE.is_dir(), reason="no source tree beside these tests to compare with")
def test_wheel_holds_the_whole_package(names):
    source = {str(path.relative_to(ROOT)) for path in SOURCE.rglob("*") if is_shipped(path)}
    assert source - names == set()


def test_wheel_holds_nothing_else(names):
    version = django_checkout.__version__
    tops = {name.split("/")[0] for name in names if not name.startswith("../")}
    assert tops == {"django_checkout", f"django_checkout-{version}.dist-info"}
    assert f"django_checkout-{version}.dist-info/licenses/LICENSE" in names


def test_version_is_said_once():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "version" not in project
    assert "version" in project["dynamic"]


def test_installed_distribution_is_this_one():
    installed = distribution("django-checkout")
    assert installed.version == django_checkout.__version__
    assert set(installed.metadata.get_all("Provides-Extra") or []) >= {"api", "tasks", "example", "test"}
    assert installed.metadata["Requires-Python"] == ">=3.11"
    assert [point.value for point in installed.entry_points.select(group="pytest11")] == [
        "django_checkout.pytest_plugin"
    ]


def test_the_app_needs_three_distributions():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["dependencies"] == ["Django>=5.2,<6.2", "stripe>=15.6,<17", "Babel>=2.14"]


@pytest.mark.parametrize("command", COMMANDS)
def test_readme_gives_the_command_as_one_line(command):
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert command in [line.strip() for line in lines]
