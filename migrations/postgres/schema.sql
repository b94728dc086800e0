-- The schema of the catalogue in Postgres, made from the migrations by `make schema`.

TABLE accounts
  name text COLLATE "C" NOT NULL
  hash text COLLATE "C" NOT NULL
  role text COLLATE "C" NOT NULL
  updated_at bigint NOT NULL
  CONSTRAINT accounts_pkey PRIMARY KEY (name)

TABLE blobs
  digest text COLLATE "C" NOT NULL
  CONSTRAINT blobs_pkey PRIMARY KEY (digest)

TABLE changes
  seq bigint NOT NULL
  mark text COLLATE "C" NOT NULL
  type text COLLATE "C" NOT NULL
  namespace text COLLATE "C" NOT NULL
  name text COLLATE "C" NOT NULL
  version text COLLATE "C" NOT NULL
  tag text COLLATE "C" NOT NULL
  digest text COLLATE "C" NOT NULL
  content_digest text COLLATE "C" NOT NULL
  revision bigint NOT NULL
  at bigint NOT NULL
  by_whom text COLLATE "C" NOT NULL
  CONSTRAINT changes_pkey PRIMARY KEY (seq)
  CREATE INDEX changes_namespace ON changes USING btree (namespace, seq)

TABLE feed
  id bigint NOT NULL
  head bigint NOT NULL
  mark text COLLATE "C" NOT NULL
  CONSTRAINT feed_id_check CHECK ((id = 1))
  CONSTRAINT feed_pkey PRIMARY KEY (id)
  CREATE TRIGGER feed_moved AFTER UPDATE ON feed FOR EACH STATEMENT EXECUTE FUNCTION feed_moved()

TABLE files
  revision_id bigint NOT NULL
  path text COLLATE "C" NOT NULL
  pack_id bigint NOT NULL
  size bigint NOT NULL
  sha256 bytea NOT NULL
  executable boolean NOT NULL
  data_offset bigint NOT NULL
  compressed bigint NOT NULL
  method bigint NOT NULL
  crc32 bigint NOT NULL
  CONSTRAINT files_pkey PRIMARY KEY (revision_id, path)
  CONSTRAINT files_revision_id_fkey FOREIGN KEY (revision_id) REFERENCES revisions(id) ON DELETE CASCADE
  CREATE INDEX files_sha256 ON files USING btree (pack_id, sha256)

TABLE leases
  id text COLLATE "C" NOT NULL
  digest text COLLATE "C" NOT NULL
  expires_at bigint NOT NULL
  CONSTRAINT leases_pkey PRIMARY KEY (id, digest)
  CREATE INDEX leases_digest ON leases USING btree (digest)
  CREATE INDEX leases_expires ON leases USING btree (expires_at)

TABLE locks
  name text COLLATE "C" NOT NULL
  holder text COLLATE "C" NOT NULL
  term bigint NOT NULL
  expires_at bigint NOT NULL
  CONSTRAINT locks_pkey PRIMARY KEY (name)

TABLE namespaces
  name text COLLATE "C" NOT NULL
  CONSTRAINT namespaces_pkey PRIMARY KEY (name)

TABLE oci_blobs
  repository_id bigint NOT NULL
  digest text COLLATE "C" NOT NULL
  blob text COLLATE "C" NOT NULL
  size bigint NOT NULL
  put_at bigint NOT NULL
  CONSTRAINT oci_blobs_pkey PRIMARY KEY (repository_id, digest)
  CONSTRAINT oci_blobs_repository_id_fkey FOREIGN KEY (repository_id) REFERENCES oci_repositories(id) ON DELETE CASCADE
  CREATE INDEX oci_blobs_blob ON oci_blobs USING btree (blob)
  CREATE INDEX oci_blobs_put ON oci_blobs USING btree (put_at)

TABLE oci_manifests
  repository_id bigint NOT NULL
  digest text COLLATE "C" NOT NULL
  blob text COLLATE "C" NOT NULL
  size bigint NOT NULL
  media_type text COLLATE "C" NOT NULL
  artifact_type text COLLATE "C" NOT NULL
  subject text COLLATE "C" NOT NULL
  annotations text COLLATE "C" NOT NULL
  CONSTRAINT oci_manifests_pkey PRIMARY KEY (repository_id, digest)
  CONSTRAINT oci_manifests_repository_id_fkey FOREIGN KEY (repository_id) REFERENCES oci_repositories(id) ON DELETE CASCADE
  CREATE INDEX oci_manifests_blob ON oci_manifests USING btree (blob)
  CREATE INDEX oci_manifests_subject ON oci_manifests USING btree (repository_id, subject, digest) WHERE (subject <> ''::text)

