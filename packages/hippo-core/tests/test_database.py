import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime

import pytest
from hippo_core import (
    Database,
    InvalidInputError,
    NewerSchemaError,
    NotADatabaseError,
    StorageError,
    StoreClosedError,
)
from hippo_core.storage.connection import split_statements

NOTES = """
CREATE TABLE notes(id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT NOT NULL, data BLOB);
CREATE VIRTUAL TABLE notes_fts USING fts5(text, content='notes', content_rowid='id');
CREATE TRIGGER notes_inserted AFTER INSERT ON notes BEGIN
    INSERT INTO notes_fts(rowid, text) VALUES (new.id, new.text);
END;
CREATE TRIGGER notes_deleted AFTER DELETE ON notes BEGIN
    INSERT INTO notes_fts(notes_fts, rowid, text) VALUES ('delete', old.id, old.text);
END;
CREATE TRIGGER notes_updated AFTER UPDATE ON notes BEGIN
    INSERT INTO notes_fts(notes_fts, rowid, text) VALUES ('delete', old.id, old.text);
    INSERT INTO notes_fts(rowid, text) VALUES (new.id, new.text);
END;
"""
SECOND = "ALTER TABLE notes ADD COLUMN stars INTEGER NOT NULL DEFAULT 3"


def open_notes(path=":memory:", migrations=(NOTES,), kind="notes", **options):
    return Database(path, kind=kind, migrations=list(migrations), record_columns={"notes": "id"}, **options)


@pytest.fixture
def database(tmp_path):
    with closing(open_notes(tmp_path / "notes.db")) as database:
        yield database


def add(database, *texts):
    with database.transaction("write") as transaction:
        return transaction.insert("notes", [{"text": text, "data": text.encode()} for text in texts])


def texts(database):
    return {row["id"]: row["text"] for row in database.query("SELECT id, text FROM notes ORDER BY id")}


def found(database, word):
    """Ids by the full-text index, after asking it whether it agrees with the table."""
    with database.transaction("check") as transaction:
        transaction.connection.execute("INSERT INTO notes_fts(notes_fts, rank) VALUES ('integrity-check', 1)")
    return [row[0] for row in database.query("SELECT rowid FROM notes_fts WHERE notes_fts MATCH ? ORDER BY 1", (word,))]


def test_migrations_come_in_order_and_once(tmp_path):
    path = tmp_path / "notes.db"
    with closing(open_notes(path)) as database:
        add(database, "old")
    for _ in range(2):
        with closing(open_notes(path, [NOTES, SECOND])) as database:
            assert [tuple(row) for row in database.query("SELECT text, stars FROM notes")] == [("old", 3)]
            assert database.query("PRAGMA user_version")[0][0] == 2
    with pytest.raises(NewerSchemaError, match="version 2"):
        open_notes(path)


def test_a_migration_that_fails_leaves_the_old_schema(tmp_path):
    path = tmp_path / "notes.db"
    with closing(open_notes(path)) as database:
        add(database, "kept")
    with pytest.raises(StorageError):
        open_notes(path, [NOTES, "CREATE TABLE other(x); CREATE TABLE notes(y);".replace("; ", ";\n")])
    with closing(open_notes(path)) as database:
        assert texts(database) == {1: "kept"}
        assert database.query("SELECT name FROM sqlite_master WHERE name = 'other'") == []


def test_statements_are_split_at_their_ends():
    assert len(list(split_statements(NOTES))) == 5
    assert [part.strip() for part in split_statements("SELECT 1;\nSELECT 2")] == ["SELECT 1;", "SELECT 2"]


def test_another_kind_is_refused(tmp_path):
    path = tmp_path / "notes.db"
    open_notes(path).close()
    with pytest.raises(NotADatabaseError, match="a notes database, not letters"):
        open_notes(path, kind="letters")


def test_a_file_that_was_not_ours_is_left_alone(tmp_path):
    path = tmp_path / "theirs.db"
    with closing(sqlite3.connect(path)) as theirs, theirs:
        theirs.execute("CREATE TABLE recipes(name)")
    before = path.read_bytes()
    with pytest.raises(NotADatabaseError, match="some other program"):
        open_notes(path)
    assert path.read_bytes() == before


def test_paths_that_cannot_be_opened(tmp_path):
    with pytest.raises(StorageError, match="folder"):
        open_notes(tmp_path)
    with pytest.raises(StorageError, match="does not exist"):
        open_notes(tmp_path / "missing" / "notes.db")
    with pytest.raises(InvalidInputError, match="migrations"):
        open_notes(tmp_path / "notes.db", [])


