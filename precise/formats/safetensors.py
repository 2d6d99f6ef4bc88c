"""`.safetensors` files of a PyTorch state dict; see `state_dict` for the order of the layers."""

from __future__ import annotations

import safetensors as library
from safetensors.numpy import save

from precise.errors import InputError
from precise.formats.limits import MAX_PARAMETERS
from precise.formats.state_dict import network_of_state
from precise.formats.tensors import decode, rounded_arrays
from precise.network import Network

_KINDS = {"F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64"}


def read(data: bytes) -> Network:
    """The network in a safetensors file.

    Raises:
        InputError: the file is corrupt, or no state dict of linear layers.
    """
    try:
        entries = library.deserialize(data)  # type: ignore[no-untyped-call]
    except library.SafetensorError as error:
        raise InputError(f"expected a whole safetensors file: {error}") from error
    if sum(len(entry["data"]) for _, entry in entries) > 8 * MAX_PARAMETERS:
        raise InputError(f"expected at most {MAX_PARAMETERS:,} values in the file")
    state = {}
    for name, entry in entries:
        kind = _KINDS.get(entry["dtype"], entry["dtype"])
        state[name] = decode(bytes(entry["data"]), kind, entry["shape"], repr(name[:60]))
    return network_of_state(state)


def write(network: Network) -> tuple[bytes, int]:
    """(the bytes of a float64 safetensors file, named as torch.nn.Sequential does; the values rounded).

    Raises:
        InputError: a value lies outside the range of float64.
    """
    arrays, rounded = rounded_arrays(network)
    named = {}
    for number, (weights, biases) in enumerate(arrays):  # every second entry of the Sequential is a ReLU
        named[f"{2 * number}.weight"] = weights.T.copy()
        named[f"{2 * number}.bias"] = biases
    return save(named), rounded
