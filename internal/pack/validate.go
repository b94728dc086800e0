package pack

import (
	"regexp"
	"strconv"
	"strings"
)

// The longest names, in bytes. A tag's length is that of the OCI distribution
// spec; a name's keeps a repository path within what clients accept.
const (
	MaxNameLength = 128
	MaxTagLength  = 128
	MaxSegments   = 4 // of a namespace
)

// DefaultNamespace is used where none is named; AllNamespaces means all that the
// caller may read, and is legal only in queries.
const (
	DefaultNamespace = "default"
	AllNamespaces    = "*"
)

// latestWord is the reference that is worked out anew each time.
const latestWord = "latest"

var (
	// nameForm is the path component of the OCI distribution spec.
	nameForm = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*$`)
	// versionForm is an OCI tag that starts with a digit, or v and a digit.
	versionForm = regexp.MustCompile(`^v?[0-9][A-Za-z0-9._-]*$`)
	// tagPartForm is a group or a label (design section 2).
	tagPartForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]*$`)
	// labelForm is anything a reference that is no digest may look like.
	labelForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	// parentForm is reserved for parent tags, after the group; also spellings that are
	// never derived ("v1.x", "01.x", "1.2.3.x"), for nobody could tell them apart.
	parentForm = regexp.MustCompile(`^v?[0-9]+(\.[0-9]+)*\.[xX]$`)
)

// ValidateName checks the name of a pack. Its error is of KindInvalid, code name_invalid.
func ValidateName(name string) error {
	if problem := nameProblem(name); problem != "" {
		return Errorf(KindInvalid, "name_invalid", "the pack name %s %s", quote(name), problem)
	}
	return nil
}

// ValidateNamespace checks a namespace: one to four segments, each like the name
// of a pack. "*" is not a namespace. Its error is of KindInvalid, code namespace_invalid.
func ValidateNamespace(namespace string) error {
	segments := strings.Split(namespace, "/")
	if len(segments) > MaxSegments {
		return Errorf(KindInvalid, "namespace_invalid", "the namespace %s has more than %d segments", quote(namespace), MaxSegments)
	}
	for _, s := range segments {
		if problem := nameProblem(s); problem != "" {
			return Errorf(KindInvalid, "namespace_invalid", "the namespace %s is not valid: the segment %s %s", quote(namespace), quote(s), problem)
		}
	}
	return nil
}

// ValidateVersion checks a version as pack.json spells it (design section 9).
// Its error is of KindInvalid, code version_invalid.
func ValidateVersion(version string) error {
	var problem string
	switch {
	case version == "":
		problem = "is empty"
	case len(version) > MaxTagLength:
		problem = "is longer than 128 characters"
	case version == latestWord:
		problem = "is the word that always means the newest version"
	case strings.Contains(version, "+"):
		problem = "has a + in it, which an OCI tag cannot have; write - instead"
	case !versionForm.MatchString(version):
		problem = "must start with a digit, or v and a digit, and hold only letters, digits and . _ -"
	case strings.Contains(version, "__"):
		problem = "has __ in it, which separates a group from a label"
	case IsParentTagSpelling(version):
		problem = "is spelt like a parent tag (1.16.x), which is derived from the versions of its line"
	case hasEmptyPart(version):
		problem = "has an empty part: two dots in a row, or a separator at its beginning or end"
	default:
		return nil
	}
	return Errorf(KindInvalid, "version_invalid", "the version %s %s", quote(version), problem)
}

// hasEmptyPart reports whether nothing stands before, between or after dots, or
// a separator ends the version, or "-" directly follows or precedes a dot.
func hasEmptyPart(version string) bool {
	for part := range strings.SplitSeq(version, ".") {
		if part == "" || !isAlnum(part[0]) || !isAlnum(part[len(part)-1]) {
			return true
		}
	}
	return false
}

// ValidateTag checks the form of a tag, [group__]label. Whether it may be set by
// hand is another question (IsParentTagSpelling, own tags, "latest"). Its error
// is of KindInvalid, code tag_invalid.
func ValidateTag(tag string) error {
	group, label := SplitTag(tag)
	switch {
	case len(tag) > MaxTagLength:
		return Errorf(KindInvalid, "tag_invalid", "the tag %s is longer than 128 characters", quote(tag))
	case !tagPartForm.MatchString(label) || (strings.Contains(tag, groupSeparator) && !tagPartForm.MatchString(group)):
		return Errorf(KindInvalid, "tag_invalid",
			"the tag %s is not valid: a tag is label or group__label, each starting with a letter or digit and holding only letters, digits, . and -", quote(tag))
	}
	return nil
}

// ValidateGroup checks the group of a version; "" is none. Its error is of
// KindInvalid, code group_invalid.
func ValidateGroup(group string) error {
	if group != "" && !tagPartForm.MatchString(group) {
		return Errorf(KindInvalid, "group_invalid",
			"the group %s must start with a letter or digit and hold only letters, digits, . and -, for it becomes part of tags", quote(group))
	}
	return nil
}

// IsParentTagSpelling reports whether a tag is reserved for parent tags: "1.x",
// "1.16.x", with or without a group.
func IsParentTagSpelling(tag string) bool {
	_, label := SplitTag(tag)
	return parentForm.MatchString(label)
}

// ParseReference reads a version, a tag, "latest" or a digest. Its error is of
// KindInvalid, code reference_invalid (digest_invalid for a digest).
func ParseReference(s string) (Reference, error) {
	switch {
	case s == latestWord:
		return Reference{Latest: true}, nil
	case strings.Contains(s, ":"):
		d, err := ParseDigest(s)
		if err != nil {
			return Reference{}, err
		}
		return Reference{Digest: d}, nil
	case len(s) > MaxTagLength || !labelForm.MatchString(s):
		return Reference{}, Errorf(KindInvalid, "reference_invalid",
			"%s is no reference: give a version, a tag (label or group__label), latest, or a digest (sha256:...)", quote(s))
	}
	return Reference{Label: s}, nil
}

func nameProblem(name string) string {
	switch {
	case name == "":
		return "is empty"
	case len(name) > MaxNameLength:
		return "is longer than 128 characters"
	case !nameForm.MatchString(name):
		return "must be lower-case letters and digits, in parts joined by . _ __ or -"
	}
	return ""
}

// quote shows user input in a message: shortened, control characters escaped.
func quote(s string) string {
	const most = 60
	short := s
	if len(short) > most {
		short = strings.ToValidUTF8(short[:most], "") + "..."
	}
	return strconv.Quote(short)
}
