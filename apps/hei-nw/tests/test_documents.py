import json

import pytest
from hei_nw.documents import read_document
from hippo_core import InvalidInputError

MARKDOWN = """# The harbour

Carol left the **copper** key at the [harbour](map.html). It was raining. The boats stayed in
because Dr. Marsh had warned them about the storm that was coming from the west.

- The lighthouse keeper is called Bruno and he has a dog.
- The ferry leaves at nine on every day but Sunday.

```python
print("code is not a memory")
```

## The mill

The mill was sold to Dora in May for forty thousand crowns.
"""


def written(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_markdown_becomes_plain_sentences_with_their_section(tmp_path):
    episodes = read_document(written(tmp_path, "notes.md", MARKDOWN))
    texts = [episode.text for episode in episodes]
    assert texts[0] == "Carol left the copper key at the harbour."
    assert any("Dr. Marsh had warned" in text for text in texts)
    assert "The lighthouse keeper is called Bruno and he has a dog." in texts
    assert not any("code is not" in text or "```" in text or "#" in text for text in texts)
    assert [episode.provenance.doc_id for episode in episodes] == ["The harbour"] * (len(texts) - 1) + ["The mill"]
    assert {episode.provenance.source for episode in episodes} == {"notes.md"}


def test_spans_point_at_the_words(tmp_path):
    text = "Carol left the copper key at the old harbour. Dora sold the mill to the baker's son in May.\n\nIt rained."
    for episode in read_document(written(tmp_path, "notes.txt", text)):
        start, end = episode.provenance.span
        assert " ".join(text[start:end].split()) == episode.text


def test_nothing_of_a_text_is_lost(tmp_path):
    text = "One. Two! " + "A long sentence that goes on, " * 60 + "until it ends. Last words here."
    episodes = read_document(written(tmp_path, "long.txt", text))
    assert " ".join(episode.text for episode in episodes).split() == text.split()
    assert max(len(episode.text) for episode in episodes) <= 440


def test_json_lines_carry_their_fields(tmp_path):
    line = {
        "text": "The code is 4417.",
        "source": "mail",
        "time": "2026-05-01T09:00:00+00:00",
        "who": "Carol",
        "pin": True,
    }
    (episode,) = read_document(written(tmp_path, "notes.jsonl", json.dumps(line) + "\n\n"))
    assert (episode.provenance.source, episode.slots.who, episode.salience.pin) == ("mail", "Carol", True)
    assert episode.provenance.time.isoformat() == line["time"]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ('{"text": ""}', "empty"),
        ("[1]", "not an object"),
        ("{oops", "line 2"),
        ('{"text": "x", "tiem": 1}', "'tiem'"),
        ('{"text": "x", "time": "2026-05-01T09:00:00"}', "time zone"),
    ],
)
def test_a_broken_line_is_named(tmp_path, broken, reason):
    path = written(tmp_path, "notes.jsonl", '{"text": "fine"}\n' + broken)
    with pytest.raises(InvalidInputError, match=r"line 2") as caught:
        read_document(path)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [("a.txt", b"caf\xe9", "not UTF-8"), ("b.txt", b" \n ", "no text"), ("c.md", b"# Only a heading\n", "no text")],
)
def test_a_file_without_readable_text_is_refused(tmp_path, name, content, reason):
    with pytest.raises(InvalidInputError, match=reason):
        read_document(written(tmp_path, name, content))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InvalidInputError, match="no file"):
        read_document(tmp_path / "nowhere.txt")
