"""Every ending is a sentence; errors carry what was computed."""

import copy
import pickle
import re

import pytest

import saddles
from saddles import PathError, Status


@pytest.mark.parametrize("status", Status)
def test_every_status_is_a_sentence(status):
    assert re.fullmatch(r"[A-Z].*\.", status.sentence)
    assert len(status.sentence) > 40
    assert status.value == status.value.lower()
    assert repr(status) == f"Status.{status.name}"


@pytest.mark.parametrize("status", [status for status in Status if not status.success])
def test_every_failure_says_what_to_do(status):
    remedy = re.search(r"\b([Dd]rop|[Rr]escale|multiply|loosen|perturb)\b", status.sentence)
    assert remedy
    assert not status.finished, "a failure is no end of training"


def test_values_and_sentences_are_distinct():
    assert len({status.value for status in Status}) == len(Status)
    assert len({status.sentence for status in Status}) == len(Status)


@pytest.mark.parametrize("status", Status)
def test_statuses_survive_pickling_as_themselves(status):
    assert pickle.loads(pickle.dumps(status)) is status
    assert copy.deepcopy(status) is status


def test_error_carries_status_path_and_detail():
    path = saddles.pesme_flammarion([[1.0]], [1.0])
    error = PathError(Status.STALLED, path, "jump 7")
    assert isinstance(error, RuntimeError)
    assert Status.STALLED.sentence in str(error)
    assert "jump 7" in str(error)
    copied = pickle.loads(pickle.dumps(error))
    assert copied.status is Status.STALLED
    assert str(copied) == str(error)
    assert copied.path.times.tolist() == path.times.tolist()
