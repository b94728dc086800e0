-- The entries that Palettes have for this registry, what each of them shows, and locks that elect one
-- of several replicas. Times are microseconds since 1970, 0 for never.

CREATE TABLE palette_connections (
    name       text PRIMARY KEY NOT NULL, -- of the entry
    palette    text NOT NULL, -- its URL
    uid        text NOT NULL, -- of the entry there; '' until it is made
    kind       text NOT NULL,
    namespace  text NOT NULL,
    endpoint   text NOT NULL,
    account    text NOT NULL,
    credential text NOT NULL, -- which hash the account had when Palette was given its password
    created_at integer NOT NULL,
    changed_at integer NOT NULL,
    seq        integer NOT NULL DEFAULT 0, -- of the feed: what is synced
    asked_at   integer NOT NULL DEFAULT 0,
    ended_at   integer NOT NULL DEFAULT 0,
    good_at    integer NOT NULL DEFAULT 0,
    state      text NOT NULL DEFAULT '',
    problem    text NOT NULL DEFAULT ''
) WITHOUT ROWID;

CREATE TABLE palette_shown (
    connection text NOT NULL REFERENCES palette_connections (name) ON DELETE CASCADE,
    pack       text NOT NULL,
    version    text NOT NULL,
    revision   integer NOT NULL,
    since      integer NOT NULL,
    PRIMARY KEY (connection, pack, version)
) WITHOUT ROWID;
CREATE INDEX palette_shown_version ON palette_shown (pack, version);

CREATE TABLE locks (
    name       text PRIMARY KEY NOT NULL,
    holder     text NOT NULL, -- '' when it is free
    term       integer NOT NULL, -- grows with each change of the holder
    expires_at integer NOT NULL
) WITHOUT ROWID;

