-- The entries that Palettes have for this registry, what each of them shows, and locks that elect one
-- of several replicas. Times are microseconds since 1970, 0 for never.

CREATE TABLE palette_connections (
    name       text COLLATE "C" PRIMARY KEY, -- of the entry
    palette    text COLLATE "C" NOT NULL, -- its URL
    uid        text COLLATE "C" NOT NULL, -- of the entry there; '' until it is made
    kind       text COLLATE "C" NOT NULL,
    namespace  text COLLATE "C" NOT NULL,
    endpoint   text COLLATE "C" NOT NULL,
    account    text COLLATE "C" NOT NULL,
    credential text COLLATE "C" NOT NULL, -- which hash the account had when Palette was given its password
    created_at bigint NOT NULL,
    changed_at bigint NOT NULL,
    seq        bigint NOT NULL DEFAULT 0, -- of the feed: what is synced
    asked_at   bigint NOT NULL DEFAULT 0,
    ended_at   bigint NOT NULL DEFAULT 0,
    good_at    bigint NOT NULL DEFAULT 0,
    state      text COLLATE "C" NOT NULL DEFAULT '',
    problem    text COLLATE "C" NOT NULL DEFAULT ''
);

CREATE TABLE palette_shown (
    connection text COLLATE "C" NOT NULL REFERENCES palette_connections (name) ON DELETE CASCADE,
    pack       text COLLATE "C" NOT NULL,
    version    text COLLATE "C" NOT NULL,
    revision   bigint NOT NULL,
    since      bigint NOT NULL,
    PRIMARY KEY (connection, pack, version)
);
CREATE INDEX palette_shown_version ON palette_shown (pack, version);

CREATE TABLE locks (
    name       text COLLATE "C" PRIMARY KEY,
    holder     text COLLATE "C" NOT NULL, -- '' when it is free
    term       bigint NOT NULL, -- grows with each change of the holder
    expires_at bigint NOT NULL
);
