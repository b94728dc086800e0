package pack

import (
	"encoding/json"
	"time"
)

// Format is the form of an archive.
type Format string

// The two forms.
const (
	FormatZip   Format = "zip"
	FormatTarGz Format = "tar.gz"
)

// MediaType is the IANA type of the form.
func (f Format) MediaType() string {
	if f == FormatTarGz {
		return "application/gzip"
	}
	return "application/zip"
}

// File is one regular file of a pack. Path is slash separated, below the pack's
// root (a single top folder is not part of it). The other fields say where it
// lies in the version's zip, so that it can be read with one range request.
type File struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`   // bytes, unpacked
	SHA256 string `json:"sha256"` // 64 hex digits, of the unpacked bytes

	Executable bool   `json:"-"` // an execute bit is set
	Offset     int64  `json:"-"` // of the compressed data in the zip
	Compressed int64  `json:"-"` // bytes of the compressed data
	Method     uint16 `json:"-"` // 0 stored, 8 deflate
	CRC32      uint32 `json:"-"`
}

// Metadata is what the catalogue keeps of pack.json. Manifest is the whole
// document as uploaded, unknown keys included.
type Metadata struct {
	Name        string
	Version     string
	DisplayName string
	Layer       string
	AddonType   string
	CloudTypes  []string // cloudTypes and cloudType joined, without doubles, in order
	Group       string   // trimmed; "" is none
	EOL         string   // trimmed
	Annotations map[string]string
	Manifest    json.RawMessage
}

// Source is annotations.source, such as "community".
func (m Metadata) Source() string { return m.Annotations["source"] }

// Deprecated reports whether annotations.system_state takes the version out of
// use ("deprecated" or "deleted"; palette-contract 4.4).
func (m Metadata) Deprecated() bool {
	s := m.Annotations["system_state"]
	return s == "deprecated" || s == "deleted"
}

// Version is the version document of the REST face (design section 5). Fields
// may be added, never renamed.
type Version struct {
	Namespace     string            `json:"namespace"`
	Name          string            `json:"name"`
	Version       string            `json:"version"`
	DisplayName   string            `json:"displayName"`
	Layer         string            `json:"layer"`
	AddonType     string            `json:"addonType"`
	CloudTypes    []string          `json:"cloudTypes"`
	Group         string            `json:"group"`
	EOL           string            `json:"eol"`
	Annotations   map[string]string `json:"annotations"`
	Tags          []string          `json:"tags"` // own, parent and hand-set tags that point here
	Digest        Digest            `json:"digest"`
	ContentDigest string            `json:"contentDigest"`
	Size          int64             `json:"size"`
	MediaType     string            `json:"mediaType"` // of the archive under Digest: application/zip
	Revision      int               `json:"revision"`
	Message       string            `json:"message"`
	Deprecated    bool              `json:"deprecated"`
	PushedBy      string            `json:"pushedBy"`
	PushedAt      time.Time         `json:"pushedAt"`
	Warnings      []Finding         `json:"warnings,omitzero"`
	Manifest      json.RawMessage   `json:"manifest,omitempty"`
	VisibleIn     []Visible         `json:"visibleIn,omitempty"` // only where one version is asked for

	// RevisionID names the revision inside the catalogue; it never leaves the server.
	RevisionID int64 `json:"-"`
	// TarGzDigest and TarGzSize name the tar.gz form: the uploaded bytes when
	// TarGzStored, else what archive.Layer makes of the zip.
	TarGzDigest Digest `json:"-"`
	TarGzSize   int64  `json:"-"`
	TarGzStored bool   `json:"-"`
}

// Visible is an entry of a Palette that shows a revision of a version.
type Visible struct {
	Entry   string    `json:"entry"`
	Palette string    `json:"palette"` // URL
	Since   time.Time `json:"since"`
}

// ChangeType is the word for a change in the feed.
type ChangeType string

// The five changes (design section 6.5).
const (
	VersionPushed   ChangeType = "version.pushed"
	VersionReplaced ChangeType = "version.replaced"
	VersionDeleted  ChangeType = "version.deleted"
	TagSet          ChangeType = "tag.set"
	TagDeleted      ChangeType = "tag.deleted"
)

// Change is one numbered entry of the change feed.
type Change struct {
	Type          ChangeType `json:"type"`
	Namespace     string     `json:"namespace"`
	Name          string     `json:"name"`
	Version       string     `json:"version"`
	Tag           string     `json:"tag,omitempty"`
	Digest        Digest     `json:"digest,omitempty"`
	ContentDigest string     `json:"contentDigest,omitempty"`
	Revision      int        `json:"revision,omitempty"`
	At            time.Time  `json:"at"`
	By            string     `json:"by"`
	// Cursor names this change; reading on from it gives what came after.
	Cursor string `json:"cursor"`

	Seq int64 `json:"-"`
}
