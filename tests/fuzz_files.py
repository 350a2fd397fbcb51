"""Loads damaged files: python tests/fuzz_files.py --mutations 10000 --seed 1

Each is a good or hostile file with some bytes changed: anywhere, in the pickle (with check sums made right again), in
the directory of the zip file, or in the header of safetensors. Loading must give a value or raise ValueError, run no
code, and take bounded time and memory. A mutation is known by the seed and its number, and runs alone with --only.
"""

import argparse
import faulthandler
import io
import json
import os
import pickle
import random
import resource
import signal
import struct
import sys
import tempfile
import zipfile
from collections import OrderedDict

import tensorx as tx
from tensorx.serialization import safetensors

SECONDS = 20  # for a file of a few kilobytes, on a machine that is busy
MEMORY = 512 << 20
FORBIDDEN = ("exec", "compile", "pickle.find_class", "os.system", "os.exec", "os.posix_spawn", "subprocess", "socket")
FORBIDDEN += ("ctypes", "import", "os.remove", "os.rename", "shutil", "code.")


# ---- the files that are changed


class Attack:
    """Runs code when Python's own pickle loads it."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def checkpoint():
    state = OrderedDict(weight=tx.arange(12.0).view(3, 4), bias=tx.ones(3, dtype=tx.bfloat16))
    state._metadata = OrderedDict({"": {"version": 1}})
    shared = tx.arange(10)
    noted = tx.zeros(2, dtype=tx.bool)
    noted.note = {"a": [1, 2.5]}
    return {
        "model": state,
        "optimiser": {"state": {0: {"step": tx.tensor(3.0)}}, "param_groups": [{"lr": 0.1, "params": [0, 1]}]},
        "views": [shared, shared[2:6], shared.view(2, 5).t(), shared[:0], noted],
        "parameter": tx.nn.Parameter(tx.ones(2, 2)),
        "plain": (None, True, -1, 1 << 70, "text", b"bytes", {1, 2}, complex(1, 2), tx.Size([3]), tx.float16),
        ("key", 1): tx.device("cpu"),
    }


def saved(value, **options):
    file = io.BytesIO()
    tx.save(value, file, **options)
    return file.getvalue()


def rezipped(records):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as new:
        for name, data in records.items():
            new.writestr(name, data)
    return file.getvalue()


def records_of(data):
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return {each.filename: file.read(each) for each in file.infolist()}


def attacks():
    """Pickles that run something harmless when Python loads them."""
    for function, arguments in ((eval, ("1 + 1",)), (os.system, ("true",)), (__import__, ("os",))):
        for protocol in (0, 2, 4):
            yield pickle.dumps({"x": Attack(function, *arguments)}, protocol)


def samples():
    """(how to change it, bytes) of the files."""
    whole, legacy = saved(checkpoint()), saved(checkpoint(), _use_new_zipfile_serialization=False)
    small = saved([tx.ones(2), tx.zeros(2)])
    named = {"a": tx.arange(6).view(2, 3), "b": tx.ones(3), "c": tx.zeros(0), "d": tx.tensor([True])}
    tensors = safetensors.save(named, {"k": "v"})
    files = [(anywhere, whole), (anywhere, legacy), (anywhere, tensors), (in_pickle, whole), (in_pickle, small)]
    files += [(in_directory, whole), (in_directory, small), (in_header, tensors)]
    return files * 3 + [(in_pickle, rezipped({"archive/data.pkl": attack})) for attack in attacks()]


# ---- changes

NUMBERS = [
    0,
    1,
    2,
    7,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    (1 << 62) + 1,
    (1 << 64) - 1,
]
OPCODES = b"\x80\x81\x82\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\x90\x91\x93\x94\x95\x96()0.12BCFGIJKLMNPQRSTUVX]abcdeghijlopqrstu}"


def anywhere(choose, data):
    """Change a few bytes, or move, repeat or cut out a part."""
    data = bytearray(data)
    for _ in range(choose.choice((1, 1, 1, 2, 5))):
        at, length = choose.randrange(len(data) + 1), choose.choice((1, 2, 4, 8, 30))
        kind = choose.randrange(8)
        if kind == 0 and data:
            data[at % len(data)] ^= 1 << choose.randrange(8)
        elif kind == 1:
            data[at : at + 1] = bytes([choose.choice(OPCODES)])
        elif kind == 2:
            data[at:at] = bytes([choose.choice(OPCODES)]) * choose.choice((1, 1, 3, 1000))
        elif kind == 3:
            size = choose.choice((1, 2, 4, 8))
            data[at : at + size] = (choose.choice(NUMBERS) % (1 << 8 * size)).to_bytes(size, "little")
        elif kind == 4:
            del data[at : at + length]
        elif kind == 5:
            data[at:at] = data[at : at + length] * choose.choice((1, 2, 50))
        elif kind == 6:
            other = choose.randrange(len(data) + 1)
            data[at : at + length] = data[other : other + length]
        elif choose.random() < 0.2:
            del data[at:]
    return bytes(data)


def in_pickle(choose, data):
    """Change the pickle in a zip file, whose check sums are right again."""
    records = records_of(data)
    records["archive/data.pkl"] = anywhere(choose, records["archive/data.pkl"])
    return rezipped(records)


def in_directory(choose, data):
    """Change what the end of a zip file says of its records."""
    begin = data.index(b"PK\1\2")
    return data[:begin] + anywhere(choose, data[begin:])


def in_header(choose, data):
    """Change the header of a safetensors file, whose length is right again."""
    size = struct.unpack("<Q", data[:8])[0]
    text = data[8 : 8 + size]
    if choose.random() < 0.5:
        text = anywhere(choose, text)
    else:
        header = json.loads(text)
        entry = header[choose.choice(sorted(header.keys() - {"__metadata__"}))]
        entry[choose.choice(sorted(entry))] = choose.choice(
            [*NUMBERS, "U8", "I64", [], [[]], None, [-1], [0, 8], [1 << 62, 2]]
        )
        text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data[8 + size :]


# ---- loading

events = []  # that no file may cause


def watch(event, arguments):
    if event.startswith(FORBIDDEN):
        events.append(f"{event} {arguments}"[:200])


def too_long(*_):
    raise TimeoutError(f"still loading after {SECONDS} s")


def use(value, depth=0):
    """Read all the memory that the tensors of a value have."""
    if isinstance(value, tx.Tensor):
        if value.numel() <= 1 << 20:
            value.clone().tolist()
    elif isinstance(value, (dict, list, tuple)) and depth < 5:
        for item in list(value.values() if isinstance(value, dict) else value)[:100]:
            use(item, depth + 1)


def load(data, path):
    """Load as a file object, as a path, mapped, and as safetensors; whichever gives a value is used."""
    with open(path, "wb") as file:
        file.write(data)
    loaded = 0
    for attempt in (
        lambda: tx.load(io.BytesIO(data)),
        lambda: tx.load(path, mmap=True, map_location="cpu"),
        lambda: safetensors.load(data),
        lambda: safetensors.load_file(path),
    ):
        try:
            use(attempt())
            loaded += 1
        except ValueError:
            pass
    return loaded > 0


def mutated(files, seed, number):
    choose = random.Random(f"{seed} {number}")
    change, data = choose.choice(files)
    return change(choose, data)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutations", type=int, default=300)
    parser.add_argument("--seed", default="0")
    parser.add_argument("--only", type=int, help="the number of one mutation")
    options = parser.parse_args()
    faulthandler.enable()
    files, loaded = samples(), 0
    numbers = range(options.mutations) if options.only is None else [options.only]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "mutated")
        for _, data in files:
            load(data, path)  # imports what is imported at first use
        limit = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        sys.addaudithook(watch)
        signal.signal(signal.SIGALRM, too_long)
        for number in numbers:
            data = mutated(files, options.seed, number)
            events.clear()
            signal.alarm(SECONDS)
            try:
                loaded += load(data, path)
                assert not events, events
            except BaseException:
                print(f"mutation {number} of seed {options.seed}: --seed {options.seed} --only {number}")
                raise
            finally:
                signal.alarm(0)
    print(f"seed {options.seed}: of {len(numbers)} damaged files {loaded} loaded, the others were refused")


if __name__ == "__main__":
    main()
