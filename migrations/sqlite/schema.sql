-- The schema of the catalogue in SQLite, made from the migrations by `make schema`.

CREATE TABLE accounts (
    name       text PRIMARY KEY NOT NULL,
    hash       text NOT NULL,
    role       text NOT NULL,
    updated_at integer NOT NULL
);

CREATE TABLE blobs (
    digest text PRIMARY KEY NOT NULL
) WITHOUT ROWID;

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

CREATE TABLE feed (
    id   integer PRIMARY KEY CHECK (id = 1),
    head integer NOT NULL,
    mark text NOT NULL
);

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

CREATE TABLE leases (
    id         text NOT NULL,
    digest     text NOT NULL,
    expires_at integer NOT NULL,
    PRIMARY KEY (id, digest)
) WITHOUT ROWID;

CREATE INDEX leases_digest ON leases (digest);

CREATE INDEX leases_expires ON leases (expires_at);

CREATE TABLE locks (
    name       text PRIMARY KEY NOT NULL,
    holder     text NOT NULL, -- '' when it is free
    term       integer NOT NULL, -- grows with each change of the holder
    expires_at integer NOT NULL
) WITHOUT ROWID;

CREATE TABLE namespaces (
    name text PRIMARY KEY NOT NULL
) WITHOUT ROWID;

CREATE TABLE oci_blobs (
    repository_id integer NOT NULL REFERENCES oci_repositories (id) ON DELETE CASCADE,
    digest        text NOT NULL,
    blob          text NOT NULL,
    size          integer NOT NULL,
    put_at        integer NOT NULL,
    PRIMARY KEY (repository_id, digest)
) WITHOUT ROWID;

CREATE INDEX oci_blobs_blob ON oci_blobs (blob);

CREATE INDEX oci_blobs_put ON oci_blobs (put_at);

CREATE TABLE oci_manifests (
    repository_id integer NOT NULL REFERENCES oci_repositories (id) ON DELETE CASCADE,
    digest        text NOT NULL,
    blob          text NOT NULL,
    size          integer NOT NULL,
    media_type    text NOT NULL,
    artifact_type text NOT NULL,
    subject       text NOT NULL, -- '' for none
    annotations   text NOT NULL, -- JSON object
    PRIMARY KEY (repository_id, digest)
) WITHOUT ROWID;

CREATE INDEX oci_manifests_blob ON oci_manifests (blob);

CREATE INDEX oci_manifests_subject ON oci_manifests (repository_id, subject, digest) WHERE subject <> '';

CREATE TABLE oci_refers (
    repository_id integer NOT NULL,
    manifest      text NOT NULL,
    digest        text NOT NULL,
    PRIMARY KEY (repository_id, manifest, digest),
    FOREIGN KEY (repository_id, manifest) REFERENCES oci_manifests (repository_id, digest) ON DELETE CASCADE
) WITHOUT ROWID;

CREATE INDEX oci_refers_digest ON oci_refers (repository_id, digest);

CREATE TABLE oci_repositories (
    id     integer PRIMARY KEY AUTOINCREMENT,
    name   text NOT NULL UNIQUE,
    tagged boolean NOT NULL DEFAULT false -- there is a row in oci_tags
);

CREATE INDEX oci_repositories_listed ON oci_repositories (name) WHERE tagged;

CREATE TABLE oci_tags (
    repository_id integer NOT NULL,
    tag           text NOT NULL,
    digest        text NOT NULL,
    PRIMARY KEY (repository_id, tag),
    FOREIGN KEY (repository_id, digest) REFERENCES oci_manifests (repository_id, digest) ON DELETE CASCADE
) WITHOUT ROWID;

CREATE INDEX oci_tags_digest ON oci_tags (repository_id, digest);

CREATE TABLE oci_upload_parts (
    upload_id text NOT NULL REFERENCES oci_uploads (id) ON DELETE CASCADE,
    part      integer NOT NULL, -- from 0
    digest    text NOT NULL,
    blob      text NOT NULL,
    size      integer NOT NULL,
    PRIMARY KEY (upload_id, part)
) WITHOUT ROWID;

