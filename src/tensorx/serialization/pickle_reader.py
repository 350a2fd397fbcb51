"""An interpreter of pickles that cannot run code.

The format is a program for a stack machine (CPython's Lib/pickletools.py describes it). Of its opcodes this knows those
that make plain values; it has none that imports a name, makes an object of a class, or calls a method. A GLOBAL is
looked up in the table of vocabulary.py, and REDUCE calls only what stands there. So the worst that a file can do is to
describe a wrong value, or none.

Work and memory stay proportional to the pickle's length: lengths are checked against what is left of it before
anything is allocated, all that is called may walk no more than WALK_LIMIT times its length, and limits.py says what can
be a key.
"""

from collections import Counter, OrderedDict
from struct import unpack

from .limits import Keys
from .source import FileFormatError
from .storage import DTYPES_OF_STORAGES, StorageType, dtype_named
from .vocabulary import BUILDERS, NAMES, Builder, set_state

WALK_LIMIT = 64  # items that calls may look at, times the length of the pickle
NAME_LIMIT = 1024  # bytes of the longest line
DICTS = (dict, OrderedDict, Counter)


class OutOfData(FileFormatError):
    """The pickle goes on after the end of the data."""


def read_pickle(source, offset, data, load_storage=None, encoding="utf-8"):
    """(the value of the pickle at the beginning of `data`, the length of the pickle).

    Args:
        source, offset: the file, and the position of `data` in it, for errors.
        load_storage: called with what stands for a storage, and a function that raises an error; gives the Storage.
        encoding: of strings that Python 2 wrote; 'bytes' leaves them as bytes.
    """
    machine = Machine(source, offset, data, load_storage, encoding)
    return machine.run(), machine.position


