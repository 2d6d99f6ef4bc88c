"""What is known of all signs: the sets of wrong ones that explain the answers, and what refuted all others."""

from __future__ import annotations

from dataclasses import dataclass, field

from verify.diagnosis.black_box.answers import Answers, Place
from verify.diagnosis.black_box.isolated_moves import ProvedSign
from verify.diagnosis.black_box.sign_sets import Tried
from verify.diagnosis.black_box.solver_signs import SolverProof


@dataclass
class Signs:
    """What is known of all hidden neurons' signs."""

    explanations: list[frozenset[Place]] = field(default_factory=list)  # sets of wrong signs that fit all answers
    proofs: dict[Place, ProvedSign] = field(default_factory=dict)  # one neuron at a time
    open: frozenset[Place] = frozenset()  # their signs change nothing that was or can be seen
    tried: Tried | None = None  # sets of signs below the last hidden layer
    places: tuple[Place, ...] = ()  # what those sets were taken from
    excluded: bool = True  # every other set of the stated kind was refuted, not only passed over
    solver: SolverProof | None = None  # what Z3 said of the signs that no single move decides; None: not asked
    answers: Answers | None = None
    columns: list[int] = field(default_factory=list)

    @property
    def sure(self) -> bool:
        """Is every other set of the stated kind refuted?"""
        return self.excluded or self.by_solver

    @property
    def by_solver(self) -> bool:
        """Has Z3 refuted all others of the stated kind?"""
        return self.solver is not None and self.solver.excluded

    @property
    def all_tried(self) -> bool:
        """Were all sets below the last hidden layer tried?"""
        return self.tried is None or self.tried.most >= len(self.places)

    @property
    def scope(self) -> str:
        """Which sets of wrong signs were excluded: a clause."""
        if (self.excluded and self.all_tried) or (
            self.solver and self.by_solver and self.solver.most >= self.solver.bits
        ):
            return "any other set of wrong signs"
        if self.solver is not None and not self.excluded:
            return (
                f"any other set with at most {self.solver.most} wrong signs among the {self.solver.bits} that no "
                "single move decides"
            )
        layers = sorted({k for k, _ in self.places})
        most = self.tried.most if self.tried else 0
        return (
            f"any other set with at most {most} wrong signs among the {len(self.places)} neurons of layers "
            f"{layers[0]} to {layers[-1]} that no single move decides, and any number elsewhere"
        )

    @property
    def provers(self) -> list[str]:
        """What refuted them."""
        bounds = ["bounds on float64 sums"] if self.excluded else []
        return [*(["moves of single neurons"] if self.proofs else []), *bounds, *(["Z3"] if self.by_solver else [])]
