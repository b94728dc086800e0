package sqlcat

import "packregistry/internal/pack"

// SearchRow gives what the search index holds of a pack: the columns of pack_search, and in SQLite
// head and body as the terms of search_terms. It is for who fills the tables of a large catalogue
// directly; whatever publishes goes through the Catalogue.
func SearchRow(dialect Dialect, newest *pack.Version, readme string) (facets, head, body string, err error) {
	if facets, err = facetsOf(newest).encode(); err != nil {
		return "", "", "", err
	}
	head, body = searchDoc{Namespace: newest.Namespace, Name: newest.Name, Newest: newest, Readme: clean(cut(readme, readmeLimit))}.terms(languageOf(dialect))
	return facets, head, body, nil
}