CREATE INDEX oci_upload_parts_blob ON oci_upload_parts (blob);

CREATE TABLE oci_uploads (
    id         text PRIMARY KEY NOT NULL,
    repository text NOT NULL,
    user_name  text NOT NULL,
    uploaded   integer NOT NULL, -- the offset
    lease_id   text NOT NULL,
    expires_at integer NOT NULL
) WITHOUT ROWID;

CREATE INDEX oci_uploads_expires ON oci_uploads (expires_at);

CREATE INDEX oci_uploads_repository ON oci_uploads (repository);

CREATE TABLE pack_manifest_blobs (
    revision_id integer NOT NULL,
    manifest    text NOT NULL,
    digest      text NOT NULL,
    pack_id     integer NOT NULL,
    blob        text NOT NULL,
    size        integer NOT NULL,
    PRIMARY KEY (revision_id, manifest, digest),
    FOREIGN KEY (revision_id, manifest) REFERENCES pack_manifests (revision_id, digest) ON DELETE CASCADE
) WITHOUT ROWID;

CREATE INDEX pack_manifest_blobs_blob ON pack_manifest_blobs (blob);

CREATE INDEX pack_manifest_blobs_digest ON pack_manifest_blobs (digest, pack_id);

CREATE TABLE pack_manifests (
    revision_id   integer NOT NULL REFERENCES revisions (id) ON DELETE CASCADE,
    pack_id       integer NOT NULL,
    digest        text NOT NULL,
    blob          text NOT NULL,
    size          integer NOT NULL,
    media_type    text NOT NULL,
    artifact_type text NOT NULL,
    subject       text NOT NULL, -- '' for none
    annotations   text NOT NULL, -- JSON object
    is_current    boolean NOT NULL,
    PRIMARY KEY (revision_id, digest)
) WITHOUT ROWID;

CREATE INDEX pack_manifests_blob ON pack_manifests (blob);

CREATE UNIQUE INDEX pack_manifests_current ON pack_manifests (revision_id) WHERE is_current;

CREATE INDEX pack_manifests_digest ON pack_manifests (digest, pack_id);

CREATE TABLE pack_search (
    pack_id   integer PRIMARY KEY REFERENCES packs (id) ON DELETE CASCADE,
    namespace text NOT NULL,
    name      text NOT NULL,
    age       integer NOT NULL, -- minus packs.updated_at, so that all orders ascend
    facets    text NOT NULL -- JSON: what facets count
);

CREATE INDEX pack_search_age ON pack_search (age, namespace, name);

CREATE INDEX pack_search_age_in ON pack_search (namespace, age, name);

CREATE UNIQUE INDEX pack_search_name ON pack_search (name, namespace);

CREATE UNIQUE INDEX pack_search_name_in ON pack_search (namespace, name);

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

CREATE INDEX revisions_pack ON revisions (pack_id);

CREATE INDEX revisions_replaced ON revisions (replaced_at) WHERE replaced_at IS NOT NULL;

CREATE INDEX revisions_targz_digest ON revisions (targz_digest);

CREATE TABLE schema_history (version bigint PRIMARY KEY, applied_at bigint NOT NULL);

CREATE TABLE search_grams (
    gram text NOT NULL,
    len  integer NOT NULL, -- letters of form
    form text NOT NULL,
    PRIMARY KEY (gram, len, form)
) WITHOUT ROWID;

CREATE VIRTUAL TABLE search_terms USING fts5 (
    terms, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii', prefix = '2 3 4 5'
);

CREATE TABLE tags (
    pack_id    integer NOT NULL REFERENCES packs (id) ON DELETE CASCADE,
    tag        text NOT NULL,
    version_id integer NOT NULL REFERENCES versions (id) ON DELETE CASCADE,
    PRIMARY KEY (pack_id, tag)
) WITHOUT ROWID;

CREATE INDEX tags_version ON tags (version_id, tag);

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