def test_a_read_only_file_is_refused_in_words(tmp_path):
    path = tmp_path / "notes.db"
    open_notes(path).close()
    path.chmod(0o400)
    if os.access(path, os.W_OK):
        pytest.skip("this user may write everything")
    with pytest.raises(StorageError, match="permissions"):
        open_notes(path)


def test_an_exception_takes_everything_back(database):
    add(database, "kept")
    with pytest.raises(ZeroDivisionError), database.transaction("write") as transaction:
        _ = transaction.insert("notes", [{"text": "lost", "data": None}])[0] / 0
    with pytest.raises(StorageError, match="NOT NULL"), database.transaction("write") as transaction:
        transaction.insert("notes", [{"text": "lost", "data": None}, {"text": None, "data": None}])
    assert texts(database) == {1: "kept"}
    assert len(database.history()) == 1
    assert add(database, "next") == [2]
    assert found(database, "lost") == []


def test_a_transaction_inside_another_is_refused_and_both_are_taken_back(database):
    with pytest.raises(StorageError), database.transaction("outer"):
        add(database, "inner")
    assert texts(database) == {}
    assert add(database, "after") == [1]


def test_undo_of_insert_update_and_delete(database):
    first, second = add(database, "apple", "pear")
    with database.transaction("edit") as transaction:
        transaction.update("notes", first, {"text": "plum", "data": b"\x00\xff"})
        transaction.delete("notes", [second, second, 99])
    assert texts(database) == {first: "plum"}
    assert found(database, "pear") == []
    assert database.undo() == 1
    assert texts(database) == {first: "apple", second: "pear"}
    assert [row["data"] for row in database.query("SELECT data FROM notes ORDER BY id")] == [b"apple", b"pear"]
    assert (found(database, "apple"), found(database, "pear"), found(database, "plum")) == ([first], [second], [])
    assert database.undo(5) == 1
    assert texts(database) == {}
    assert found(database, "apple") == []
    assert database.undo() == 0
    assert add(database, "fig") == [3]


def test_history_tells_who_did_what(tmp_path):
    moment = datetime(2026, 5, 3, tzinfo=UTC)
    with closing(open_notes(tmp_path / "notes.db", clock=lambda: moment)) as database:
        add(database, "a", "b")
        with database.transaction("edit") as transaction:
            transaction.update("notes", 1, {"text": "c"})
        database.undo()
        kinds = [(change.kind, change.action, change.id, change.undone) for change in database.history()]
        assert kinds == [
            ("undo", "update", 1, False),
            ("edit", "update", 1, True),
            ("write", "insert", 2, False),
            ("write", "insert", 1, False),
        ]
        assert {change.time for change in database.history()} == {moment}
        assert [change.kind for change in database.history(2)] == ["write"]
        assert len(database.history(limit=2)) == 2
        assert database.sequence == 4


def test_history_has_one_line_for_each_record_an_operation_touched(tmp_path):
    schema = (
        "CREATE TABLE notes(id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT);\n"
        "CREATE TABLE words(id INTEGER PRIMARY KEY AUTOINCREMENT, note INTEGER NOT NULL);"
    )
    columns = {"notes": "id", "words": "note"}
    with closing(Database(tmp_path / "db", kind="notes", migrations=[schema], record_columns=columns)) as database:
        with database.transaction("write") as transaction:
            ids = transaction.insert("notes", [{"text": "a"}, {"text": "b"}, {"text": "c"}])
            transaction.insert("words", [{"note": id} for id in ids for _ in range(2)])
        with database.transaction("say again") as transaction:
            transaction.insert("words", [{"note": 2}])
        with database.transaction("delete") as transaction:
            transaction.delete("words", [1, 2])
            transaction.delete("notes", [1])
        with database.transaction("edit") as transaction:
            transaction.update("notes", 3, {"text": "d"})
            transaction.delete("words", [5])
        database.undo()
        with database.transaction("erase") as transaction:
            transaction.erase("words", [(3, 2), (4, 2), (7, 2)])
            transaction.erase("notes", [(2, 2)])
        lines = [(change.kind, change.id, change.action, change.undone) for change in database.history()]
        assert lines == [
            ("erase", 2, "delete", False),
            ("undo", 3, "update", False),
            ("edit", 3, "update", True),
            ("delete", 1, "delete", False),
            ("write", 3, "insert", False),
            ("write", 1, "insert", False),
        ]
        assert database.history(limit=5) == database.history()[:5]
        assert database.history(3) == [change for change in database.history() if change.id == 3]
        assert database.history(99) == []
        sequences = [change.sequence for change in database.history()]
        assert sequences == sorted(sequences, reverse=True)
        assert database.undo() == 1, "what was erased stays erased, and what came before can be taken back"
        assert texts(database) == {1: "a", 3: "c"}


