"""The models of a study, read and checked before the work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from precise.errors import InputError
from precise.formats import load_network
from precise.network import Network
from precise.oracles.select import oracle_of


@dataclass(frozen=True)
class Models:
    """Networks with their files and the names they go by in tables and plots."""

    networks: list[Network]
    files: list[str]
    names: list[str]


def load_models(paths: Sequence[Path], formats: Sequence[str]) -> Models:
    """Read the models.

    Args:
        formats: in which all of them must have an evaluation.

    Raises:
        InputError: a file is not a network with a hidden layer, is given twice, or has weights too large for a format.
    """
    networks = [load_network(path) for path in paths]
    for path, network in zip(paths, networks, strict=True):
        if len(network.layers) < 2:
            raise InputError(f"{path}: expected a network with a hidden layer")
        for name in formats:
            try:
                oracle_of(network, name)
            except InputError as error:
                raise InputError(f"{path}: {error}; leave {name} out of --formats") from error
    hashes = [network.sha256 for network in networks]
    for number, path in enumerate(paths):
        if hashes[number] in hashes[:number]:
            raise InputError(f"{path}: the same network as {paths[hashes.index(hashes[number])]}; give each one once")
    return Models(networks, list(map(str, paths)), _names(paths))


def _names(paths: Sequence[Path]) -> list[str]:
    """The files' names without suffix; whole paths where these are not different."""
    stems = [path.stem for path in paths]
    return [stem if stems.count(stem) == 1 else str(path) for stem, path in zip(stems, paths, strict=True)]
