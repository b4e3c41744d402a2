-- Sessions and their messages.
--
-- Times are Unix milliseconds, money is integer pico-dollars, content is the JSON text of Messages content blocks exactly
-- as it came. Both tables have an integer key of their own: a message grows far beyond the size for which a table
-- WITHOUT ROWID pays (https://www.sqlite.org/withoutrowid.html), and new rows then land on the same last pages, which
-- keeps a group commit small.

CREATE TABLE session (
    key             INTEGER PRIMARY KEY,
    owner           TEXT    NOT NULL,
    id              TEXT    NOT NULL,
    name            TEXT    NOT NULL,
    agent_id        TEXT    NOT NULL,
    metadata        TEXT    NOT NULL, -- a JSON object of strings
    provider        TEXT,             -- NULL: the configured one
    model           TEXT,             -- NULL: the configured one
    created_at_ms   INTEGER NOT NULL,
    updated_at_ms   INTEGER NOT NULL,
    message_count   INTEGER NOT NULL,
    total_cost_pico INTEGER NOT NULL,
    has_unpriced    INTEGER NOT NULL CHECK (has_unpriced IN (0, 1)),
    UNIQUE (owner, id)
) STRICT;

-- The listing reads this index backwards: newest first, and among equals the one made last.
CREATE INDEX session_by_update ON session (owner, updated_at_ms);

CREATE TABLE message (
    key                   INTEGER PRIMARY KEY,
    session_key           INTEGER NOT NULL REFERENCES session (key) ON DELETE CASCADE,
    sequence              INTEGER NOT NULL, -- 1, 2, 3, … within its session
    id                    TEXT    NOT NULL,
    role                  TEXT    NOT NULL,
    content               TEXT    NOT NULL,
    at_ms                 INTEGER NOT NULL,
    undelivered           INTEGER NOT NULL CHECK (undelivered IN (0, 1)),
    -- What the exchange used: all NULL where no model was asked. A NULL cost beside a model is unpriced, which is not 0.
    provider              TEXT,
    model                 TEXT,
    input_tokens          INTEGER,
    output_tokens         INTEGER,
    cache_write_5m_tokens INTEGER,
    cache_write_1h_tokens INTEGER,
    cache_read_tokens     INTEGER,
    cost_pico             INTEGER,
    estimated             INTEGER,
    UNIQUE (session_key, sequence),
    CHECK (CASE
        WHEN model IS NULL THEN coalesce(
            provider, input_tokens, output_tokens, cache_write_5m_tokens, cache_write_1h_tokens, cache_read_tokens,
            cost_pico, estimated
        ) IS NULL
        -- IS TRUE: a check that comes to NULL would pass.
        ELSE (
            provider IS NOT NULL
            AND min(input_tokens, output_tokens, cache_write_5m_tokens, cache_write_1h_tokens, cache_read_tokens) >= 0
            AND coalesce(cost_pico, 0) >= 0
            AND estimated IN (0, 1)
        ) IS TRUE
    END)
) STRICT;
