"""What is published: wheel and sdist, the commands of the README, and the environments in which all of it is tested."""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
import tarfile
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
    """Whether a file of the source tree belongs in the wheel."""
    return path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"


@pytest.fixture(scope="module")
def names(tmp_path_factory) -> set[str]:
    """The names in a wheel built from the source tree; if there is none, those in the installed one."""
    if not SOURCE.is_dir():
        files = distribution("django-checkout").files or []
        return {str(file) for file in files if "__pycache__" not in file.parts}
    with zipfile.ZipFile(build("wheel", tmp_path_factory.mktemp("wheel"))) as wheel:
        return set(wheel.namelist())


def build(target: str, folder: Path) -> Path:
    subprocess.run(  # noqa: S603  # a fixed command line
        [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)],
        check=True,
        capture_output=True,
        cwd=ROOT,
    )
    return next(folder.iterdir())


@pytest.mark.parametrize(
    "name",
    [
        "py.typed",
        "migrations/0001_initial.py",
        "templates/django_checkout/pay.html",
        "static/django_checkout/checkout.css",
        "emulator/api/parameters.txt",
        "management/commands/checkout_emulator.py",
        "pytest_plugin.py",
    ],
)
def test_wheel_contains(names, name):
    assert f"django_checkout/{name}" in names


@pytest.mark.skipif(not SOURCE.is_dir(), reason="no source tree beside these tests to compare with")
def test_wheel_contains_the_whole_package(names):
    source = {str(path.relative_to(ROOT)) for path in SOURCE.rglob("*") if is_shipped(path)}
    assert source - names == set()


def test_wheel_contains_nothing_else(names):
    version = django_checkout.__version__
    tops = {name.split("/")[0] for name in names if not name.startswith("../")}
    assert tops == {"django_checkout", f"django_checkout-{version}.dist-info"}
    assert f"django_checkout-{version}.dist-info/licenses/LICENSE" in names


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no repository")
def test_sdist_contains_every_tracked_file(tmp_path):
    tracked = subprocess.run(
        ["git", "ls-files"],  # noqa: S607
        check=True,
        capture_output=True,
        cwd=ROOT,
        text=True,
    )
    with tarfile.open(build("sdist", tmp_path)) as sdist:
        held = {name.partition("/")[2] for name in sdist.getnames()}
    assert [name for name in tracked.stdout.splitlines() if name not in held and (ROOT / name).exists()] == []


def environments() -> list[str]:
    """Return the environments of tox.ini, with their braces expanded."""
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini", encoding="utf-8")
    found = []
    for line in tox["tox"]["env_list"].split():
        before, _, rest = line.partition("{")
        choices, _, after = rest.partition("}")
        found += [f"{before}{choice}{after}" for choice in choices.split(",")]
    return sorted(found)


@pytest.mark.parametrize(
    ("file", "pattern"),
    [(".ci/run", r"^readonly CELLS=\((.*?)\)"), (".github/workflows/ci.yml", r"^        include:\n(.*?)^    #")],
)
def test_every_environment_of_tox_is_run(file, pattern):
    text = re.search(pattern, (ROOT / file).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)[1]
    found = re.findall(r"env: ([\w-]+)", text) or text.split()
    assert sorted(found) == environments()


def test_hosted_ci_runs_the_commands_of_the_readme():
    steps = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    assert all(f"run: {command}" in steps for command in COMMANDS)


def test_ruff_has_one_version():
    pinned = re.search(r"ruff==(\S+)", (ROOT / "tox.ini").read_text(encoding="utf-8"))[1]
    assert f"rev: v{pinned} " in (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")


def test_the_version_is_defined_in_one_place():
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