TABLE oci_refers
  repository_id bigint NOT NULL
  manifest text COLLATE "C" NOT NULL
  digest text COLLATE "C" NOT NULL
  CONSTRAINT oci_refers_pkey PRIMARY KEY (repository_id, manifest, digest)
  CONSTRAINT oci_refers_repository_id_manifest_fkey FOREIGN KEY (repository_id, manifest) REFERENCES oci_manifests(repository_id, digest) ON DELETE CASCADE
  CREATE INDEX oci_refers_digest ON oci_refers USING btree (repository_id, digest)

TABLE oci_repositories
  id bigint NOT NULL GENERATED ALWAYS AS IDENTITY
  name text COLLATE "C" NOT NULL
  tagged boolean NOT NULL DEFAULT false
  CONSTRAINT oci_repositories_name_key UNIQUE (name)
  CONSTRAINT oci_repositories_pkey PRIMARY KEY (id)
  CREATE INDEX oci_repositories_listed ON oci_repositories USING btree (name) WHERE tagged

TABLE oci_tags
  repository_id bigint NOT NULL
  tag text COLLATE "C" NOT NULL
  digest text COLLATE "C" NOT NULL
  CONSTRAINT oci_tags_pkey PRIMARY KEY (repository_id, tag)
  CONSTRAINT oci_tags_repository_id_digest_fkey FOREIGN KEY (repository_id, digest) REFERENCES oci_manifests(repository_id, digest) ON DELETE CASCADE
  CREATE INDEX oci_tags_digest ON oci_tags USING btree (repository_id, digest)

TABLE oci_upload_parts
  upload_id text COLLATE "C" NOT NULL
  part bigint NOT NULL
  digest text COLLATE "C" NOT NULL
  blob text COLLATE "C" NOT NULL
  size bigint NOT NULL
  CONSTRAINT oci_upload_parts_pkey PRIMARY KEY (upload_id, part)
  CONSTRAINT oci_upload_parts_upload_id_fkey FOREIGN KEY (upload_id) REFERENCES oci_uploads(id) ON DELETE CASCADE
  CREATE INDEX oci_upload_parts_blob ON oci_upload_parts USING btree (blob)

TABLE oci_uploads
  id text COLLATE "C" NOT NULL
  repository text COLLATE "C" NOT NULL
  user_name text COLLATE "C" NOT NULL
  uploaded bigint NOT NULL
  lease_id text COLLATE "C" NOT NULL
  expires_at bigint NOT NULL
  CONSTRAINT oci_uploads_pkey PRIMARY KEY (id)
  CREATE INDEX oci_uploads_expires ON oci_uploads USING btree (expires_at)
  CREATE INDEX oci_uploads_repository ON oci_uploads USING btree (repository)

TABLE pack_manifest_blobs
  revision_id bigint NOT NULL
  manifest text COLLATE "C" NOT NULL
  digest text COLLATE "C" NOT NULL
  pack_id bigint NOT NULL
  blob text COLLATE "C" NOT NULL
  size bigint NOT NULL
  CONSTRAINT pack_manifest_blobs_pkey PRIMARY KEY (revision_id, manifest, digest)
  CONSTRAINT pack_manifest_blobs_revision_id_manifest_fkey FOREIGN KEY (revision_id, manifest) REFERENCES pack_manifests(revision_id, digest) ON DELETE CASCADE
  CREATE INDEX pack_manifest_blobs_blob ON pack_manifest_blobs USING btree (blob)
  CREATE INDEX pack_manifest_blobs_digest ON pack_manifest_blobs USING btree (digest, pack_id)

