package archive

import (
	"fmt"
	"strings"
	"unicode"

	"packregistry/internal/pack"
)

// Rule is one reason to refuse an archive. The id is stable: clients match on it.
type Rule struct{ ID, Text string }

// The ids of the rules, as findings carry them.
const (
	RuleTruncated     = "archive-truncated"
	RulePrefix        = "archive-prefix"
	RuleTrailing      = "archive-trailing-bytes"
	RulePolyglot      = "archive-polyglot"
	RuleGap           = "archive-gap"
	RuleOverlap       = "archive-overlap"
	RuleEndRecords    = "archive-end-records"
	RuleZip64         = "archive-zip64"
	RuleDirectory     = "archive-directory"
	RuleMismatch      = "archive-header-mismatch"
	RuleExtra         = "archive-extra"
	RuleUnicodePath   = "archive-unicode-path"
	RuleDescriptor    = "archive-descriptor"
	RuleMultiDisk     = "archive-multi-disk"
	RuleEncrypted     = "archive-encrypted"
	RuleMethod        = "archive-method"
	RuleDeflate       = "archive-deflate"
	RuleSize          = "archive-size"
	RuleEntryTrailing = "archive-entry-trailing-bytes"
	RuleCRC           = "archive-crc"
	RuleGzipHeader    = "archive-gzip-header"
	RuleGzipTrailer   = "archive-gzip-trailer"
	RuleTarHeader     = "archive-tar-header"
	RuleTarChecksum   = "archive-tar-checksum"
	RuleTarEnd        = "archive-tar-end"
	RulePadding       = "archive-padding"
	RulePax           = "archive-pax"
	RuleSparse        = "archive-sparse"
	RuleLink          = "archive-link"
	RuleDevice        = "archive-device"
	RuleEntryType     = "archive-entry-type"
	RuleTraversal     = "archive-path-traversal"
	RuleAbsolute      = "archive-path-absolute"
	RuleBackslash     = "archive-path-backslash"
	RuleColon         = "archive-path-colon"
	RuleControl       = "archive-path-control"
	RuleEmptyPath     = "archive-path-empty"
	RuleLongPath      = "archive-path-long"
	RuleDeepPath      = "archive-path-deep"
	RuleUTF8          = "archive-path-utf8"
	RuleDuplicate     = "archive-path-duplicate"
	RuleCase          = "archive-path-case"
	RuleFileDir       = "archive-path-file-and-directory"
	RuleLimitEntries  = "archive-limit-entries"
	RuleLimitUnpacked = "archive-limit-unpacked"
	RuleLimitPaths    = "archive-limit-paths"
	RuleLimitMembers  = "archive-limit-members"
)

// Rules is the table of all rules of this package, in the order of the documentation.
func Rules() []Rule {
	return []Rule{
		{RuleTruncated, "The archive or one of its entries ends early."},
		{RulePrefix, "There are bytes before the first entry of the zip."},
		{RuleTrailing, "There are bytes after the end of the archive."},
		{RulePolyglot, "The tar.gz can also be read as a zip."},
		{RuleGap, "There are bytes between the entries of the zip that belong to none."},
		{RuleOverlap, "Two entries of the zip share bytes."},
		{RuleEndRecords, "The zip has more than one end record."},
		{RuleZip64, "The zip64 values are malformed or disagree with the plain ones."},
		{RuleDirectory, "The central directory does not hold what the end record says."},
		{RuleMismatch, "An entry's local header disagrees with the central directory."},
		{RuleExtra, "An extra field is malformed or there twice."},
		{RuleUnicodePath, "A Unicode-path extra field (0x7075) names another path."},
		{RuleDescriptor, "An entry's data descriptor is malformed or disagrees with the central directory."},
		{RuleMultiDisk, "The zip is split over several files."},
		{RuleEncrypted, "An entry is encrypted."},
		{RuleMethod, "An entry is compressed by another method than stored or deflate."},
		{RuleDeflate, "Compressed data is damaged."},
		{RuleSize, "An entry unpacks to another size than it declares."},
		{RuleEntryTrailing, "There are bytes after an entry's compressed data."},
		{RuleCRC, "An entry's bytes do not have the CRC-32 it declares."},
		{RuleGzipHeader, "A gzip header is malformed."},
		{RuleGzipTrailer, "A gzip trailer (CRC-32, length) does not match the data."},
		{RuleTarHeader, "A tar header is malformed or of a dialect that readers understand differently."},
		{RuleTarChecksum, "A tar header's checksum is wrong."},
		{RuleTarEnd, "The two zero blocks that end a tar are missing, or something comes after them."},
		{RulePadding, "The padding after a tar entry is not zero."},
		{RulePax, "A pax or GNU long-name header is malformed, too long, repeated or belongs to no entry."},
		{RuleSparse, "A tar entry is a sparse file."},
		{RuleLink, "An entry is a symbolic or hard link."},
		{RuleDevice, "An entry is a device, a pipe or a socket."},
		{RuleEntryType, "An entry is neither a plain file nor a directory, or says both."},
		{RuleTraversal, "A path has a part that is . or .. ."},
		{RuleAbsolute, "A path is absolute."},
		{RuleBackslash, "A path has a backslash."},
		{RuleColon, "A path has a colon."},
		{RuleControl, "A path has a control character."},
		{RuleEmptyPath, "A path or a part of it is empty."},
		{RuleLongPath, "A path is over 1,024 bytes, or a part of it over 255."},
		{RuleDeepPath, "A path has over 64 parts."},
		{RuleUTF8, "A path is not UTF-8."},
		{RuleDuplicate, "A path is there twice."},
		{RuleCase, "Two paths differ only in case or in Unicode form."},
		{RuleFileDir, "A path is a file and a directory at once."},
		{RuleLimitEntries, "The archive has more entries or directories than the limit."},
		{RuleLimitUnpacked, "The archive unpacks to more bytes than the limit."},
		{RuleLimitPaths, "The paths are over 8 MiB together."},
		{RuleLimitMembers, "The tar.gz has more gzip members than its entries can explain."},
	}
}

// maxFindings bounds what one answer lists of an archive full of bad names.
const maxFindings = 20

// finding makes one error finding. file is the entry's name as the archive spells it.
func finding(rule, file, format string, args ...any) pack.Finding {
	return pack.Finding{Rule: rule, Severity: pack.SeverityError, File: show(file), Message: fmt.Sprintf(format, args...)}
}

// refuse makes the error of an archive with one finding.
func refuse(rule, file, format string, args ...any) error {
	return pack.BadPack([]pack.Finding{finding(rule, file, format, args...)})
}

// show makes a name from the archive fit for a message: valid UTF-8, printable, short.
func show(name string) string {
	const most = 120
	cut := name
	if len(cut) > most {
		cut = cut[:most]
	}
	cut = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(cut, string(unicode.ReplacementChar)))
	if len(name) > most {
		cut += "..."
	}
	return cut
}
