"""The rules of the code: imports point down, one package imports stripe, one module reads the settings."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from operator import attrgetter
from pathlib import Path

import pytest
import stripe

import django_checkout
from django_checkout import ledger

pytestmark = pytest.mark.core

PACKAGE = Path(django_checkout.__file__).parent
NAME = "django_checkout"
#: From the top down. A part may import the layers below its own, and nothing else; README's map is drawn from it.
LAYERS = (
    ("urls", "pytest_plugin"),
    ("pages", "api", "admin", "templatetags", "management", "checks", "apps", "testing"),
    ("operations",),
    ("reconcile",),
    ("webhooks",),
    ("services",),
    ("ledger",),
    ("access", "params"),
    ("stripe_api",),
    ("adapters",),
    ("models",),
    ("csp", "money", "states", "values", "signals", "telemetry"),
    ("conf",),
    ("api_versions", "exceptions", "legal_links", "next_actions", "origins", "placeholders", "readers", "thresholds"),
    ("__init__",),
)
#: Imports allowed within a layer.
ALLOWED_WITHIN_A_LAYER = {
    # They share the headers and redirects of responses.
    ("admin", "pages"),
    ("api", "pages"),
    ("apps", "checks"),
    ("templatetags", "admin"),
}
#: The emulator stands outside the layers: it imports no other part, and these parts may import it.
EMULATOR = "emulator"
EMULATOR_IMPORTED_BY = {"management", "testing", "pytest_plugin"}
#: The emulator's own layers, from the top down.
EMULATOR_LAYERS = (
    ("urls",),
    ("views", "__init__"),
    ("site", "server", "transport"),
    ("emulator",),
    ("control", "jobs"),
    ("webhooks",),
    ("payer", "file_downloads"),
    ("api",),
    ("state", "chaos", "incidents", "request_log"),
    ("reference",),
    ("messages", "ids", "websocket"),
)
MAX_LINES = 381


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
    """Return the part of the package that a module belongs to."""
    return module.split(".")[0] or "__init__"


def imports(module: str, *, types: bool = False) -> Iterator[tuple[str, int]]:
    """Yield the full name and line of everything that a module imports, for the type checker only if requested."""
    path = modules()[module]
    package = [NAME, *module.split(".")[:-1]]
    for node in ast.walk(parsed(path)) if types else run_time_nodes(parsed(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *(node.module or "").split(".")]).rstrip(".")
            for alias in node.names:
                yield f"{origin}.{alias.name}", node.lineno


def run_time_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield every node below ``node`` except those for the type checker only."""
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


def layer_of(part: str, layers: tuple[tuple[str, ...], ...] = LAYERS) -> int:
    """Return the layer of a part, zero being the lowest."""
    return next((index for index, parts in enumerate(reversed(layers)) if part in parts), -1)


def test_every_module_has_a_layer():
    missing = {part_of(module) for module in modules()} - {part for parts in LAYERS for part in parts} - {EMULATOR}
    assert missing == set()


def test_imports_point_down():
    wrong = [
        f"{module}:{line} ({part_of(module)}) imports {part}"
        for module in modules()
        if part_of(module) != EMULATOR
        for part, line in own_imports(module)
        if part not in (EMULATOR, part_of(module)) and (part_of(module), part) not in ALLOWED_WITHIN_A_LAYER
        if layer_of(part) >= layer_of(part_of(module))
    ]
    assert wrong == []


def test_no_import_cycle():
    """No module imports one that imports it, directly or indirectly, even for the type checker."""
    known = {f"{NAME}.{module}".removesuffix(".__init__"): module for module in modules()}
    arrows = {
        module: {target for name, _ in imports(module, types=True) if (target := nearest(name, known)) != module}
        for module in modules()
    }
    assert [" -> ".join(cycle) for cycle in cycles(arrows)] == []


def test_no_import_cycle_in_the_example_project():
    root = Path(__file__).parents[1]
    paths = {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
        for path in (root / "example_project").rglob("*.py")
    }
    known = {name: name for name in paths}
    arrows = {
        name: {
            target
            for node in ast.walk(parsed(path))
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
            if (target := nearest(f"{node.module}.{alias.name}", known)) != name and target
        }
        for name, path in paths.items()
    }
    assert arrows["example_project.shop.views"]
    assert [" -> ".join(cycle) for cycle in cycles(arrows)] == []


def nearest(name: str, known: dict[str, str]) -> str:
    """Return the module that ``from a.b import c`` reads: ``a.b.c`` where it is a module, else ``a.b``."""
    return known.get(name) or known.get(name.rpartition(".")[0], "")


def cycles(arrows: dict[str, set[str]]) -> Iterator[list[str]]:
    """Yield each import cycle that a depth-first walk finds."""
    done: set[str] = set()

    def walk(module: str, path: list[str]) -> Iterator[list[str]]:
        if module in path:
            yield [*path[path.index(module) :], module]
        elif module not in done:
            for target in sorted(arrows.get(module, ())):
                yield from walk(target, [*path, module])
            done.add(module)

    for module in sorted(arrows):
        yield from walk(module, [])


