package db

import "packregistry/internal/pack"

// Query asks for packs: one row a pack with its newest version (what "latest"
// means).
//
// Text is cut into words by Words; a pack is found when each word is a word, and
// the last one at least the beginning of a word, of the same field group. The groups,
// best first: the name exactly; name; name and display name; those and layer, addon type and
// annotations; all and the README. When the words as typed find fewer than
// TypoBelow packs, packs whose name is one typo away (OneTypo) from the text, or which have a
// word of five letters or more in their name that is one typo away from a word of
// the text while the other words are found in the first four groups, come after them.
type Query struct {
	Namespace string // "*" for all
	Text      string
	// Filters; empty means any. Values in one list are OR-ed, lists AND-ed.
	Layers, AddonTypes, CloudTypes, Sources []string
	// Deprecated filters on the newest version, nil means any.
	Deprecated *bool
	Sort       Sort
	Limit      int    // 1 to 1000
	Cursor     string // from Page.Next; one of another query or sort is KindInvalid, code cursor_invalid
	Facets     bool
}

// Sort is the order of a search.
type Sort string

// The orders. Each has namespace and name as its tie breaker, so that paging by
// key neither skips nor repeats a pack that stays as it is.
const (
	SortRelevance Sort = "relevance" // the default with Text; else name
	SortName      Sort = "name"
	SortUpdated   Sort = "updated" // newest push first
)

// TypoBelow is the number of packs below which typos are considered.
const TypoBelow = 10

// FacetLimit is the number of hits up to which facets are counted exactly.
const FacetLimit = 10_000

// Page is an answer to a Query.
type Page struct {
	// Items are the newest versions, with Tags, without Manifest and Warnings.
	Items []pack.Version
	Next  string // "" at the end
	// Facets is nil unless asked for: layer, addonType, cloudType, source,
	// deprecated; values by count descending, then by value, at most 100 each. They count all
	// packs the query finds, whatever the page.
	Facets map[string][]FacetValue
	// Total is the number of packs found when Facets were asked for.
	Total int
	// Estimated says that Total and Facets come from the first FacetLimit hits.
	Estimated bool
}

// FacetValue is one value with the number of packs that have it.
type FacetValue struct {
	Value string `json:"value"`
	Count int    `json:"count"`
}
