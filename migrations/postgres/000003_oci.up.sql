-- OCI content: repositories with their blobs, manifests and tags, upload sessions, and
-- the manifests of packs. Every column named blob is a SHA-256 in the blob store, and its
-- row is what keeps that blob; digest is what a client says.

CREATE TABLE oci_repositories (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name   text COLLATE "C" NOT NULL UNIQUE,
    tagged boolean NOT NULL DEFAULT false -- there is a row in oci_tags
);
CREATE INDEX oci_repositories_listed ON oci_repositories (name) WHERE tagged;

CREATE TABLE oci_blobs (
    repository_id bigint NOT NULL REFERENCES oci_repositories (id) ON DELETE CASCADE,
    digest        text COLLATE "C" NOT NULL,
    blob          text COLLATE "C" NOT NULL,
    size          bigint NOT NULL,
    put_at        bigint NOT NULL,
    PRIMARY KEY (repository_id, digest)
);
CREATE INDEX oci_blobs_blob ON oci_blobs (blob);
CREATE INDEX oci_blobs_put ON oci_blobs (put_at);

CREATE TABLE oci_manifests (
    repository_id bigint NOT NULL REFERENCES oci_repositories (id) ON DELETE CASCADE,
    digest        text COLLATE "C" NOT NULL,
    blob          text COLLATE "C" NOT NULL,
    size          bigint NOT NULL,
    media_type    text COLLATE "C" NOT NULL,
    artifact_type text COLLATE "C" NOT NULL,
    subject       text COLLATE "C" NOT NULL, -- '' for none
    annotations   text COLLATE "C" NOT NULL, -- JSON object
    PRIMARY KEY (repository_id, digest)
);
CREATE INDEX oci_manifests_blob ON oci_manifests (blob);
CREATE INDEX oci_manifests_subject ON oci_manifests (repository_id, subject, digest) WHERE subject <> '';

-- What a manifest names: blobs and manifests of its repository.
CREATE TABLE oci_refers (
    repository_id bigint NOT NULL,
    manifest      text COLLATE "C" NOT NULL,
    digest        text COLLATE "C" NOT NULL,
    PRIMARY KEY (repository_id, manifest, digest),
    FOREIGN KEY (repository_id, manifest) REFERENCES oci_manifests (repository_id, digest) ON DELETE CASCADE
);
CREATE INDEX oci_refers_digest ON oci_refers (repository_id, digest);

CREATE TABLE oci_tags (
    repository_id bigint NOT NULL,
    tag           text COLLATE "C" NOT NULL,
    digest        text COLLATE "C" NOT NULL,
    PRIMARY KEY (repository_id, tag),
    FOREIGN KEY (repository_id, digest) REFERENCES oci_manifests (repository_id, digest) ON DELETE CASCADE
);
CREATE INDEX oci_tags_digest ON oci_tags (repository_id, digest);

-- Sessions know their repository by name: it need not exist yet.
CREATE TABLE oci_uploads (
    id         text COLLATE "C" PRIMARY KEY,
    repository text COLLATE "C" NOT NULL,
    user_name  text COLLATE "C" NOT NULL,
    uploaded   bigint NOT NULL, -- the offset
    lease_id   text COLLATE "C" NOT NULL,
    expires_at bigint NOT NULL
);
CREATE INDEX oci_uploads_repository ON oci_uploads (repository);
CREATE INDEX oci_uploads_expires ON oci_uploads (expires_at);

CREATE TABLE oci_upload_parts (
    upload_id text COLLATE "C" NOT NULL REFERENCES oci_uploads (id) ON DELETE CASCADE,
    part      bigint NOT NULL, -- from 0
    digest    text COLLATE "C" NOT NULL,
    blob      text COLLATE "C" NOT NULL,
    size      bigint NOT NULL,
    PRIMARY KEY (upload_id, part)
);
CREATE INDEX oci_upload_parts_blob ON oci_upload_parts (blob);

-- A revision has any number of manifests, of which one is current.
CREATE TABLE pack_manifests (
    revision_id   bigint NOT NULL REFERENCES revisions (id) ON DELETE CASCADE,
    pack_id       bigint NOT NULL,
    digest        text COLLATE "C" NOT NULL,
    blob          text COLLATE "C" NOT NULL,
    size          bigint NOT NULL,
    media_type    text COLLATE "C" NOT NULL,
    artifact_type text COLLATE "C" NOT NULL,
    subject       text COLLATE "C" NOT NULL, -- '' for none
    annotations   text COLLATE "C" NOT NULL, -- JSON object
    is_current    boolean NOT NULL,
    PRIMARY KEY (revision_id, digest)
);
CREATE UNIQUE INDEX pack_manifests_current ON pack_manifests (revision_id) WHERE is_current;
CREATE INDEX pack_manifests_digest ON pack_manifests (digest, pack_id);
CREATE INDEX pack_manifests_blob ON pack_manifests (blob);

-- The stored blobs that the manifest of a pack names.
CREATE TABLE pack_manifest_blobs (
    revision_id bigint NOT NULL,
    manifest    text COLLATE "C" NOT NULL,
    digest      text COLLATE "C" NOT NULL,
    pack_id     bigint NOT NULL,
    blob        text COLLATE "C" NOT NULL,
    size        bigint NOT NULL,
    PRIMARY KEY (revision_id, manifest, digest),
    FOREIGN KEY (revision_id, manifest) REFERENCES pack_manifests (revision_id, digest) ON DELETE CASCADE
);
CREATE INDEX pack_manifest_blobs_digest ON pack_manifest_blobs (digest, pack_id);
CREATE INDEX pack_manifest_blobs_blob ON pack_manifest_blobs (blob);
