"""The LoCoMo loader, on a tiny file of the same form and, where it is there, on the real one."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hei_nw.suites import load_locomo
from hippo_core import InvalidInputError
from hippo_lab.errors import MissingDataError

SAMPLE = {
    "sample_id": "conv-1",
    "conversation": {
        "speaker_a": "Ada",
        "speaker_b": "Ben",
        "session_1_date_time": "1:56 pm on 8 May, 2023",
        "session_1": [
            {"speaker": "Ada", "dia_id": "D1:1", "text": "I moved to Bern."},
            {"speaker": "Ben", "dia_id": "D1:2", "text": "Look!", "blip_caption": "a photo of a lake"},
        ],
        "session_2_date_time": "12:05 am on 9 May, 2023",
        "session_2": [{"speaker": "Ada", "dia_id": "D2:1", "text": "I bought a boat."}],
        "session_10_date_time": "9:00 am on 1 June, 2023",
        "session_10": [{"speaker": "Ben", "dia_id": "D10:1", "text": "Shall we sail?"}],
    },
    "qa": [
        {"question": "Where did Ada move?", "answer": "Bern", "evidence": ["D1:1"], "category": 4},
        {"question": "In which year?", "answer": 2023, "evidence": ["D1:1; D2:1"], "category": 2},
        {"question": "Does Ben fly?", "adversarial_answer": "no", "evidence": ["D:10:01"], "category": 5},
        {"question": "Is it nice?", "answer": "yes", "evidence": [], "category": 3},
        {"question": "Where?", "answer": "there", "evidence": ["D7:7"], "category": 3},
    ],
}


def write(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_turns_keep_their_order_speaker_time_and_photo(tmp_path):
    (conversation,) = load_locomo(write(tmp_path / "l.json", [SAMPLE]))
    assert [item.key for item in conversation.items] == [
        "conv-1/D1:1",
        "conv-1/D1:2",
        "conv-1/D2:1",
        "conv-1/D10:1",  # after session 2, though "session_10" sorts before it as text
    ]
    first, photo, midnight, _ = (item.episode for item in conversation.items)
    assert first.text == "Ada: I moved to Bern."
    assert first.provenance.time == datetime(2023, 5, 8, 13, 56, tzinfo=UTC)
    assert first.session == "conv-1/session_1"
    assert photo.text == "Ben: Look! [photo: a photo of a lake]"
    assert first.provenance.time < photo.provenance.time
    assert midnight.provenance.time == datetime(2023, 5, 9, 0, 5, tzinfo=UTC)


def test_questions_keep_only_evidence_that_exists(tmp_path):
    (conversation,) = load_locomo(write(tmp_path / "l.json", [SAMPLE]))
    assert [question.evidence for question in conversation.questions] == [
        ("conv-1/D1:1",),
        ("conv-1/D1:1", "conv-1/D2:1"),
        ("conv-1/D10:1",),
    ]
    assert [question.answer for question in conversation.questions] == ["Bern", "2023", None]
    assert conversation.skipped == 2
    assert [item.asked for item in conversation.items] == [True, False, True, True]


def test_a_missing_file_says_where_to_get_it(tmp_path):
    with pytest.raises(MissingDataError, match=r"data/locomo10\.json from github\.com/snap-research/locomo"):
        load_locomo(tmp_path / "absent.json")


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"a": 1}, "holds a dict, not LoCoMo's list"),
        ([{"sample_id": "x", "qa": []}], "conversation 0 of .* is not in LoCoMo's form .KeyError: 'conversation'"),
        (["text"], "conversation 0 of .* is not in LoCoMo's form"),
    ],
)
def test_other_json_is_refused_by_name(tmp_path, document, message):
    with pytest.raises(InvalidInputError, match=message):
        load_locomo(write(tmp_path / "l.json", document))


def test_a_broken_file_or_time_is_refused(tmp_path):
    (tmp_path / "l.json").write_text("{", encoding="utf-8")
    with pytest.raises(InvalidInputError, match="is not JSON"):
        load_locomo(tmp_path / "l.json")
    talk = {**SAMPLE["conversation"], "session_2_date_time": "yesterday"}
    with pytest.raises(InvalidInputError, match="conv-1/session_2 has the time 'yesterday'"):
        load_locomo(write(tmp_path / "l.json", [{**SAMPLE, "conversation": talk}]))


def test_the_real_conversations_are_read_whole():
    path = os.environ.get("HIPPO_LOCOMO")
    if path is None:
        pytest.skip("LoCoMo is CC BY-NC and not shipped; set HIPPO_LOCOMO to the path of its JSON file")
    conversations = load_locomo(path)
    assert [len(conversation.items) for conversation in conversations[:3]] == [419, 369, 663]
    assert [len(conversation.questions) for conversation in conversations[:3]] == [197, 105, 193]
    assert conversations[0].items[0].episode.provenance.time == datetime(2023, 5, 8, 13, 56, tzinfo=UTC)
