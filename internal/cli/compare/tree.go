package compare

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"packregistry/internal/pack"
)

// union gives the keys of both maps in order.
func union[V any](a, b map[string]V) []string {
	both := make(map[string]bool, len(a)+len(b))
	for k := range a {
		both[k] = true
	}
	for k := range b {
		both[k] = true
	}
	return slices.Sorted(maps.Keys(both))
}

// fields compares two objects of pack.json.
func fields(out *[]Field, at string, a, b map[string]any) {
	for _, key := range union(a, b) {
		here := at + "/" + strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1")
		from, inA := a[key]
		to, inB := b[key]
		objectA, bothA := from.(map[string]any)
		objectB, bothB := to.(map[string]any)
		switch {
		case !inA:
			*out = append(*out, Field{Pointer: here, Change: Added, To: to})
		case !inB:
			*out = append(*out, Field{Pointer: here, Change: Removed, From: from})
		case bothA && bothB:
			fields(out, here, objectA, objectB)
		case !reflect.DeepEqual(from, to):
			*out = append(*out, Field{Pointer: here, Change: Changed, From: from, To: to})
		}
	}
}

// keys compares two mappings of values.yaml.
func keys(out *[]Key, at string, a, b map[string]any) {
	for _, key := range union(a, b) {
		here := join(at, key)
		from, inA := a[key]
		to, inB := b[key]
		mapA, bothA := from.(map[string]any)
		mapB, bothB := to.(map[string]any)
		switch {
		case !inA:
			*out = append(*out, Key{Path: here, Change: Added, ToType: typeOf(to), To: to})
		case !inB:
			*out = append(*out, Key{Path: here, Change: Removed, FromType: typeOf(from), From: from})
		case bothA && bothB:
			keys(out, here, mapA, mapB)
		case typeOf(from) != typeOf(to):
			*out = append(*out, Key{Path: here, Change: Type, FromType: typeOf(from), ToType: typeOf(to), From: from, To: to})
		case !reflect.DeepEqual(from, to):
			*out = append(*out, Key{Path: here, Change: Default, FromType: typeOf(from), ToType: typeOf(to), From: from, To: to})
		}
	}
}

// join adds a key to a path.
func join(at, key string) string {
	switch {
	case key == "" || strings.ContainsAny(key, `.[]" `):
		return at + "[" + strconv.Quote(key) + "]"
	case at == "":
		return key
	}
	return at + "." + key
}

// typeOf names the type of a value as people know it from YAML.
func typeOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case json.Number:
		return "number"
	case []any:
		return "list"
	case map[string]any:
		return "mapping"
	}
	return "string"
}

// files compares two lists of files.
func files(a, b []pack.File) []File {
	before, after := byPath(a), byPath(b)
	var out []File
	for _, path := range union(before, after) {
		from, to := before[path], after[path]
		switch {
		case from == nil:
			out = append(out, File{Path: path, Change: Added, To: to})
		case to == nil:
			out = append(out, File{Path: path, Change: Removed, From: from})
		case from.SHA256 != to.SHA256:
			out = append(out, File{Path: path, Change: Changed, From: from, To: to})
		}
	}
	return out
}

func byPath(list []pack.File) map[string]*pack.File {
	m := make(map[string]*pack.File, len(list))
	for i := range list {
		m[list[i].Path] = &list[i]
	}
	return m
}