def test_ledger_is_imported_from_its_package():
    """Only ``announcements`` is imported as a module, by whoever delivers."""
    public = {f"{NAME}.ledger", f"{NAME}.ledger.announcements", *(f"{NAME}.ledger.{name}" for name in ledger.__all__)}
    wrong = [
        f"{module}:{line} imports {name}"
        for module in modules()
        if part_of(module) != "ledger"
        for name, line in imports(module, types=True)
        if name.startswith(f"{NAME}.ledger") and name not in public
    ]
    assert wrong == []


def test_emulator_imports_no_other_part():
    imports_by_the_emulator = [
        f"{module}:{line} imports {part}"
        for module in modules()
        if part_of(module) == EMULATOR
        for part, line in own_imports(module)
        if part != EMULATOR
    ]
    imports_of_the_emulator = [
        f"{module}:{line}"
        for module in modules()
        if part_of(module) not in (EMULATOR, *EMULATOR_IMPORTED_BY)
        for part, line in own_imports(module)
        if part == EMULATOR
    ]
    assert (imports_by_the_emulator, imports_of_the_emulator) == ([], [])


def test_imports_point_down_inside_the_emulator():
    prefix = f"{NAME}.{EMULATOR}."
    wrong = [
        f"{module}:{line} imports {name}"
        for module in modules()
        if part_of(module) == EMULATOR
        for name, line in imports(module, types=True)
        if name.startswith(prefix)
        for own, other in [(module.split(".")[1], name.removeprefix(prefix).split(".")[0])]
        if own != other and layer_of(other, EMULATOR_LAYERS) >= layer_of(own, EMULATOR_LAYERS)
    ]
    assert wrong == []
    parts = {module.split(".")[1] for module in modules() if part_of(module) == EMULATOR}
    assert parts == {part for layer in EMULATOR_LAYERS for part in layer}


def test_only_stripe_api_imports_stripe():
    found = {part_of(module) for module in modules() for name, _ in imports(module) if name.split(".")[0] == "stripe"}
    assert found == {"stripe_api"}


def test_only_services_and_below_run_steps():
    """Faces call blocking functions and their awaitable twins; a generator of theirs is named ``<function>_steps``."""
    steps = f"{NAME}.stripe_api.steps."
    found = {module for module in modules() for name, _ in imports(module, types=True) if name.startswith(steps)}
    allowed = {"operations.doctor.account", "reconcile.reads"}
    assert {m for m in found if layer_of(part_of(m)) > layer_of("webhooks")} == allowed


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


def test_created_steps_are_run():
    """Calling a function that returns steps does nothing until ``run``, ``arun`` or ``yield from`` takes them."""
    trees = {module: parsed(path) for module, path in modules().items()}
    makers = {
        node.name
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and ast.unparse(node.returns or ast.Constant(None)).startswith("Steps[")
    }
    assert {"ask", "create_session", "read_session", "expire_steps", "create_steps", "send_refund"} <= makers
    dropped = [
        f"{module}:{node.lineno}"
        for module, tree in trees.items()
        if part_of(module) != EMULATOR
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
        # ``services.accept`` and the like are called plainly; inside services the steps have names of their own.
        if (names := ast.unparse(node.value.func).split("."))[-1] in makers and names[0] != "services"
    ]
    assert dropped == []


def test_steps_hold_nothing_while_they_wait():
    """Steps that are never resumed are closed by whatever collects them, in another thread and context."""
    makers = [
        (module, node)
        for module, path in modules().items()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef) and ast.unparse(node.returns or ast.Constant(None)).startswith("Steps[")
    ]
    assert len(makers) > 50
    held = [
        f"{module}:{block.lineno}"
        for module, maker in makers
        for block in ast.walk(maker)
        if isinstance(block, ast.With) or (isinstance(block, ast.Try) and block.finalbody)
        if any(isinstance(node, ast.Yield | ast.YieldFrom) for line in block.body for node in ast.walk(line))
    ]
    assert held == []


def test_a_call_names_one_method_of_the_sdk_in_both_ways():
    """The types do not show it: a service of the SDK returns ``Any`` for a name that it does not have."""
    calls = [
        [ast.unparse(argument) for argument in node.args[:2]]
        for module, path in modules().items()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("ask", "ask_expecting_refusal")
    ]
    assert len(calls) > 15
    assert [blocking for blocking, awaited in calls if awaited != f"{blocking}_async"] == []


def test_services_of_the_sdk_exist():
    """The types do not say so: ``v1`` and ``checkout`` return ``Any`` for a service that they do not have."""
    sources = [path.read_text(encoding="utf-8") for name, path in modules().items() if part_of(name) == "stripe_api"]
    chains = {chain for text in sources for chain in re.findall(r"(?:get_client\(\)|stripe)\.(v1[.\w]+)", text)}
    client = stripe.StripeClient("sk_test_of_nobody")

    assert "v1.checkout.sessions" in chains
    assert [chain for chain in sorted(chains) if not attrgetter(chain)(client)] == []


def test_only_money_scales_amounts():
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


def test_every_module_has_a_docstring():
    undocumented = [
        module
        for module, path in modules().items()
        if parsed(path).body and not (ast.get_docstring(parsed(path)) or "").strip()
    ]
    assert undocumented == []
