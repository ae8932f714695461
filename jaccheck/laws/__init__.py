"""What must hold of every method on every case, one law a function."""

from jaccheck.laws.globals import observe_globals, restore_globals
from jaccheck.laws.laws import LAWS, Law, laws_due
from jaccheck.laws.state import observe
from jaccheck.laws.structure import first_line, structural_fault, structure
from jaccheck.laws.trial import LawBroken, Trial

__all__ = [
    "LAWS",
    "Law",
    "LawBroken",
    "Trial",
    "first_line",
    "laws_due",
    "observe",
    "observe_globals",
    "restore_globals",
    "structural_fault",
    "structure",
]