def test_a_restore_never_sends_ids_or_sequences_back(database, tmp_path):
    add(database, "one", "two")
    database.snapshot(tmp_path / "copy")
    add(database, "three", "four")
    sequence, generation = database.sequence, database.generation
    database.restore(tmp_path / "copy")
    assert texts(database) == {1: "one", 2: "two"}
    assert (found(database, "two"), found(database, "three")) == ([2], [])
    assert database.sequence >= sequence
    assert database.generation != generation
    assert add(database, "five") == [5]
    assert database.undo(2) == 2  # the write after, and the snapshot's own
    assert texts(database) == {}
    assert database.check() == []


def test_a_snapshot_from_an_older_version_is_brought_up_to_date(tmp_path):
    with closing(open_notes(tmp_path / "old.db")) as old:
        add(old, "old")
        old.snapshot(tmp_path / "copy")
    before = (tmp_path / "copy").read_bytes()
    with closing(open_notes(tmp_path / "new.db", [NOTES, SECOND])) as new:
        add(new, "new", "newer")
        new.restore(tmp_path / "copy")
        assert [tuple(row) for row in new.query("SELECT text, stars FROM notes")] == [("old", 3)]
        assert add(new, "newest") == [3]
    assert (tmp_path / "copy").read_bytes() == before
    with (
        closing(open_notes(tmp_path / "old.db")) as old,
        closing(open_notes(tmp_path / "new.db", [NOTES, SECOND])) as n,
    ):
        n.snapshot(tmp_path / "newer copy")
        with pytest.raises(NewerSchemaError, match="newer copy"):
            old.restore(tmp_path / "newer copy")
        assert texts(old) == {1: "old"}


def test_a_restore_works_in_memory(tmp_path):
    with closing(open_notes()) as database:
        add(database, "one")
        database.snapshot(tmp_path / "copy")
        add(database, "two")
        database.restore(tmp_path / "copy")
        assert texts(database) == {1: "one"}
        assert database.in_memory


def test_a_bad_snapshot_is_named_and_changes_nothing(database, tmp_path):
    add(database, "kept")
    other = tmp_path / "other"
    open_notes(other, kind="letters").close()
    (tmp_path / "empty").touch()
    (tmp_path / "garbage").write_bytes(b"garbage" * 1000)
    for name in ("missing", "empty", "garbage", "other"):
        with pytest.raises(StorageError, match=name):
            database.restore(tmp_path / name)
    assert texts(database) == {1: "kept"}
    assert add(database, "next") == [2]


def test_a_snapshot_while_others_write_is_whole(database, tmp_path):
    stop = threading.Event()

    def write_on():
        with closing(open_notes(database.path)) as other:
            while not stop.is_set():
                add(other, *("tick tock".split() * 5))

    writer = threading.Thread(target=write_on)
    writer.start()
    try:
        for number in range(5):
            copy = tmp_path / f"copy{number}"
            database.snapshot(copy)
            with closing(sqlite3.connect(copy)) as plain:
                assert plain.execute("PRAGMA integrity_check").fetchone() == ("ok",)
                (count,) = plain.execute("SELECT count(*) FROM notes").fetchone()
                assert count % 10 == 0  # no part of a batch
    finally:
        stop.set()
        writer.join()
    assert [path.name for path in tmp_path.iterdir() if "partial" in path.name] == []


def test_two_threads_share_one_database(database):
    failures = []

    def work():
        try:
            for _ in range(30):
                (id,) = add(database, "tick")
                with database.transaction("edit") as transaction:
                    transaction.update("notes", id, {"text": "tock"})
                with database.reading():
                    assert len(texts(database)) == len(texts(database))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert set(texts(database).values()) == {"tock"}
    assert len(texts(database)) == 60


def test_many_processes_make_the_same_file_at_once(tmp_path):
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from hippo_core import Database\n"
        "while not Path(sys.argv[1]).exists(): time.sleep(0.001)\n"
        "for n in range(15):\n"
        "    d = Database(f'{sys.argv[1]}{n}.db', kind='notes', record_columns={'notes': 'id'},\n"
        "        migrations=['CREATE TABLE notes(id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT);'])\n"
        "    with d.transaction('write') as t: t.insert('notes', [{'text': 'x'}])\n"
        "    d.close()\n"
    )
    go = tmp_path / "go"
    children = [
        subprocess.Popen([sys.executable, "-c", code, str(go)], stderr=subprocess.PIPE, text=True) for _ in range(3)
    ]
    go.touch()
    errors = [child.communicate(timeout=100)[1] for child in children]
    assert errors == ["", "", ""]
    for number in range(15):
        with closing(sqlite3.connect(f"{go}{number}.db")) as plain:
            assert plain.execute("SELECT count(*) FROM notes").fetchone() == (3,)
            assert plain.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_locked_database_says_so(tmp_path):
    path = tmp_path / "notes.db"
    with closing(open_notes(path)) as holder, closing(open_notes(path, timeout_s=0.05)) as other:
        with holder.transaction("long"), pytest.raises(StorageError, match="another writer"):
            add(other, "late")
        assert add(other, "in time") == [1]


