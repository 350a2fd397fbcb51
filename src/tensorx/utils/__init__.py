"""Utilities: `utils.data` (data sets and loaders), `utils.checkpoint`, `utils.hooks`."""


def __getattr__(name):
    if name in ("checkpoint", "data"):
        from importlib import import_module

        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