TABLE pack_manifests
  revision_id bigint NOT NULL
  pack_id bigint NOT NULL
  digest text COLLATE "C" NOT NULL
  blob text COLLATE "C" NOT NULL
  size bigint NOT NULL
  media_type text COLLATE "C" NOT NULL
  artifact_type text COLLATE "C" NOT NULL
  subject text COLLATE "C" NOT NULL
  annotations text COLLATE "C" NOT NULL
  is_current boolean NOT NULL
  CONSTRAINT pack_manifests_pkey PRIMARY KEY (revision_id, digest)
  CONSTRAINT pack_manifests_revision_id_fkey FOREIGN KEY (revision_id) REFERENCES revisions(id) ON DELETE CASCADE
  CREATE INDEX pack_manifests_blob ON pack_manifests USING btree (blob)
  CREATE UNIQUE INDEX pack_manifests_current ON pack_manifests USING btree (revision_id) WHERE is_current
  CREATE INDEX pack_manifests_digest ON pack_manifests USING btree (digest, pack_id)

TABLE pack_search
  pack_id bigint NOT NULL
  namespace text COLLATE "C" NOT NULL
  name text COLLATE "C" NOT NULL
  age bigint NOT NULL
  facets text COLLATE "C" NOT NULL
  head tsvector NOT NULL
  body tsvector NOT NULL
  CONSTRAINT pack_search_pack_id_fkey FOREIGN KEY (pack_id) REFERENCES packs(id) ON DELETE CASCADE
  CONSTRAINT pack_search_pkey PRIMARY KEY (pack_id)
  CREATE INDEX pack_search_age ON pack_search USING btree (age, namespace, name)
  CREATE INDEX pack_search_age_in ON pack_search USING btree (namespace, age, name)
  CREATE INDEX pack_search_body ON pack_search USING gin (body) WITH (fastupdate=off)
  CREATE INDEX pack_search_head ON pack_search USING gin (head) WITH (fastupdate=off)
  CREATE UNIQUE INDEX pack_search_name ON pack_search USING btree (name, namespace)
  CREATE UNIQUE INDEX pack_search_name_in ON pack_search USING btree (namespace, name)

TABLE packs
  id bigint NOT NULL GENERATED ALWAYS AS IDENTITY
  namespace text COLLATE "C" NOT NULL
  name text COLLATE "C" NOT NULL
  path text COLLATE "C" NOT NULL
  newest_id bigint
  display_name text COLLATE "C" NOT NULL DEFAULT ''::text
  layer text COLLATE "C" NOT NULL DEFAULT ''::text
  addon_type text COLLATE "C" NOT NULL DEFAULT ''::text
  cloud_types text COLLATE "C" NOT NULL DEFAULT '[]'::text
  source text COLLATE "C" NOT NULL DEFAULT ''::text
  deprecated boolean NOT NULL DEFAULT false
  updated_at bigint NOT NULL DEFAULT 0
  CONSTRAINT packs_namespace_fkey FOREIGN KEY (namespace) REFERENCES namespaces(name)
  CONSTRAINT packs_namespace_name_key UNIQUE (namespace, name)
  CONSTRAINT packs_path_key UNIQUE (path)
  CONSTRAINT packs_pkey PRIMARY KEY (id)
  CREATE INDEX packs_listed ON packs USING btree (path) WHERE (newest_id IS NOT NULL)
  CREATE INDEX packs_listed_in ON packs USING btree (namespace, name) WHERE (newest_id IS NOT NULL)

TABLE palette_connections
  name text COLLATE "C" NOT NULL
  palette text COLLATE "C" NOT NULL
  uid text COLLATE "C" NOT NULL
  kind text COLLATE "C" NOT NULL
  namespace text COLLATE "C" NOT NULL
  endpoint text COLLATE "C" NOT NULL
  account text COLLATE "C" NOT NULL
  credential text COLLATE "C" NOT NULL
  created_at bigint NOT NULL
  changed_at bigint NOT NULL
  seq bigint NOT NULL DEFAULT 0
  asked_at bigint NOT NULL DEFAULT 0
  ended_at bigint NOT NULL DEFAULT 0
  good_at bigint NOT NULL DEFAULT 0
  state text COLLATE "C" NOT NULL DEFAULT ''::text
  problem text COLLATE "C" NOT NULL DEFAULT ''::text
  CONSTRAINT palette_connections_pkey PRIMARY KEY (name)

TABLE palette_shown
  connection text COLLATE "C" NOT NULL
  pack text COLLATE "C" NOT NULL
  version text COLLATE "C" NOT NULL
  revision bigint NOT NULL
  since bigint NOT NULL
  CONSTRAINT palette_shown_connection_fkey FOREIGN KEY (connection) REFERENCES palette_connections(name) ON DELETE CASCADE
  CONSTRAINT palette_shown_pkey PRIMARY KEY (connection, pack, version)
  CREATE INDEX palette_shown_version ON palette_shown USING btree (pack, version)

