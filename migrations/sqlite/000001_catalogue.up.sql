-- The catalogue: packs, versions, revisions, files, tags, the change feed, blobs
-- and leases, accounts. Times are microseconds since 1970 UTC.

CREATE TABLE namespaces (
    name text PRIMARY KEY NOT NULL
) WITHOUT ROWID;

-- One row a pack that has ever been pushed. The columns from newest_id on repeat
-- what the version says that "latest" means; newest_id is null while the pack has
-- no version.
CREATE TABLE packs (
    id           integer PRIMARY KEY AUTOINCREMENT,
    namespace    text NOT NULL REFERENCES namespaces (name),
    name         text NOT NULL,
    path         text NOT NULL UNIQUE, -- namespace/name: their byte order is not that of the pair
    newest_id    integer, -- versions.id
    display_name text NOT NULL DEFAULT '',
    layer        text NOT NULL DEFAULT '',
    addon_type   text NOT NULL DEFAULT '',
    cloud_types  text NOT NULL DEFAULT '[]', -- JSON array
    source       text NOT NULL DEFAULT '',
    deprecated   boolean NOT NULL DEFAULT false,
    updated_at   integer NOT NULL DEFAULT 0, -- the newest push of any version
    UNIQUE (namespace, name)
);
CREATE INDEX packs_listed ON packs (path) WHERE newest_id IS NOT NULL;
CREATE INDEX packs_listed_in ON packs (namespace, name) WHERE newest_id IS NOT NULL;

-- A deleted version keeps its row, so that its revisions go on counting.
-- The current revision is the one with the same number; it exists while live.
CREATE TABLE versions (
    id         integer PRIMARY KEY AUTOINCREMENT,
    pack_id    integer NOT NULL REFERENCES packs (id) ON DELETE CASCADE,
    version    text NOT NULL,
    sort_key   text NOT NULL,
    group_name text NOT NULL,
    deprecated boolean NOT NULL,
    pushed_at  integer NOT NULL,
    revision   integer NOT NULL,
    live       boolean NOT NULL,
    UNIQUE (pack_id, version)
);
CREATE INDEX versions_ordered ON versions (pack_id, sort_key) WHERE live;

-- What was uploaded, never changed afterwards but for replaced_at. What is long stands last.
CREATE TABLE revisions (
    id             integer PRIMARY KEY AUTOINCREMENT,
    version_id     integer NOT NULL REFERENCES versions (id) ON DELETE CASCADE,
    pack_id        integer NOT NULL REFERENCES packs (id) ON DELETE CASCADE,
    revision       integer NOT NULL,
    digest         text NOT NULL, -- of the zip
    content_digest text NOT NULL,
    size           integer NOT NULL,
    media_type     text NOT NULL,
    targz_digest   text NOT NULL,
    targz_size     integer NOT NULL,
    targz_stored   boolean NOT NULL,
    display_name   text NOT NULL,
    layer          text NOT NULL,
    addon_type     text NOT NULL,
    cloud_types    text NOT NULL, -- JSON array
    group_name     text NOT NULL,
    eol            text NOT NULL,
    annotations    text NOT NULL, -- JSON object
    deprecated     boolean NOT NULL,
    message        text NOT NULL,
    pushed_by      text NOT NULL,
    pushed_at      integer NOT NULL,
    replaced_at    integer, -- null for the current one
    warnings       text NOT NULL, -- JSON array of findings
    manifest       text NOT NULL, -- pack.json as uploaded
    readme         text NOT NULL,
    UNIQUE (version_id, revision)
);
CREATE UNIQUE INDEX revisions_current ON revisions (version_id) WHERE replaced_at IS NULL;
CREATE INDEX revisions_digest ON revisions (digest);
CREATE INDEX revisions_targz_digest ON revisions (targz_digest);
CREATE INDEX revisions_pack ON revisions (pack_id);
CREATE INDEX revisions_replaced ON revisions (replaced_at) WHERE replaced_at IS NOT NULL;

-- pack_id is here so that any file of a pack is found by its hash in one look.
CREATE TABLE files (
    revision_id integer NOT NULL REFERENCES revisions (id) ON DELETE CASCADE,
    path        text NOT NULL,
    pack_id     integer NOT NULL,
    size        integer NOT NULL,
    sha256      blob NOT NULL,
    executable  boolean NOT NULL,
    data_offset integer NOT NULL,
    compressed  integer NOT NULL,
    method      integer NOT NULL,
    crc32       integer NOT NULL,
    PRIMARY KEY (revision_id, path)
) WITHOUT ROWID;
CREATE INDEX files_sha256 ON files (pack_id, sha256);

-- Hand-set tags only: own and parent tags are derived.
CREATE TABLE tags (
    pack_id    integer NOT NULL REFERENCES packs (id) ON DELETE CASCADE,
    tag        text NOT NULL,
    version_id integer NOT NULL REFERENCES versions (id) ON DELETE CASCADE,
    PRIMARY KEY (pack_id, tag)
) WITHOUT ROWID;
CREATE INDEX tags_version ON tags (version_id, tag);

-- The feed. Row 0 is the birth of the database. A mark is 8 random bytes in hex.
CREATE TABLE changes (
    seq            integer PRIMARY KEY,
    mark           text NOT NULL,
    type           text NOT NULL,
    namespace      text NOT NULL,
    name           text NOT NULL,
    version        text NOT NULL,
    tag            text NOT NULL,
    digest         text NOT NULL,
    content_digest text NOT NULL,
    revision       integer NOT NULL,
    at             integer NOT NULL,
    by_whom        text NOT NULL
);
CREATE INDEX changes_namespace ON changes (namespace, seq);

-- One row: the newest change. Locked by a writer from drawing numbers to its commit.
CREATE TABLE feed (
    id   integer PRIMARY KEY CHECK (id = 1),
    head integer NOT NULL,
    mark text NOT NULL
);
INSERT INTO changes (seq, mark, type, namespace, name, version, tag, digest, content_digest, revision, at, by_whom)
VALUES (0, lower(hex(randomblob(8))), '', '', '', '', '', '', '', 0, 0, '');
INSERT INTO feed (id, head, mark) SELECT 1, seq, mark FROM changes;

-- A row here is the lock between putting a blob and sweeping it. A row without
-- reference and lease means nothing.
CREATE TABLE blobs (
    digest text PRIMARY KEY NOT NULL
) WITHOUT ROWID;

CREATE TABLE leases (
    id         text NOT NULL,
    digest     text NOT NULL,
    expires_at integer NOT NULL,
    PRIMARY KEY (id, digest)
) WITHOUT ROWID;
CREATE INDEX leases_digest ON leases (digest);
CREATE INDEX leases_expires ON leases (expires_at);

CREATE TABLE accounts (
    name       text PRIMARY KEY NOT NULL,
    hash       text NOT NULL,
    role       text NOT NULL,
    updated_at integer NOT NULL
);
