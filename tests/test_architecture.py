"""The house's own rules: imports point down, one importer of stripe, one reader of settings, no shortcuts."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import django_checkout

pytestmark = pytest.mark.core

PACKAGE = Path(django_checkout.__file__).parent
NAME = "django_checkout"
#: From the top down. A module may import those of its own layer and of the layers below it.
LAYERS = (
    ("urls",),
    ("views", "api", "admin", "templatetags", "management", "checks", "apps"),
    ("testing", "pytest_plugin"),
    ("webhooks",),
    ("tasks",),
    ("doctor", "endpoints", "erasure", "figures", "health", "reconcile", "retention", "sweep"),
    ("handlers",),
    ("services", "inbox"),
    ("ledger",),
    (
        "access",
        "account_gateway",
        "csp",
        "envelope",
        "forms",
        "billing_gateway",
        "gateway",
        "adapters",
        "params",
        "responses",
        "terms",
        "tokens",
        "metadata",
        "missing",
        "facts",
    ),
    ("models",),
    ("states",),
    ("money", "spreadsheets", "values", "storable"),
    ("steps", "transport"),
    ("exceptions", "conf", "database", "signals", "telemetry", "tracebacks", "logs"),
    ("__init__",),
)
#: Beside the house rather than in it: what may be imported, and by whom.
EMULATOR = "emulator"
EMULATOR_MAY_IMPORT = {"conf", "money", "__init__"}
EMULATOR_IMPORTED_BY = {"management", "testing", "pytest_plugin"}
MAX_LINES = 400


@cache
def modules() -> dict[str, Path]:
    """Return every module of the package except migrations, by its dotted name below the package."""
    paths = sorted(PACKAGE.rglob("*.py"))
    names = {".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in paths}
    return {name: path for name, path in names.items() if not name.startswith("migrations")}


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def part_of(module: str) -> str:
    """Return the name under which a module stands in a layer."""
    return module.split(".")[0] or "__init__"


def imports(module: str) -> Iterator[tuple[str, int]]:
    """Yield the full name and line of everything that a module imports at run time, wherever it does so."""
    path = modules()[module]
    package = [NAME, *module.split(".")[:-1]]
    for node in run_time_nodes(parsed(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *(node.module or "").split(".")]).rstrip(".")
            for alias in node.names:
                yield f"{origin}.{alias.name}", node.lineno


def run_time_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield every node below ``node`` that is not only there for the type checker."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and is_for_types(child.test):
            for other in child.orelse:
                yield other
                yield from run_time_nodes(other)
            continue
        yield child
        yield from run_time_nodes(child)


def is_for_types(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
    return name == "TYPE_CHECKING"


def own_imports(module: str) -> Iterator[tuple[str, int]]:
    """Yield the parts of the package that a module imports, with the line."""
    for name, line in imports(module):
        if name == NAME or name.startswith(f"{NAME}."):
            below = name.split(".")[1:]
            known = below and (below[0] in {part_of(other) for other in modules()})
            yield (below[0] if known else "__init__"), line


def layer_of(part: str) -> int:
    """Return the layer of a part, zero being the lowest."""
    return next((index for index, parts in enumerate(reversed(LAYERS)) if part in parts), -1)


def test_every_module_has_a_layer():
    homeless = {part_of(module) for module in modules()} - {part for parts in LAYERS for part in parts} - {EMULATOR}
    assert homeless == set()


def test_imports_point_down():
    wrong = [
        f"{module}:{line} ({part_of(module)}) imports {part}"
        for module in modules()
        if part_of(module) != EMULATOR
        for part, line in own_imports(module)
        if part not in (EMULATOR, part_of(module)) and layer_of(part) > layer_of(part_of(module))
    ]
    assert wrong == []


def test_emulator_stands_beside_the_house():
    outwards = [
        f"{module}:{line} imports {part}"
        for module in modules()
        if part_of(module) == EMULATOR
        for part, line in own_imports(module)
        if part != EMULATOR and part not in EMULATOR_MAY_IMPORT
    ]
    inwards = [
        f"{module}:{line}"
        for module in modules()
        if part_of(module) not in (EMULATOR, *EMULATOR_IMPORTED_BY)
        for part, line in own_imports(module)
        if part == EMULATOR
    ]
    assert (outwards, inwards) == ([], [])


def test_only_the_gateway_imports_stripe():
    found = {module for module in modules() for name, _ in imports(module) if name.split(".")[0] == "stripe"}
    assert found <= {"gateway"}


def test_only_conf_reads_the_settings():
    found = {module for module in modules() for name, _ in imports(module) if name == "django.conf.settings"}
    assert found == {"conf"}


def test_checking_a_project_does_not_import_stripe():
    code = (
        "import sys; from django.core.management import execute_from_command_line as run;"
        "run(['manage.py', 'check', '--settings=tests.settings']);"
        "sys.exit('stripe was imported' if 'stripe' in sys.modules else 0)"
    )
    done = subprocess.run(  # noqa: S603  # a fixed command line
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1]
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("module", sorted(modules()))
def test_module_is_short_and_finished(module):
    text = modules()[module].read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MAX_LINES
    names = {node.id for node in ast.walk(parsed(modules()[module])) if isinstance(node, ast.Name)}
    assert "NotImplementedError" not in names
    assert not any(mark in text for mark in ("TODO", "FIXME", "XXX"))


def test_steps_that_are_made_are_taken():
    """A call that only makes steps does nothing: ``yield from`` takes them."""
    trees = {module: parsed(path) for module, path in modules().items()}
    makers = {
        node.name
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and ast.unparse(node.returns or ast.Constant(None)).startswith("Steps[")
        and not node.decorator_list
    }
    assert {"read_session", "_create", "send_refund"} <= makers
    dropped = [
        f"{module}:{node.lineno}"
        for module, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
        if ast.unparse(node.value.func).split(".")[-1] in {*makers, "steps"}
    ]
    assert dropped == []


def test_amounts_are_scaled_in_money_alone():
    scaled = [
        f"{module}:{node.lineno}"
        for module, path in modules().items()
        if module != "money"
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.BinOp | ast.AugAssign)
        and isinstance(node.op, ast.Mult | ast.Div)
        and any(is_hundred(side) for side in ast.iter_child_nodes(node))
    ]
    assert scaled == []


def is_hundred(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) in (int, float) and node.value == 100


def test_first_sentence_of_every_module_says_what_it_is_for():
    silent = [
        module
        for module, path in modules().items()
        if parsed(path).body and not (ast.get_docstring(parsed(path)) or "").strip()
    ]
    assert silent == []
