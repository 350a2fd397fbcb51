"""Every example in a public docstring runs and prints what it says."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import tensorx

FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def modules():
    yield tensorx
    for found in pkgutil.walk_packages(tensorx.__path__, "tensorx."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def documented():
    """(name, docstring) of every public module, function, class and method, each docstring once.

    Ops are objects of the extension module, which doctest's own search does not find.
    """
    seen = set()
    for module in modules():
        holders = {module.__name__: module}
        for name, value in vars(module).items():
            ours = (getattr(value, "__module__", None) or "tensorx").startswith("tensorx")
            if ours and not name.startswith("_") and not inspect.ismodule(value):
                holders[f"{module.__name__}.{name}"] = value
        for path, holder in holders.items():
            members = {path: holder}
            if inspect.isclass(holder) and holder.__module__.startswith("tensorx"):
                members |= {f"{path}.{name}": value for name, value in vars(holder).items()}
            for name, value in members.items():
                text = getattr(value, "__doc__", None)
                if isinstance(text, str) and ">>>" in text and text not in seen:
                    seen.add(text)
                    yield name, text


EXAMPLES = dict(documented())


def test_there_are_examples():
    assert len(EXAMPLES) > 50


@pytest.mark.parametrize("name", EXAMPLES)
def test_docstring(name):
    example = doctest.DocTestParser().get_doctest(EXAMPLES[name], {"tx": tensorx}, name, None, None)
    report = []
    result = doctest.DocTestRunner(optionflags=FLAGS).run(example, out=report.append)
    assert result.failed == 0, "".join(report)
