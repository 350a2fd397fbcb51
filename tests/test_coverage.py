"""Every public op has a row in cases.py, or stands here with the place that tests it."""

import types

import tensorx as tx
from cases import CASES, REGISTERED
from tensorx import _C
from tensorx.ops.define import methods

EXEMPT_MODULES = {
    "tensorx.ops.random_ops": "random: tested by distribution and stream in test_random.py",
    "tensorx.random": "random: as above",
    "tensorx.creation": "takes no tensor: tested in test_creation.py and test_numpy.py",
    "tensorx.ops.complex": "rows are of real tensors: tested in test_complex.py",
    "tensorx.ops.convert": "all pairs of dtypes: tested in test_creation.py and parity/test_promotion.py",
    "tensorx.ops.decomposition": "factorisations: tested in test_linalg.py, as the functions of tensorx.linalg",
    "tensorx.ops.spectrogram": "short-time Fourier transforms: tested in test_fft.py",
    "tensorx.ops.window": "takes no tensor: tested in test_fft.py",
    "tensorx.ops.define": "makes ops",
    "tensorx.ops.recurrent": "layers of recurrent nets: tested in test_rnn.py",
    "tensorx.ops.layout": "tested in test_sparse.py",
    "tensorx.ops.reshape_in_place": "tested in test_ops_in_place.py",
}

EXEMPT = {
    "as_strided_scatter": "depends on the strides of its input: tested in test_ops_in_place.py",
    "broadcast_shapes": "takes no tensor: tested in test_ops_in_place.py",
    "numpy": "tested in test_numpy.py",
    "tril_indices": "takes no tensor: tested in test_index.py",
    "triu_indices": "takes no tensor: tested in test_index.py",
    "sgn": "sign's row for real tensors, test_complex.py for complex ones",
    "sgn_": "as sgn",
    "vector_norm": "norm's row: the same op",
    "copy_": "both dtypes matter: tested in test_copies.py, all pairs of dtypes and layouts",
    "fill_": "tested in test_copies.py",
    "zero_": "tested in test_copies.py",
    "view": "reshape's row covers the values; refusals are in test_hostile.py",
}


def _nn_functional():
    try:
        return tx.nn.functional
    except ModuleNotFoundError:
        return None


def public_names():
    """name -> function of everything a user can call on tensors."""
    found = dict(methods)
    for prefix, namespace in (("", tx), ("nn.functional.", _nn_functional()), ("linalg.", getattr(tx, "linalg", None))):
        for name, value in vars(namespace).items() if namespace else ():
            is_ours = isinstance(value, _C.Op) or (
                isinstance(value, (_C.Composite, types.FunctionType)) and value.__module__.startswith("tensorx.ops")
            )
            if is_ours and not name.startswith("_"):
                found[prefix + name] = value
    for name in tx.special.__all__:  # the others are functions of ops under another name
        function = getattr(tx.special, name)
        if function.__module__.startswith("tensorx.special"):
            found["special." + name] = function
    return {n: f for n, f in found.items() if not n.startswith("_")}


def uncovered():
    names = public_names()
    rows = {id(c.resolve(tx)) for c in CASES.values()} | {id(names[n]) for n in CASES if n in names}
    missing = []
    for name, function in names.items():
        base = name.removesuffix("_")
        if getattr(function, "__module__", None) in EXEMPT_MODULES or name.endswith(
            "_grad"
        ):  # by second-order gradients
            continue
        if not (
            name in CASES or base in CASES or id(function) in rows or id(names.get(base)) in rows or name in EXEMPT
        ):
            if "nn.functional." + base not in CASES:
                missing.append(name)
    return sorted(missing)


def test_every_op_has_a_row():
    assert uncovered() == []


def test_every_row_names_an_op():
    assert sorted(set(REGISTERED) - set(CASES)) == []


def test_exemptions_exist():
    assert sorted(set(EXEMPT) - set(public_names())) == []