class Machine:
    def __init__(self, source, offset, data, load_storage, encoding):
        self.source, self.offset, self.data = source, offset, data
        self.load_storage, self.encoding = load_storage, encoding
        self.start = self.position = 0  # of the opcode, and of what is read next
        self.stack, self.outer_stacks, self.memo = [], [], {}  # a MARK puts the stack aside and begins another
        self.keys, self.walked = Keys(), 0
        self.elsewhere = False  # in a function of the caller's, whose errors are its own

    def run(self):
        data, operations = self.data, OPERATIONS
        try:
            while True:
                self.start = start = self.position
                opcode = data[start] if start < len(data) else self.out_of_data()
                self.position = start + 1
                if opcode == STOP:
                    return self.stack.pop()
                operation = operations.get(opcode)
                if operation is None:
                    self.fail(f"the pickle has the opcode {bytes([opcode])!r}, which is not needed for tensors")
                operation(self)
        except IndexError:
            if self.elsewhere:
                raise
            self.fail("the pickle takes more from its stack than it put there")

    def fail(self, problem, kind=FileFormatError):
        raise kind(problem, self.source.name, self.source.start + self.offset + self.start) from None

    def out_of_data(self):
        self.fail("the pickle has no end: is the file cut short?", OutOfData)

    # ---- reading

    def take(self, count):
        """The next `count` bytes."""
        begin = self.position
        self.position = end = begin + count
        if end > len(self.data):
            self.out_of_data()
        return self.data[begin:end]

    def byte(self):
        position = self.position
        if position == len(self.data):
            self.out_of_data()
        self.position = position + 1
        return self.data[position]

    def number(self, size, signed=False):
        return int.from_bytes(self.take(size), "little", signed=signed)

    def line(self):
        end = self.data.find(b"\n", self.position, self.position + NAME_LIMIT)
        if end < 0:
            if len(self.data) - self.position < NAME_LIMIT:
                self.out_of_data()
            self.fail("the pickle has a name without an end")
        begin, self.position = self.position, end + 1
        return self.text(self.data[begin:end])

    def text(self, data, encoding="utf-8"):
        try:
            return str(data, encoding, "surrogatepass" if encoding == "utf-8" else "strict")
        except UnicodeDecodeError as error:
            self.fail(f"a string in the pickle is not {encoding}: {error}")

    def python2_text(self, data):
        return data if self.encoding == "bytes" else self.text(data, self.encoding)

    # ---- the stack

    def push(self, value):
        self.stack.append(value)

    def mark(self):
        self.outer_stacks.append(self.stack)
        self.stack = []

    def since_mark(self):
        """What was pushed since the last MARK; the stack from before is back."""
        values = self.stack
        self.stack = self.outer_stacks.pop()
        return values

    def pop(self):
        if self.stack:
            self.stack.pop()
        else:
            self.since_mark()

    def get(self, key):
        if key not in self.memo:
            self.fail(f"the pickle refers to its value number {key}, which was not defined before")
        self.stack.append(self.memo[key])

    # ---- containers

    def append(self, values):
        target = self.stack[-1]
        if type(target) is not list:
            self.fail(f"the pickle appends to a {type(target).__name__}")
        target.extend(values)

    def set_items(self, pairs):
        target = self.stack[-1]
        if type(target) not in DICTS:
            self.fail(f"the pickle sets items of a {type(target).__name__}")
        if len(pairs) % 2:
            self.fail("the pickle sets a key without a value")
        for key, value in zip(pairs[::2], pairs[1::2]):
            self.check_key(key)
            target[key] = value

    def add_items(self, values):
        target = self.stack[-1]
        if type(target) is not set:
            self.fail(f"the pickle adds items to a {type(target).__name__}")
        target.update(self.checked_keys(values))

    def make_dict(self):
        pairs = self.since_mark()
        self.push({})
        self.set_items(pairs)

    def checked_keys(self, values):
        for value in values:
            self.check_key(value)
        return values

    def check_key(self, key):
        if problem := self.keys.problem(key):
            self.fail(problem)

    # ---- names and calls

    def find(self, module, name):
        """Push what a name stands for."""
        known = NAMES.get((module, name))
        if known is None and module.partition(".")[0] == "torch":
            known = self.find_type(module, name)
        if known is None:
            self.fail(
                f"the file refers to {module}.{name}, which is not among the names that can be loaded: a file may hold "
                "tensors, numbers, strings and containers of them. Save a module's state_dict() instead of the module"
            )
        self.stack.append(known)

    def find_type(self, module, name):
        """A dtype or the type of a storage; None for another name."""
        storage = DTYPES_OF_STORAGES.get(name)
        if storage is not None and module in ("torch", "torch.cuda", "torch.storage"):
            return StorageType(name, dtype_named(storage) or self.no_dtype(storage))
        return dtype_named(name) if module == "torch" else None

    def no_dtype(self, name):
        self.fail(f"the file has tensors of dtype {name}, which this engine does not have")

    def find_on_stack(self):
        name, module = self.stack.pop(), self.stack.pop()
        if type(module) is not str or type(name) is not str:
            self.fail("the pickle has a name that is no string")
        self.find(module, name)

    def reduce(self):
        arguments, function = self.stack.pop(), self.stack.pop()
        builder = BUILDERS.get(id(function))
        if builder is None or type(arguments) is not tuple:
            self.fail(f"the pickle calls a {type(function).__name__}, which cannot be called")
        self.stack.append(self.call(builder, arguments))

    def walk(self, count):
        """Account for work that follows from references, and not from the pickle's length."""
        self.walked += count
        if self.walked > WALK_LIMIT * len(self.data):
            self.fail("the pickle uses the same values again and again")

    def call(self, builder, arguments):
        self.walk(sum(len(a) for a in arguments if isinstance(a, (str, bytes, tuple, list, dict))))
        try:
            return builder.make(self, *arguments)
        except FileFormatError:
            raise
        except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
            self.fail(f"{builder.name} cannot be made of what the file has for it: {error}")

    def build(self):
        state = self.stack.pop()
        self.call(Builder("the state of an object", set_state), (self.stack[-1], state))

    def persistent(self):
        saved = self.stack.pop()
        if self.load_storage is None:
            self.fail("the pickle refers to storages, and there are none here")
        self.elsewhere = True
        storage = self.load_storage(saved, self.fail)
        self.elsewhere = False
        self.stack.append(storage)