def test_reading_sees_one_state(tmp_path):
    path = tmp_path / "notes.db"
    with closing(open_notes(path)) as reader, closing(open_notes(path)) as writer:
        with reader.reading():
            before = texts(reader)
            add(writer, "meanwhile")
            with reader.reading():
                assert texts(reader) == before
        assert texts(reader) == {1: "meanwhile"}


def test_an_up_to_date_database_can_be_opened_while_another_writes(tmp_path):
    path = tmp_path / "notes.db"
    open_notes(path).close()
    before = path.read_bytes()
    open_notes(path).close()
    assert path.read_bytes() == before
    with closing(open_notes(path)) as writer, writer.transaction("long") as transaction:
        transaction.insert("notes", [{"text": "half done"}])
        with closing(open_notes(path, timeout_s=0.05)) as reader:
            assert texts(reader) == {}


def test_what_is_closed_is_closed(database):
    database.close()
    database.close()
    for use in (lambda: database.query("SELECT 1"), lambda: add(database, "x"), lambda: database.undo()):
        with pytest.raises(StoreClosedError, match=r"notes\.db"):
            use()


def test_meta_travels_with_the_database(database, tmp_path):
    with database.transaction("write") as transaction:
        transaction.set_meta("encoder", "hashing")
    database.snapshot(tmp_path / "copy")
    with closing(open_notes(tmp_path / "other.db")) as other:
        assert other.meta("encoder") is None
        other.restore(tmp_path / "copy")
        assert other.meta("encoder") == "hashing"


@pytest.mark.parametrize("count", [0, -1, 1.5, "2", None, True])
def test_undo_counts_whole_operations(database, count):
    add(database, "kept")
    with pytest.raises(InvalidInputError, match="count"):
        database.undo(count)
    assert texts(database) == {1: "kept"}


def test_a_restore_takes_tables_that_refer_to_each_other(tmp_path):
    schema = (
        "CREATE TABLE notes(id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT);\n"
        "CREATE TABLE blobs(id INTEGER PRIMARY KEY AUTOINCREMENT, note INTEGER NOT NULL REFERENCES notes(id));\n"
        "CREATE TABLE words(id INTEGER PRIMARY KEY AUTOINCREMENT, note INTEGER NOT NULL REFERENCES notes(id));"
    )
    columns = {"notes": "id", "blobs": "note", "words": "note"}
    with closing(Database(tmp_path / "db", kind="notes", migrations=[schema], record_columns=columns)) as database:

        def add_note(text):
            with database.transaction("write") as transaction:
                (id,) = transaction.insert("notes", [{"text": text}])
                transaction.insert("blobs", [{"note": id}] * 2)
                transaction.insert("words", [{"note": id}] * 3)

        add_note("then")
        database.snapshot(tmp_path / "copy")
        add_note("later")
        database.restore(tmp_path / "copy")
        assert texts(database) == {1: "then"}
        assert [row[0] for row in database.query("SELECT note FROM blobs UNION ALL SELECT note FROM words")] == [1] * 5
        assert database.check() == []


SETTINGS = ("synchronous", "journal_mode", "foreign_keys")


def settings_of(database):
    return [database.query(f"PRAGMA {name}")[0][0] for name in SETTINGS]


def test_every_connection_syncs_at_each_commit(tmp_path):
    path = tmp_path / "notes.db"
    full = [2, "wal", 1]
    with closing(open_notes(path)) as database, closing(open_notes(path)) as other:
        add(database, "kept")
        database.snapshot(tmp_path / "copy")
        add(database, "gone")
        assert settings_of(database) == settings_of(other) == full
        database.restore(tmp_path / "copy")
        assert settings_of(database) == settings_of(other) == full
        with pytest.raises(StorageError):
            database.restore(tmp_path / "missing")
        database.undo()
        assert settings_of(database) == settings_of(other) == full
        code = (
            "import sys; from hippo_core import Database\n"
            f"schema = {NOTES!r}\n"
            "database = Database(sys.argv[1], kind='notes', migrations=[schema], record_columns={'notes': 'id'})\n"
            f"print([database.query(f'PRAGMA {{name}}')[0][0] for name in {SETTINGS}])"
        )
        done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == str(full)
    with closing(open_notes(tmp_path / "copy")) as database:  # a snapshot that is opened as a store
        assert settings_of(database) == full
    with closing(open_notes()) as database:
        assert settings_of(database) == [2, "memory", 1]
