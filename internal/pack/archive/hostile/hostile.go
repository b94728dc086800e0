// Package hostile builds archives that a strict reader must refuse, and odd but
// lawful ones that it must accept. They are built byte by byte from a few lines
// each, so that what is wrong with an archive can be read here and no binary
// files are kept. It is for tests and seeds of fuzzing.
package hostile

import "slices"

// Case is one archive.
type Case struct {
	Name string
	// Rule is the id of the finding that the archive must be refused with. Empty
	// means that it must be accepted, "unsupported" that it is no archive at all.
	Rule  string
	Bytes []byte
	// Entries and Unpacked are the limits to read it under; 0 means the defaults.
	Entries  int
	Unpacked int64
}

// Unsupported is the Rule of bytes that are neither zip nor tar.gz.
const Unsupported = "unsupported"

// Cases are all archives, in a fixed order. They are the same in every call.
func Cases() []Case {
	return slices.Concat(zipStructure(), zipHeaders(), zipContent(), zipKinds(), tarStructure(), tarHeaders(), tarExtended(), paths(), limits(), lawfulZip(), lawfulTar(), neither())
}
