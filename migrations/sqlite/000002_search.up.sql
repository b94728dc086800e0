-- The search index: one row a pack that has a version, made of terms that the
-- server cuts out of its newest version (sqlcat/search_terms.go).
CREATE TABLE pack_search (
    pack_id   integer PRIMARY KEY REFERENCES packs (id) ON DELETE CASCADE,
    namespace text NOT NULL,
    name      text NOT NULL,
    age       integer NOT NULL, -- minus packs.updated_at, so that all orders ascend
    facets    text NOT NULL -- JSON: what facets count
);
CREATE UNIQUE INDEX pack_search_name ON pack_search (name, namespace);
CREATE UNIQUE INDEX pack_search_name_in ON pack_search (namespace, name);
CREATE INDEX pack_search_age ON pack_search (age, namespace, name);
CREATE INDEX pack_search_age_in ON pack_search (namespace, age, name);

-- The terms by pack_id. They are words already: the ascii tokenizer splits at
-- blanks and changes nothing. Only whether a term is there is asked (detail=none).
CREATE VIRTUAL TABLE search_terms USING fts5 (
    terms, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii', prefix = '2 3 4 5'
);

-- The words of names by their trigrams, for typos. Words stay when their last
-- pack goes, as the rows in packs do: they then lead to nothing.
CREATE TABLE search_grams (
    gram text NOT NULL,
    len  integer NOT NULL, -- letters of form
    form text NOT NULL,
    PRIMARY KEY (gram, len, form)
) WITHOUT ROWID;
