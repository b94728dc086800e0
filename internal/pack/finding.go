package pack

// Severity of a finding.
type Severity string

// An error refuses the pack, a warning is stored with the version and shown,
// an info is given only on demand (validate).
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
	SeverityInfo    Severity = "info"
)

// The rules of an upload that are not about the archive alone: the request, or the OCI manifest, must say what the pack says.
// Those of the archive and its content are in the packages archive and check.
const (
	RuleNameMismatch    = "name-mismatch"
	RuleVersionMismatch = "version-mismatch"
	RuleManifestType    = "manifest-type"
	RuleManifestLayers  = "manifest-layers"
	RuleManifestSize    = "manifest-size"
	RuleLayer           = "layer-not-tar-gz"
)

// Finding is one thing a check found in a pack.
type Finding struct {
	// Rule is the stable id of the rule, such as "archive-path-traversal".
	Rule     string   `json:"rule"`
	Severity Severity `json:"severity"`
	// File is the path inside the archive, below the pack's root; empty when
	// the finding is about the archive as a whole.
	File string `json:"file,omitempty"`
	// Pointer is an RFC 6901 JSON pointer into File, when it is JSON or YAML.
	Pointer string `json:"pointer,omitempty"`
	// Message says what is wrong and what to do, in one sentence.
	Message string `json:"message"`
}

// HasError reports whether a finding refuses the pack.
func HasError(fs []Finding) bool {
	for _, f := range fs {
		if f.Severity == SeverityError {
			return true
		}
	}
	return false
}

// BadPack makes the error that carries findings.
func BadPack(fs []Finding) *Error {
	msg := "the pack is not valid"
	for _, f := range fs {
		if f.Severity == SeverityError {
			msg += ": " + f.Message
			break
		}
	}
	return &Error{Kind: KindBadPack, Code: "pack_invalid", Message: msg, Findings: fs}
}
