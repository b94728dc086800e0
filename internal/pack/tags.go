package pack

import (
	"cmp"
	"slices"
	"strings"
)

const groupSeparator = "__"

// TagSource is what tags are derived from: a version of a pack.
type TagSource struct {
	Version    string
	Group      string // trimmed; "" is none
	Deprecated bool
}

// SplitTag cuts a tag into its group ("" for none) and label.
func SplitTag(tag string) (group, label string) {
	if g, l, ok := strings.Cut(tag, groupSeparator); ok {
		return g, l
	}
	return "", tag
}

func joinTag(group, label string) string {
	if group == "" {
		return label
	}
	return group + groupSeparator + label
}

// OwnTag is the tag a version has by itself: "1.16.1", or "LTS__20.04" in the group LTS.
func OwnTag(version, group string) string { return joinTag(group, version) }

// ParentTags are the tags of the lines a version belongs to, the narrow one first:
// "18.04.4" in group LTS gives "LTS__18.4.x" and "LTS__18.x". A version with fewer
// than two dotted integers belongs to none, and a line whose tag would be too long to be asked for has none.
func ParentTags(version, group string) []string {
	core := parseVersion(version).core
	if len(core) < 2 {
		return nil
	}
	major, minor := cmp.Or(core[0], "0"), cmp.Or(core[1], "0")
	var parents []string
	for _, label := range []string{major + "." + minor + ".x", major + ".x"} {
		if tag := joinTag(group, label); len(tag) <= MaxTagLength {
			parents = append(parents, tag)
		}
	}
	return parents
}

// DeriveTags gives all tags of a pack, sorted by tag in byte order: each version's
// own tag, the parent tags of all lines, and those of the hand-set tags that are
// neither and whose version is among versions. A hand-set tag whose label is a version
// takes part in the parent lines of its group under that label, and leads to its version.
func DeriveTags(versions []TagSource, hand []Tag) []Tag {
	tags := make(map[string]Tag, 3*len(versions)+len(hand))
	known := make(map[string]bool, len(versions))
	lines := make(map[string]lineHead)
	for _, v := range versions {
		own := OwnTag(v.Version, v.Group)
		tags[own] = Tag{Tag: own, Version: v.Version, Kind: TagOwn}
		known[v.Version] = true
		offer(lines, v.Group, v.Version, v.Version)
	}
	for _, h := range hand {
		if _, taken := tags[h.Tag]; taken || !known[h.Version] || IsParentTagSpelling(h.Tag) {
			continue
		}
		tags[h.Tag] = Tag{Tag: h.Tag, Version: h.Version, Kind: TagCustom}
		if group, label := SplitTag(h.Tag); ValidateVersion(label) == nil {
			offer(lines, group, label, h.Version)
		}
	}
	for parent, head := range lines {
		tags[parent] = Tag{Tag: parent, Version: head.version, Kind: TagParent}
	}
	out := make([]Tag, 0, len(tags))
	for _, t := range tags {
		out = append(out, t)
	}
	slices.SortFunc(out, func(a, b Tag) int { return strings.Compare(a.Tag, b.Tag) })
	return out
}

// lineHead is the best member of a line so far.
type lineHead struct {
	key     string // VersionKey of the label
	release bool
	version string // that the label leads to
}

// offer enters a label in its lines: a release beats any pre-release, then the higher wins.
func offer(lines map[string]lineHead, group, label, version string) {
	parents := ParentTags(label, group)
	if len(parents) == 0 {
		return
	}
	m := lineHead{key: VersionKey(label), release: !IsPrerelease(label), version: version}
	for _, p := range parents {
		best, ok := lines[p]
		if !ok || (m.release && !best.release) || (m.release == best.release && m.key > best.key) {
			lines[p] = m
		}
	}
}

// Latest is the version the reference "latest" means: the highest that is no
// pre-release and not deprecated, else the highest; "" of none.
func Latest(versions []TagSource) string {
	var best, good string
	var bestKey, goodKey string
	for _, v := range versions {
		key := VersionKey(v.Version)
		if key > bestKey {
			best, bestKey = v.Version, key
		}
		if key > goodKey && !v.Deprecated && !IsPrerelease(v.Version) {
			good, goodKey = v.Version, key
		}
	}
	return cmp.Or(good, best)
}