TABLE revisions
  id bigint NOT NULL GENERATED ALWAYS AS IDENTITY
  version_id bigint NOT NULL
  pack_id bigint NOT NULL
  revision bigint NOT NULL
  digest text COLLATE "C" NOT NULL
  content_digest text COLLATE "C" NOT NULL
  size bigint NOT NULL
  media_type text COLLATE "C" NOT NULL
  targz_digest text COLLATE "C" NOT NULL
  targz_size bigint NOT NULL
  targz_stored boolean NOT NULL
  display_name text COLLATE "C" NOT NULL
  layer text COLLATE "C" NOT NULL
  addon_type text COLLATE "C" NOT NULL
  cloud_types text COLLATE "C" NOT NULL
  group_name text COLLATE "C" NOT NULL
  eol text COLLATE "C" NOT NULL
  annotations text COLLATE "C" NOT NULL
  deprecated boolean NOT NULL
  message text COLLATE "C" NOT NULL
  pushed_by text COLLATE "C" NOT NULL
  pushed_at bigint NOT NULL
  replaced_at bigint
  warnings text COLLATE "C" NOT NULL
  manifest text COLLATE "C" NOT NULL
  readme text COLLATE "C" NOT NULL
  CONSTRAINT revisions_pack_id_fkey FOREIGN KEY (pack_id) REFERENCES packs(id) ON DELETE CASCADE
  CONSTRAINT revisions_pkey PRIMARY KEY (id)
  CONSTRAINT revisions_version_id_fkey FOREIGN KEY (version_id) REFERENCES versions(id) ON DELETE CASCADE
  CONSTRAINT revisions_version_id_revision_key UNIQUE (version_id, revision)
  CREATE UNIQUE INDEX revisions_current ON revisions USING btree (version_id) WHERE (replaced_at IS NULL)
  CREATE INDEX revisions_digest ON revisions USING btree (digest)
  CREATE INDEX revisions_pack ON revisions USING btree (pack_id)
  CREATE INDEX revisions_replaced ON revisions USING btree (replaced_at) WHERE (replaced_at IS NOT NULL)
  CREATE INDEX revisions_targz_digest ON revisions USING btree (targz_digest)

TABLE schema_history
  version bigint NOT NULL
  applied_at bigint NOT NULL
  CONSTRAINT schema_history_pkey PRIMARY KEY (version)

TABLE search_grams
  gram text COLLATE "C" NOT NULL
  len bigint NOT NULL
  form text COLLATE "C" NOT NULL
  CONSTRAINT search_grams_pkey PRIMARY KEY (gram, len, form)

TABLE tags
  pack_id bigint NOT NULL
  tag text COLLATE "C" NOT NULL
  version_id bigint NOT NULL
  CONSTRAINT tags_pack_id_fkey FOREIGN KEY (pack_id) REFERENCES packs(id) ON DELETE CASCADE
  CONSTRAINT tags_pkey PRIMARY KEY (pack_id, tag)
  CONSTRAINT tags_version_id_fkey FOREIGN KEY (version_id) REFERENCES versions(id) ON DELETE CASCADE
  CREATE INDEX tags_version ON tags USING btree (version_id, tag)

TABLE versions
  id bigint NOT NULL GENERATED ALWAYS AS IDENTITY
  pack_id bigint NOT NULL
  version text COLLATE "C" NOT NULL
  sort_key text COLLATE "C" NOT NULL
  group_name text COLLATE "C" NOT NULL
  deprecated boolean NOT NULL
  pushed_at bigint NOT NULL
  revision bigint NOT NULL
  live boolean NOT NULL
  CONSTRAINT versions_pack_id_fkey FOREIGN KEY (pack_id) REFERENCES packs(id) ON DELETE CASCADE
  CONSTRAINT versions_pack_id_version_key UNIQUE (pack_id, version)
  CONSTRAINT versions_pkey PRIMARY KEY (id)
  CREATE INDEX versions_ordered ON versions USING btree (pack_id, sort_key) WHERE live

CREATE OR REPLACE FUNCTION feed_moved()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
    PERFORM pg_notify('packregistry_feed', '');
    RETURN NULL;
END
$function$
