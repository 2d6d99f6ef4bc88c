"""The pickle inside a PyTorch file, read without unpickling: nothing is imported or called.

Only what `torch.save(model.state_dict())` writes is known here: dicts, text, integers, truth values, tuples,
references to storages and the rebuilding of tensors from them. Everything else is refused.
"""

from __future__ import annotations

import pickletools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from precise.errors import InputError

_MARK = object()  # the stack's own sign for the start of a group
_PUSHED = ("BINUNICODE", "SHORT_BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1")
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_ORDERED, _TENSOR, _PARAMETER = (
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
)
_STORAGES = {
    "torch HalfStorage": "float16",
    "torch BFloat16Storage": "bfloat16",
    "torch FloatStorage": "float32",
    "torch DoubleStorage": "float64",
}


@dataclass(frozen=True)
class _Global:
    name: str  # "module name", never imported


@dataclass(frozen=True)
class Storage:
    """A run of numbers in a file of its own inside the archive."""

    kind: str  # float16, bfloat16, float32 or float64
    key: str  # the name of its file
    count: int  # of its numbers


@dataclass(frozen=True)
class Tensor:
    """A view of a storage."""

    storage: Storage
    offset: int  # in numbers from the storage's start
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # in numbers


def read_state(pickle: bytes) -> dict[str, Tensor]:
    """The tensors of a state dict by name, in the order in which they were saved.

    Raises:
        InputError: the pickle holds anything but a dict of tensors.
    """
    state = _Machine().run((code.name, value) for code, value, _ in pickletools.genops(pickle))
    if not isinstance(state, dict) or not state:
        raise InputError("data.pkl: expected a state_dict of tensors; save model.state_dict()")
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise InputError(f"{str(name)[:60]!r}: expected a tensor; save model.state_dict() and nothing else")
    return state


class _Machine:
    """The stack and the memo of a pickle, for the operations of a state dict."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def run(self, operations: Iterable[tuple[str, Any]]) -> Any:
        """The value that is left at the end."""
        for name, value in operations:
            if name == "STOP":
                break
            self._step(name, value)
        if len(self._stack) != 1:
            raise InputError("data.pkl: expected one value at the end")
        return self._stack[0]

    def _step(self, name: str, value: Any) -> None:
        if name in _PUSHED:
            self._stack.append(value)
        elif name in _CONSTANTS:
            self._stack.append(_CONSTANTS[name])
        elif name == "EMPTY_DICT":
            self._stack.append({})
        elif name == "MARK":
            self._stack.append(_MARK)
        elif name == "GLOBAL":
            self._stack.append(_global(value))
        elif name == "TUPLE":
            self._stack.append(tuple(self._group()))
        elif name in _TUPLES:
            self._stack.append(tuple(self._pop(_TUPLES[name])))
        elif name in ("BINPUT", "LONG_BINPUT"):
            self._memo[value] = self._top()
        elif name in ("BINGET", "LONG_BINGET"):
            self._stack.append(self._recall(value))
        elif name in ("SETITEM", "SETITEMS"):
            self._set_items(self._group() if name == "SETITEMS" else self._pop(2))
        elif name == "BINPERSID":
            self._stack.append(_storage(self._pop(1)[0]))
        elif name == "REDUCE":
            self._stack.append(_call(*self._pop(2)))
        elif name == "BUILD":  # attributes of an OrderedDict (the versions of its modules): of no use here
            if not isinstance(self._pop(1)[0], dict) or not isinstance(self._top(), dict):
                raise InputError("data.pkl: expected no objects but dicts and tensors")
        elif name != "PROTO":
            raise InputError(f"data.pkl: expected a plain state_dict, not a pickle with the operation {name}")

    def _top(self) -> Any:
        if not self._stack or self._stack[-1] is _MARK:
            raise InputError("data.pkl: expected a pickle that is not corrupt")
        return self._stack[-1]

    def _pop(self, count: int) -> list[Any]:
        taken = self._stack[-count:]
        if len(taken) < count or any(value is _MARK for value in taken):
            raise InputError("data.pkl: expected a pickle that is not corrupt")
        del self._stack[-count:]
        return taken

    def _group(self) -> list[Any]:
        taken: list[Any] = []
        while self._stack:
            value = self._stack.pop()
            if value is _MARK:
                return taken[::-1]
            taken.append(value)
        raise InputError("data.pkl: expected a pickle that is not corrupt")

    def _recall(self, key: int) -> Any:
        if key not in self._memo:
            raise InputError("data.pkl: expected a pickle that is not corrupt")
        return self._memo[key]

    def _set_items(self, items: list[Any]) -> None:
        target = self._top()
        keys, values = items[::2], items[1::2]
        if not isinstance(target, dict) or len(keys) != len(values):
            raise InputError("data.pkl: expected a pickle that is not corrupt")
        if not all(isinstance(key, str) for key in keys):
            raise InputError("data.pkl: expected names of parameters as keys")
        if len({*target, *keys}) != len(target) + len(keys):
            raise InputError("data.pkl: expected every parameter once")
        target.update(zip(keys, values))


def _global(name: str) -> _Global:
    if name not in (_ORDERED, _TENSOR, _PARAMETER) and name not in _STORAGES:
        shown = name.replace(" ", ".")[:80]
        raise InputError(f"data.pkl: expected a state_dict of floating-point tensors, not one that needs {shown}")
    return _Global(name)


def _storage(reference: Any) -> Storage:
    """What ("storage", type, key, device, count) stands for."""
    match reference:
        case ("storage", _Global(name), str(key), str(), int(count)) if name in _STORAGES and count >= 0:
            return Storage(_STORAGES[name], key, count)
    raise InputError("data.pkl: expected references to storages of floating-point numbers")


def _call(function: Any, arguments: Any) -> Any:
    match function, arguments:
        case _Global(name), () if name == _ORDERED:
            return {}
        case _Global(name), (Tensor() as tensor, bool(), dict()) if name == _PARAMETER:
            return tensor
        # hooks and metadata (such as a sign that is not applied yet) may follow, and must be empty
        case _Global(name), (
            Storage() as storage,
            int(offset),
            tuple(shape),
            tuple(strides),
            bool(),
            *more,
        ) if name == _TENSOR and not any(more):
            sizes = (offset, *shape, *strides)
            if len(shape) == len(strides) and all(type(size) is int and size >= 0 for size in sizes):
                return Tensor(storage, offset, shape, strides)
    raise InputError("data.pkl: expected tensors as torch.save writes them")