STOP = ord(".")

OPERATIONS = {
    ord(opcode): operation
    for opcode, operation in {
        # the frame of the program
        b"\x80": lambda m: m.byte(),  # PROTO: the opcodes that are known do not depend on it
        b"\x95": lambda m: m.number(8),  # FRAME: for who reads the file in pieces
        # plain values
        b"N": lambda m: m.push(None),
        b"\x88": lambda m: m.push(True),
        b"\x89": lambda m: m.push(False),
        b"K": lambda m: m.push(m.byte()),
        b"M": lambda m: m.push(m.number(2)),
        b"J": lambda m: m.push(m.number(4, signed=True)),
        b"\x8a": lambda m: m.push(m.number(m.byte(), signed=True)),
        b"\x8b": lambda m: m.push(m.number(m.number(4), signed=True)),
        b"G": lambda m: m.push(unpack(">d", m.take(8))[0]),
        b"\x8c": lambda m: m.push(m.text(m.take(m.byte()))),
        b"X": lambda m: m.push(m.text(m.take(m.number(4)))),
        b"\x8d": lambda m: m.push(m.text(m.take(m.number(8)))),
        b"U": lambda m: m.push(m.python2_text(m.take(m.byte()))),
        b"T": lambda m: m.push(m.python2_text(m.take(m.number(4)))),
        b"C": lambda m: m.push(m.take(m.byte())),
        b"B": lambda m: m.push(m.take(m.number(4))),
        b"\x8e": lambda m: m.push(m.take(m.number(8))),
        b"\x96": lambda m: m.push(bytearray(m.take(m.number(8)))),
        # containers
        b"(": Machine.mark,
        b")": lambda m: m.push(()),
        b"]": lambda m: m.push([]),
        b"}": lambda m: m.push({}),
        b"\x8f": lambda m: m.push(set()),
        b"t": lambda m: m.push(tuple(m.since_mark())),
        b"l": lambda m: m.push(m.since_mark()),
        b"d": Machine.make_dict,
        b"\x91": lambda m: m.push(frozenset(m.checked_keys(m.since_mark()))),
        b"\x85": lambda m: m.push((m.stack.pop(),)),
        b"\x86": lambda m: m.push((m.stack.pop(), m.stack.pop())[::-1]),
        b"\x87": lambda m: m.push((m.stack.pop(), m.stack.pop(), m.stack.pop())[::-1]),
        b"a": lambda m: m.append([m.stack.pop()]),
        b"e": lambda m: m.append(m.since_mark()),
        b"s": lambda m: m.set_items([m.stack.pop(), m.stack.pop()][::-1]),
        b"u": lambda m: m.set_items(m.since_mark()),
        b"\x90": lambda m: m.add_items(m.since_mark()),
        # the stack and the memo
        b"0": Machine.pop,
        b"1": Machine.since_mark,
        b"q": lambda m: m.memo.__setitem__(m.byte(), m.stack[-1]),
        b"r": lambda m: m.memo.__setitem__(m.number(4), m.stack[-1]),
        b"\x94": lambda m: m.memo.__setitem__(len(m.memo), m.stack[-1]),
        b"h": lambda m: m.get(m.byte()),
        b"j": lambda m: m.get(m.number(4)),
        # names, and calls of what they stand for
        b"c": lambda m: m.find(m.line(), m.line()),
        b"\x93": Machine.find_on_stack,
        b"R": Machine.reduce,
        b"b": Machine.build,
        b"Q": Machine.persistent,
    }.items()
}
