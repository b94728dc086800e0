-- The catalogue: packs, versions, revisions, files, tags, the change feed, blobs
-- and leases, accounts. Times are microseconds since 1970 UTC. Text compares by
-- its bytes, whatever the database's own collation.

CREATE TABLE namespaces (
    name text COLLATE "C" PRIMARY KEY
);

-- One row a pack that has ever been pushed. The columns from newest_id on repeat
-- what the version says that "latest" means; newest_id is null while the pack has
-- no version.
CREATE TABLE packs (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    namespace    text COLLATE "C" NOT NULL REFERENCES namespaces (name),
    name         text COLLATE "C" NOT NULL,
    path         text COLLATE "C" NOT NULL UNIQUE, -- namespace/name: their byte order is not that of the pair
    newest_id    bigint, -- versions.id
    display_name text COLLATE "C" NOT NULL DEFAULT '',
    layer        text COLLATE "C" NOT NULL DEFAULT '',
    addon_type   text COLLATE "C" NOT NULL DEFAULT '',
    cloud_types  text COLLATE "C" NOT NULL DEFAULT '[]', -- JSON array
    source       text COLLATE "C" NOT NULL DEFAULT '',
    deprecated   boolean NOT NULL DEFAULT false,
    updated_at   bigint NOT NULL DEFAULT 0, -- the newest push of any version
    UNIQUE (namespace, name)
);
CREATE INDEX packs_listed ON packs (path) WHERE newest_id IS NOT NULL;
CREATE INDEX packs_listed_in ON packs (namespace, name) WHERE newest_id IS NOT NULL;

-- A deleted version keeps its row, so that its revisions go on counting.
-- The current revision is the one with the same number; it exists while live.
CREATE TABLE versions (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pack_id    bigint NOT NULL REFERENCES packs (id) ON DELETE CASCADE,
    version    text COLLATE "C" NOT NULL,
    sort_key   text COLLATE "C" NOT NULL,
    group_name text COLLATE "C" NOT NULL,
    deprecated boolean NOT NULL,
    pushed_at  bigint NOT NULL,
    revision   bigint NOT NULL,
    live       boolean NOT NULL,
    UNIQUE (pack_id, version)
);
CREATE INDEX versions_ordered ON versions (pack_id, sort_key) WHERE live;

-- What was uploaded, never changed afterwards but for replaced_at. What is long stands last.
CREATE TABLE revisions (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version_id     bigint NOT NULL REFERENCES versions (id) ON DELETE CASCADE,
    pack_id        bigint NOT NULL REFERENCES packs (id) ON DELETE CASCADE,
    revision       bigint NOT NULL,
    digest         text COLLATE "C" NOT NULL, -- of the zip
    content_digest text COLLATE "C" NOT NULL,
    size           bigint NOT NULL,
    media_type     text COLLATE "C" NOT NULL,
    targz_digest   text COLLATE "C" NOT NULL,
    targz_size     bigint NOT NULL,
    targz_stored   boolean NOT NULL,
    display_name   text COLLATE "C" NOT NULL,
    layer          text COLLATE "C" NOT NULL,
    addon_type     text COLLATE "C" NOT NULL,
    cloud_types    text COLLATE "C" NOT NULL, -- JSON array
    group_name     text COLLATE "C" NOT NULL,
    eol            text COLLATE "C" NOT NULL,
    annotations    text COLLATE "C" NOT NULL, -- JSON object
    deprecated     boolean NOT NULL,
    message        text COLLATE "C" NOT NULL,
    pushed_by      text COLLATE "C" NOT NULL,
    pushed_at      bigint NOT NULL,
    replaced_at    bigint, -- null for the current one
    warnings       text COLLATE "C" NOT NULL, -- JSON array of findings
    manifest       text COLLATE "C" NOT NULL, -- pack.json as uploaded
    readme         text COLLATE "C" NOT NULL,
    UNIQUE (version_id, revision)
);
CREATE UNIQUE INDEX revisions_current ON revisions (version_id) WHERE replaced_at IS NULL;
CREATE INDEX revisions_digest ON revisions (digest);
CREATE INDEX revisions_targz_digest ON revisions (targz_digest);
CREATE INDEX revisions_pack ON revisions (pack_id);
CREATE INDEX revisions_replaced ON revisions (replaced_at) WHERE replaced_at IS NOT NULL;

