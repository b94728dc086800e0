package pack

// Tag is a tag of a pack and the version it points to.
type Tag struct {
	Tag     string `json:"tag"`
	Version string `json:"version"`
	// Kind is "version" for a version's own tag, "parent" for a derived one,
	// "custom" for one set by hand.
	Kind string `json:"kind"`
}

// The kinds of Tag.
const (
	TagOwn    = "version"
	TagParent = "parent"
	TagCustom = "custom"
)

// Reference is a parsed reference: exactly one of its meanings. A Label may turn
// out to be a version, a version's own tag, a parent tag or a hand-set tag; they
// are tried in this order.
type Reference struct {
	Digest Digest // set for sha256:...
	Latest bool   // the word latest
	Label  string // anything else
}
