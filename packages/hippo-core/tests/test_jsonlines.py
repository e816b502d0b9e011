"""Files of JSON lines: what is taken, what is refused and in which words, and that nothing half is left behind."""

import json

import pytest
from hippo_core import InvalidInputError, SkippedLine, StorageError
from hippo_core import jsonlines as module
from hippo_core.jsonlines import JsonLineReader, write_json_lines


def whole(value):
    if not isinstance(value, dict):
        raise InvalidInputError(f"it is {value!r}, not an object")
    return value


def read(tmp_path, content: bytes, **options):
    file = tmp_path / "in.jsonl"
    file.write_bytes(content)
    reader = JsonLineReader(file, whole, **options)
    return list(reader), reader


@pytest.mark.parametrize(
    "content",
    [
        b'{"a": 1}\n{"b": 2}\n',
        b'{"a": 1}\n{"b": 2}',  # no newline at the end
        b'\xef\xbb\xbf{"a": 1}\n{"b": 2}\n',  # a byte order mark
        b'{"a": 1}\r\n{"b": 2}\r\n',
        b'\n{"a": 1}\n  \n\r\n{"b": 2}\n\n',
    ],
)
def test_one_content_in_many_spellings(tmp_path, content):
    records, reader = read(tmp_path, content)
    assert records == [{"a": 1}, {"b": 2}]
    assert reader.position == reader.size == len(content)


def test_unicode_line_separators_do_not_end_a_line(tmp_path):
    text = "one\u2028two\u0085three\x0bfour"
    assert read(tmp_path, json.dumps({"a": text}, ensure_ascii=False).encode() + b"\n")[0] == [{"a": text}]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"a": 1,, "b": 2}', "not JSON: .* at character 9"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b'{"a": -Infinity}', "-Infinity is not JSON"),
        (b'{"a": "\xff"}', "not UTF-8 at byte 8"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8 at byte 1"),  # UTF-16
        (b'\xef\xbb\xbf{"a": 1}', "not JSON"),  # a byte order mark anywhere but at the start
        (b"7", "it is 7, not an object"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "limit"),
    ],
)
def test_a_bad_line_is_named_with_its_fault_and_the_way_out(tmp_path, line, said):
    content = b'{"a": 1}\n\n' + line + b'\n{"b": 2}\n'
    with pytest.raises(InvalidInputError, match=said) as caught:
        read(tmp_path, content)
    assert "in.jsonl', line 3: " in str(caught.value)
    assert "Nothing was imported" in str(caught.value)
    assert 'on_error="skip"' in str(caught.value)
    records, reader = read(tmp_path, content, on_error="skip")
    assert records == [{"a": 1}, {"b": 2}]
    assert [skipped.line for skipped in reader.skipped] == [3]


def test_a_torn_last_line_says_so(tmp_path):
    records, reader = read(tmp_path, b'{"a": 1}\n{"a": "\xc3', on_error="skip")
    assert records == [{"a": 1}]
    assert reader.skipped[0].line == 2
    assert "cut off" in reader.skipped[0].reason
    assert "cut off" not in read(tmp_path, b'{"a": \n{"a": 1}\n', on_error="skip")[1].skipped[0].reason


def test_an_endless_line_is_not_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_LINE_BYTES", 100)
    content = b'{"a": "' + b"x" * 1_000 + b'"}\n{"b": 2}\n'
    records, reader = read(tmp_path, content, on_error="skip")
    assert records == [{"b": 2}]
    assert reader.skipped == [SkippedLine(line=1, reason="it has more than 100 bytes.")]
    assert reader.position == len(content)


def test_a_reason_stays_short(tmp_path):
    def refuse(value):
        raise InvalidInputError("x" * 10_000)

    file = tmp_path / "in.jsonl"
    file.write_bytes(b"{}\n")
    reader = JsonLineReader(file, refuse, on_error="skip")
    assert list(reader) == []
    assert len(reader.skipped[0].reason) < 500


def test_what_cannot_be_read_is_a_storage_error(tmp_path):
    with pytest.raises(StorageError, match="missing"):
        list(JsonLineReader(tmp_path / "missing.jsonl", whole))
    with pytest.raises(StorageError, match="directory"):
        list(JsonLineReader(tmp_path, whole))


def test_an_export_that_fails_leaves_nothing(tmp_path):
    def values():
        yield {"a": 1}
        raise RuntimeError("the lights went out")

    with pytest.raises(RuntimeError, match="lights"):
        write_json_lines(tmp_path / "out.jsonl", values())
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json_lines(tmp_path / "out.jsonl", [float("nan")])
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path):
    target = tmp_path / "out.jsonl"

    def values():
        yield {"a": 1}
        assert not target.exists(), "the file must not be there before it is whole"
        target.write_text("another's", encoding="utf-8")

    with pytest.raises(InvalidInputError, match="never overwrites"):
        write_json_lines(target, values())
    assert target.read_text(encoding="utf-8") == "another's"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_that_is_missing_is_a_storage_error(tmp_path):
    with pytest.raises(StorageError, match="cannot be written"):
        write_json_lines(tmp_path / "no" / "out.jsonl", [1])
