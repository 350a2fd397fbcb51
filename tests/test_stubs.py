"""The type stubs say what is there at run time; and what is there shows itself well: names, signatures, documentation."""

import ast
import inspect
import sys
from pathlib import Path

import pytest

import tensorx as tx
import typed_program
from tensorx import _C

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import stub_types  # noqa: E402
import stubs  # noqa: E402


def declared(path, class_name=None):
    """The names that a stub declares, at its top level or in a class."""
    body = ast.parse((stubs.SOURCES / path).read_text()).body
    if class_name:
        body = next(node.body for node in body if isinstance(node, ast.ClassDef) and node.name == class_name)
    names = set()
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.AnnAssign):
            names.add(node.target.id)
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.name for alias in node.names if alias.name == alias.asname}
    return names


def public(names):
    return {name for name in names if not name.startswith("_")}


def without_imports(text):
    """What a stub says, whatever its formatting; ruff leaves out imports that it does not use."""
    return [ast.unparse(n) for n in ast.parse(text).body if not isinstance(n, ast.Import | ast.ImportFrom)]


@pytest.mark.parametrize("path", stubs.WRITTEN)
def test_written_stubs_are_current(path):
    current = without_imports(stubs.WRITTEN[path]())
    assert without_imports((stubs.SOURCES / path).read_text()) == current, "run: make stubs"


def test_all_names_are_declared():
    assert public(declared("__init__.pyi")) == public(dir(tx))
    methods = declared("tensor.pyi", "Tensor") | declared("_C.pyi", "TensorBase")
    assert public(methods) == public(dir(tx.Tensor))
    assert public(declared("nn/functional/__init__.pyi")) == public(stubs.functions(tx.nn.functional))


@pytest.mark.parametrize("name", ["dtype", "device", "Generator", "GradMode", "TensorBase"])
def test_types_of_the_extension_module_have_what_their_stub_says(name):
    assert declared("_C.pyi", name) <= set(dir(getattr(_C, name)))


@pytest.mark.parametrize("name", stub_types.SIGNATURES)
def test_hand_written_signatures_fit(name):
    """What a checker lets pass can be bound to the parameters: by position and, where it may be, by name."""
    holder = tx.Tensor if name.startswith("Tensor.") else tx if hasattr(tx, name) else tx.nn.functional
    actual = inspect.signature(getattr(holder, name.removeprefix("Tensor.")))
    for text in stub_types.SIGNATURES[name]:
        arguments = ast.parse(f"def function{text}: ...").body[0].args
        if arguments.vararg:
            actual.bind(*range(1 + len(arguments.args)))
            continue
        named = {each.arg: None for each in arguments.kwonlyargs}
        first, *others = arguments.posonlyargs + arguments.args
        actual.bind(first, *others, **named)
        by_position = max(len(arguments.posonlyargs), 1)
        actual.bind(*range(by_position), **named, **{each.arg: None for each in others[by_position - 1 :]})


def test_tables_of_types_name_what_exists():
    functions = {
        **stubs.functions(tx),
        **stubs.functions(tx.nn.functional),
        **stubs.functions(tx.Tensor),
    }
    for key in stub_types.OVERRIDES:
        name, _, parameter = key.partition(".")
        owners = [functions[each] for each in (name, name + "_") if each in functions]
        assert any(parameter in inspect.signature(owner).parameters for owner in owners), key
    assert set(stub_types.RETURNS) <= set(functions)


def test_typed_program_runs():
    typed_program.main()


def test_signatures_and_documentation():
    assert str(inspect.signature(tx.add)) == "(input, other, *, alpha=1, out=None)"
    assert str(inspect.signature(tx.zeros(1).add_)) == "(other, *, alpha=1)"
    assert str(inspect.signature(tx.Tensor.transpose)) == "(input, dim0, dim1)"
    assert str(inspect.signature(tx.Tensor.size)) == "(self, /, dim=None)"
    for holder in (tx, tx.Tensor, tx.nn.functional):
        for name, function in stubs.functions(holder).items():
            if stubs.is_python(function):
                assert function.__doc__, name
                assert function.__name__ != "<lambda>", name
                inspect.signature(function)


def test_nothing_private_leaks():
    helpers = {"op", "function", "method", "alias", "in_place", "install_methods", "builtins"}
    assert not helpers & (set(vars(tx)) | set(vars(tx.Tensor)))
    for name in dir(tx):
        getattr(tx, name)
