package sqlcat

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

// A term is one thing that can be asked of a pack: a letter for the field group
// and a word. The groups hold each other (a word of the name is also one of the
// groups below it), so that "all words in one group" is a plain AND, and prefix
// search works as the letter leads. Both databases index the very same terms, but for
// termStart (see language).
const (
	termName    = "n" // words of the name
	termDisplay = "d" // those and of the display name
	termHead    = "h" // those and of layer, addon type and annotations
	termBody    = "b" // those and of the README
	termLetters = "w" // all letters of the name as one word, for typos
	termStart   = "s" // and the letter of a field group: how its words begin
	termFilter  = "f" // and a letter of filter..., and a hash: an exact value
)

// The filters behind termFilter.
const (
	filterExact      = "e" // the name, whole
	filterNamespace  = "n"
	filterLayer      = "l"
	filterAddonType  = "a"
	filterCloudType  = "c"
	filterSource     = "s"
	filterDeprecated = "d"
)

// What of a README, and of all annotations, counts (db.Publication), and how many
// words of it: a tsvector has to stay below 1 MiB.
const (
	longTextBytes = 64 << 10
	longTextWords = 2000
)

// filterTerm makes a term of a value of any spelling and length.
func filterTerm(filter, value string) string {
	sum := sha256.Sum256([]byte(value))
	return termFilter + filter + strings.ToLower(base32.HexEncoding.EncodeToString(sum[:10]))
}

func deprecatedTerm(deprecated bool) string {
	if deprecated {
		return filterTerm(filterDeprecated, "true")
	}
	return filterTerm(filterDeprecated, "false")
}

// terms gives what is indexed of a pack, blank separated, sorted, without doubles: head
// holds all but the words of termBody; each holds the filters.
func (d searchDoc) terms(l language) (head, body string) {
	v := d.Newest
	filters := []string{
		filterTerm(filterExact, d.Name), filterTerm(filterNamespace, d.Namespace), filterTerm(filterLayer, v.Layer), filterTerm(filterAddonType, v.AddonType),
		filterTerm(filterSource, v.Annotations["source"]), deprecatedTerm(v.Deprecated),
	}
	for _, c := range v.CloudTypes {
		filters = append(filters, filterTerm(filterCloudType, c))
	}
	headTerms, bodyTerms := slices.Clone(filters), filters
	headTerms = append(headTerms, termLetters+db.Letters(d.Name))

	var words []string
	add := func(group string, more []string) {
		words = append(words, more...)
		for _, w := range words {
			headTerms = l.index(headTerms, group, w)
		}
	}
	add(termName, db.Words(d.Name))
	add(termDisplay, db.Words(v.DisplayName))
	add(termHead, slices.Concat(db.Words(v.Layer), db.Words(v.AddonType), longText(annotationText(v.Annotations))))
	for _, w := range slices.Concat(words, longText(d.Readme)) {
		bodyTerms = l.index(bodyTerms, termBody, w)
	}
	return joinTerms(headTerms), joinTerms(bodyTerms)
}

func longText(text string) []string { return db.DistinctWords(text, longTextBytes, longTextWords) }

// annotationText puts keys and values of annotations into one text.
func annotationText(annotations map[string]string) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(annotations)) {
		b.WriteString(k + " " + annotations[k] + "\n")
	}
	return b.String()
}

func joinTerms(terms []string) string {
	slices.Sort(terms)
	return strings.Join(slices.Compact(terms), " ")
}

// facetTuple is what facets count of a pack, as kept in pack_search.facets.
type facetTuple struct {
	Layer      string   `json:"l"`
	AddonType  string   `json:"a"`
	CloudTypes []string `json:"c"`
	Source     string   `json:"s"`
	Deprecated bool     `json:"d"`
}

func facetsOf(v *pack.Version) facetTuple {
	return facetTuple{v.Layer, v.AddonType, v.CloudTypes, v.Annotations["source"], v.Deprecated}
}

func (f facetTuple) encode() (string, error) {
	b, err := json.Marshal(f)
	if err != nil {
		return "", pack.Wrap(pack.KindInternal, err, "the catalogue could not write a document")
	}
	return string(b), nil
}

// language is how a database spells a question about terms. Terms are letters,
// numbers and marks only (db.Words), so that quoting is all they need.
type language struct {
	quote, and, or, prefix string
	// starts is the number of letters up to which the beginnings of words are terms of their
	// own: of what begins with few letters a GIN index would read very much. FTS5 has an
	// index of beginnings.
	starts int
}

func languageOf(d Dialect) language {
	if d.Name == "postgres" { // tsquery
		return language{quote: "'", and: " & ", or: " | ", prefix: ":*", starts: 3}
	}
	return language{quote: `"`, and: " AND ", or: " OR ", prefix: " *"} // FTS5
}

// index adds the terms of a word in a group.
func (l language) index(terms []string, group, word string) []string {
	if starts := l.startsIn(group); starts > 0 {
		letters := []rune(word)
		for n := 1; n <= min(starts, len(letters)); n++ {
			terms = append(terms, termStart+group+string(letters[:n]))
		}
	}
	return append(terms, group+word)
}

// startsIn is the number of letters up to which beginnings are terms in a group. The other
// groups hold little.
func (l language) startsIn(group string) int {
	if group == termHead || group == termBody {
		return l.starts
	}
	return 0
}

func (l language) term(t string) string { return l.quote + t + l.quote }

// begins asks for a term that begins so.
func (l language) begins(t string) string { return l.term(t) + l.prefix }

// all joins questions; empty ones ask nothing.
func (l language) all(parts ...string) string { return l.join(l.and, parts) }

func (l language) any(parts ...string) string { return l.join(l.or, parts) }

func (l language) join(with string, parts []string) string {
	parts = slices.DeleteFunc(slices.Clone(parts), func(p string) bool { return p == "" })
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	return "(" + strings.Join(parts, with) + ")"
}

// words asks for all words in a group, the last one as a beginning.
func (l language) words(group string, words []string) string {
	parts := make([]string, len(words))
	for i, w := range words {
		parts[i] = l.word(group, words, i, w)
	}
	return l.all(parts...)
}

func (l language) word(group string, words []string, i int, w string) string {
	switch {
	case i < len(words)-1:
		return l.term(group + w)
	case utf8.RuneCountInString(w) <= l.startsIn(group):
		return l.term(termStart + group + w)
	}
	return l.begins(group + w)
}

// filters asks for the filters of a query; "" when it has none. The namespace comes
// with a text or other filters, where it spares looking at what is found elsewhere;
// a namespace alone is an index of its own.
func (l language) filters(q db.Query) string {
	parts := make([]string, 0, 6)
	for _, f := range []struct {
		letter string
		values []string
	}{
		{filterLayer, q.Layers},
		{filterAddonType, q.AddonTypes},
		{filterCloudType, q.CloudTypes},
		{filterSource, q.Sources},
	} {
		values := make([]string, len(f.values))
		for i, v := range f.values {
			values[i] = l.term(filterTerm(f.letter, v))
		}
		parts = append(parts, l.any(values...))
	}
	if q.Deprecated != nil {
		parts = append(parts, l.term(deprecatedTerm(*q.Deprecated)))
	}
	filters := l.all(parts...)
	if q.Namespace != pack.AllNamespaces && (filters != "" || q.Text != "") {
		filters = l.all(filters, l.term(filterTerm(filterNamespace, q.Namespace)))
	}
	return filters
}
