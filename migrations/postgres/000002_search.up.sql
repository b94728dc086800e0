-- The search index: one row a pack that has a version, made of terms that the
-- server cuts out of its newest version (sqlcat/search_terms.go). Small and often
-- asked terms lie in head, those of the README in body, so that asking the
-- one does not read the other.
CREATE TABLE pack_search (
    pack_id   bigint PRIMARY KEY REFERENCES packs (id) ON DELETE CASCADE,
    namespace text COLLATE "C" NOT NULL,
    name      text COLLATE "C" NOT NULL,
    age       bigint NOT NULL, -- minus packs.updated_at, so that all orders ascend
    facets    text COLLATE "C" NOT NULL, -- JSON: what facets count
    head      tsvector NOT NULL,
    body      tsvector NOT NULL
) WITH (toast_tuple_target = 256); -- body lies elsewhere: what is read of many rows stays close together
ALTER TABLE pack_search ALTER COLUMN facets SET STORAGE PLAIN, ALTER COLUMN name SET STORAGE PLAIN, ALTER COLUMN namespace SET STORAGE PLAIN,
    ALTER COLUMN head SET STORAGE MAIN;
CREATE UNIQUE INDEX pack_search_name ON pack_search (name, namespace);
CREATE UNIQUE INDEX pack_search_name_in ON pack_search (namespace, name);
CREATE INDEX pack_search_age ON pack_search (age, namespace, name);
CREATE INDEX pack_search_age_in ON pack_search (namespace, age, name);
-- Without the list of pending entries, so that no search has to read it.
CREATE INDEX pack_search_head ON pack_search USING gin (head) WITH (fastupdate = off);
CREATE INDEX pack_search_body ON pack_search USING gin (body) WITH (fastupdate = off);

-- The words of names by their trigrams, for typos. Words stay when their last
-- pack goes, as the rows in packs do: they then lead to nothing.
CREATE TABLE search_grams (
    gram text COLLATE "C" NOT NULL,
    len  bigint NOT NULL, -- letters of form
    form text COLLATE "C" NOT NULL,
    PRIMARY KEY (gram, len, form)
);
