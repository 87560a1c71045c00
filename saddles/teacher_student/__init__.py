"""Teacher and student: when a two-layer ReLU network learns features, and when it is lazy.

The experiment of Chizat, Oyallon and Bach (2019, arXiv:1812.07956), with the overall and the
relative scale of the start set independently, as in Kunin et al., "Get rich quick" (NeurIPS 2024,
arXiv:2406.06158), section 1: a wide student f(x) = Σ_i a_i relu(w_i·x) learns a narrow teacher of
the same form, whose directions are random unit vectors and whose output weights are ±1, from
samples on the unit sphere. Every neuron of the student starts with

    |a_i| |w_i| = scale²,    a_i² − |w_i|² = delta,

in pairs (a, w), (−a, w), so that f = 0. The flow conserves delta: upstream starts (delta > 0)
have |w| ≪ |a|, and downstream ones (delta < 0) |w| ≫ |a|.

Loss and time are those of the package: L = |y − f(X)|²/(2n), θ' = −∇L.

Read `_start` first (teacher, samples, student), then `_descent`, then `_train`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from saddles._tools.lazy import lazily

if TYPE_CHECKING:
    from saddles.teacher_student._descent import State, descent
    from saddles.teacher_student._start import Task, student, task
    from saddles.teacher_student._train import Outcome, point, train

#: Public name -> the module that holds it.
_HOMES = {
    "Outcome": "saddles.teacher_student._train",
    "State": "saddles.teacher_student._descent",
    "Task": "saddles.teacher_student._start",
    "descent": "saddles.teacher_student._descent",
    "point": "saddles.teacher_student._train",
    "student": "saddles.teacher_student._start",
    "task": "saddles.teacher_student._start",
    "train": "saddles.teacher_student._train",
}

__all__ = ["Outcome", "State", "Task", "descent", "point", "student", "task", "train"]

__getattr__, __dir__ = lazily(__name__, _HOMES)