-- pack_id is here so that any file of a pack is found by its hash in one look.
CREATE TABLE files (
    revision_id bigint NOT NULL REFERENCES revisions (id) ON DELETE CASCADE,
    path        text COLLATE "C" NOT NULL,
    pack_id     bigint NOT NULL,
    size        bigint NOT NULL,
    sha256      bytea NOT NULL,
    executable  boolean NOT NULL,
    data_offset bigint NOT NULL,
    compressed  bigint NOT NULL,
    method      bigint NOT NULL,
    crc32       bigint NOT NULL,
    PRIMARY KEY (revision_id, path)
);
CREATE INDEX files_sha256 ON files (pack_id, sha256);

-- Hand-set tags only: own and parent tags are derived.
CREATE TABLE tags (
    pack_id    bigint NOT NULL REFERENCES packs (id) ON DELETE CASCADE,
    tag        text COLLATE "C" NOT NULL,
    version_id bigint NOT NULL REFERENCES versions (id) ON DELETE CASCADE,
    PRIMARY KEY (pack_id, tag)
);
CREATE INDEX tags_version ON tags (version_id, tag);

-- The feed. Row 0 is the birth of the database. A mark is 8 random bytes in hex.
CREATE TABLE changes (
    seq            bigint PRIMARY KEY,
    mark           text COLLATE "C" NOT NULL,
    type           text COLLATE "C" NOT NULL,
    namespace      text COLLATE "C" NOT NULL,
    name           text COLLATE "C" NOT NULL,
    version        text COLLATE "C" NOT NULL,
    tag            text COLLATE "C" NOT NULL,
    digest         text COLLATE "C" NOT NULL,
    content_digest text COLLATE "C" NOT NULL,
    revision       bigint NOT NULL,
    at             bigint NOT NULL,
    by_whom        text COLLATE "C" NOT NULL
);
CREATE INDEX changes_namespace ON changes (namespace, seq);

-- One row: the newest change. Locked by a writer from drawing numbers to its commit.
CREATE TABLE feed (
    id   bigint PRIMARY KEY CHECK (id = 1),
    head bigint NOT NULL,
    mark text COLLATE "C" NOT NULL
);
INSERT INTO changes (seq, mark, type, namespace, name, version, tag, digest, content_digest, revision, at, by_whom)
SELECT 0, left(u, 8) || right(u, 8), '', '', '', '', '', '', '', 0, 0, ''
FROM replace(gen_random_uuid()::text, '-', '') AS u;
INSERT INTO feed (id, head, mark) SELECT 1, seq, mark FROM changes;

CREATE FUNCTION feed_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('packregistry_feed', '');
    RETURN NULL;
END
$$;
CREATE TRIGGER feed_moved AFTER UPDATE ON feed FOR EACH STATEMENT EXECUTE FUNCTION feed_moved();

-- A row here is the lock between putting a blob and sweeping it. A row without
-- reference and lease means nothing.
CREATE TABLE blobs (
    digest text COLLATE "C" PRIMARY KEY
);

CREATE TABLE leases (
    id         text COLLATE "C" NOT NULL,
    digest     text COLLATE "C" NOT NULL,
    expires_at bigint NOT NULL,
    PRIMARY KEY (id, digest)
);
CREATE INDEX leases_digest ON leases (digest);
CREATE INDEX leases_expires ON leases (expires_at);

CREATE TABLE accounts (
    name       text COLLATE "C" PRIMARY KEY,
    hash       text COLLATE "C" NOT NULL,
    role       text COLLATE "C" NOT NULL,
    updated_at bigint NOT NULL
);
