"""The tables of an episodic store."""

KIND = "hippo-episodic"
"""What the database file says it is."""

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
CREATE INDEX occurrences_by_episode ON occurrences(episode);
CREATE INDEX occurrences_by_source ON occurrences(source, doc_id);
CREATE INDEX occurrences_by_session ON occurrences(session);
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
""",
)
"""SQL that brings a database to the newest schema. `episode_words` is the lexical index: SQLite keeps it in step
with `episodes` inside the same transaction, so it can never be stale. `blobs` is not journaled: what a model makes of
an episode it can make again."""

RECORD_COLUMNS = {"episodes": "id", "occurrences": "episode"}
"""Which column of each journaled table holds the episode's id."""
