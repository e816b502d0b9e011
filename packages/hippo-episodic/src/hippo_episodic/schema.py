"""The tables of an episodic store."""

KIND = "hippo-episodic"
"""What the database file says it is."""

LEDGER_SCHEMA = """
CREATE TABLE replays(
    id INTEGER PRIMARY KEY ON CONFLICT IGNORE AUTOINCREMENT,
    episode INTEGER NOT NULL,
    adapter TEXT NOT NULL,
    moment REAL NOT NULL,
    known INTEGER
);
CREATE INDEX replays_by_episode ON replays(episode);
CREATE INDEX replays_by_adapter ON replays(adapter, episode);
CREATE TABLE replay_parents(
    adapter TEXT PRIMARY KEY ON CONFLICT IGNORE, parent TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE replay_redactions(
    episode INTEGER PRIMARY KEY ON CONFLICT IGNORE, moment REAL NOT NULL
);
CREATE TRIGGER replays_stay BEFORE DELETE ON replays BEGIN SELECT RAISE(IGNORE); END;
CREATE TRIGGER replay_parents_stay BEFORE DELETE ON replay_parents BEGIN SELECT RAISE(IGNORE); END;
CREATE TRIGGER replay_redactions_stay BEFORE DELETE ON replay_redactions BEGIN SELECT RAISE(IGNORE); END;
"""
"""What was taught to which network. `known` is NULL for a replay, 1 where the weights were found to know the episode, 0
where they were found to have lost it.

Not journaled, and no foreign keys: neither an undo nor a delete un-teaches a network. The triggers and the conflict
clauses let these tables only grow, through a restore too: the store's own entries stay, and those of the snapshot join
them where their number (name, episode) is free."""

MIGRATIONS = (
    """
CREATE TABLE episodes(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    digest BLOB NOT NULL UNIQUE,
    text TEXT NOT NULL,
    slots TEXT NOT NULL,
    salience TEXT NOT NULL,
    sketch BLOB,
    vector BLOB NOT NULL
);
CREATE TABLE occurrences(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    episode INTEGER NOT NULL REFERENCES episodes(id),
    source TEXT NOT NULL,
    doc_id TEXT,
    session TEXT,
    moment REAL NOT NULL,
    provenance TEXT NOT NULL
);
CREATE TABLE accesses(
    episode INTEGER PRIMARY KEY REFERENCES episodes(id) ON DELETE CASCADE,
    count INTEGER NOT NULL,
    last REAL NOT NULL
);
CREATE INDEX occurrences_by_episode ON occurrences(episode);
CREATE INDEX occurrences_by_source ON occurrences(source, doc_id, episode);
CREATE INDEX occurrences_by_session ON occurrences(session, episode);
CREATE TABLE blobs(
    id INTEGER PRIMARY KEY,
    episode INTEGER NOT NULL REFERENCES episodes(id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    model_digest TEXT NOT NULL,
    data BLOB NOT NULL,
    UNIQUE(episode, kind, model_digest)
);
CREATE VIRTUAL TABLE episode_words USING fts5(
    text, content = 'episodes', content_rowid = 'id', tokenize = 'porter unicode61 remove_diacritics 2'
);
CREATE TRIGGER episode_words_insert AFTER INSERT ON episodes BEGIN
    INSERT INTO episode_words(rowid, text) VALUES (new.id, new.text);
END;
CREATE TRIGGER episode_words_delete AFTER DELETE ON episodes BEGIN
    INSERT INTO episode_words(episode_words, rowid, text) VALUES ('delete', old.id, old.text);
END;
CREATE TRIGGER episode_words_update AFTER UPDATE OF text ON episodes BEGIN
    INSERT INTO episode_words(episode_words, rowid, text) VALUES ('delete', old.id, old.text);
    INSERT INTO episode_words(rowid, text) VALUES (new.id, new.text);
END;
"""
    + LEDGER_SCHEMA,
)
"""SQL that brings a database to the newest schema. `episode_words` is the lexical index: SQLite keeps it in step
with `episodes` inside the same transaction, so it can never be stale.

Not journaled, gone with their episode, and not brought back by an undo are `blobs`, since what a model makes of an
episode it can make again, and `accesses`, a statistic (see `access.py`)."""

RECORD_COLUMNS = {"episodes": "id", "occurrences": "episode"}
"""Which column of each journaled table holds the episode's id."""
