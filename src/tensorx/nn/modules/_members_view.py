"""The members of a Module as dictionaries: `_parameters`, `_buffers`, `_modules`."""

from collections.abc import MutableMapping


class MembersView(MutableMapping):
    """The members of some kinds as a dictionary; writing to it registers. The first kind is that of new entries."""

    def __init__(self, module, *kinds) -> None:
        self._module, self._kinds = module, kinds

    def __getitem__(self, name):
        if self._module._member_kinds.get(name) not in self._kinds:
            raise KeyError(name)
        return self._module.__dict__[name]

    def __setitem__(self, name, value):
        kinds = self._module._member_kinds
        if kinds.get(name) not in self._kinds:
            kinds.pop(name, None)
            kinds[name] = self._kinds[0]
        self._module.__dict__[name] = value

    def __delitem__(self, name):
        self[name]  # KeyError if it is of another kind
        delattr(self._module, name)

    def __iter__(self):
        return iter([name for name, _ in self._module._members(*self._kinds)])

    def __len__(self) -> int:
        return len(self._module._members(*self._kinds))

    def __repr__(self):
        return repr(dict(self))
