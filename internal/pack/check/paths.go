package check

import (
	"path"
	"strconv"
	"strings"
)

// checkPaths looks at what pack.json lists. present tells whether a file is there,
// directory whether anything is below a path; complete is false when the archive was
// not read to its end, so that nothing can be said to be missing.
func checkPaths(doc map[string]any, present, directory func(string) bool, complete bool, f *findings) {
	for _, key := range []string{"charts", "kubeManifests", "ansibleRoles"} {
		list, _ := doc[key].([]any)
		for i, v := range list {
			listed, ok := v.(string)
			if !ok {
				continue
			}
			at := pointer(key, strconv.Itoa(i))
			clean, ok := cleanListed(listed, at, f)
			if !ok || !complete || present(clean) {
				continue
			}
			switch {
			case key == "ansibleRoles" && directory(clean):
				// A role is a directory by nature.
			case directory(clean):
				f.add(rulePathDirectory, packJSON, at, "%s is a directory; list the archive or file", quote(listed))
			case unpacked(clean, directory) != "":
				f.add(rulePathDirectory, packJSON, at, "%s is not in the pack, only the directory %s; add the archive", quote(listed), quote(unpacked(clean, directory)))
			default:
				f.add(rulePathMissing, packJSON, at, "%s is listed but not in the pack; add the file or remove it from %s", quote(listed), key)
			}
		}
	}
}

// cleanListed gives the path as entries have it, or reports what is wrong.
func cleanListed(listed, at string, f *findings) (string, bool) {
	s := strings.TrimSpace(listed)
	low := strings.ToLower(s)
	switch {
	case s == "":
		f.add(rulePathBlank, packJSON, at, "a listed path is blank; remove it")
		return "", false
	case strings.Contains(s, "://"), strings.HasPrefix(low, "oci:"), strings.HasPrefix(low, "http:"), strings.HasPrefix(low, "https:"), strings.HasPrefix(low, "git@"):
		f.add(rulePathURL, packJSON, at, "%s is a URL; put the file into the pack and list its path", quote(listed))
		return "", false
	}
	clean := path.Clean(s)
	if strings.Contains(s, "\\") || path.IsAbs(s) || clean == "." || clean == ".." || strings.HasPrefix(clean, "../") || (len(s) > 1 && s[1] == ':') {
		f.add(rulePathEscape, packJSON, at, "%s is no path inside the pack; write it relative to pack.json with forward slashes", quote(listed))
		return "", false
	}
	return clean, true
}

// unpacked finds the directory of a chart whose archive is missing: for
// charts/a-b-1.4.0.tgz the first there is of charts/a-b-1.4.0, charts/a-b and charts/a.
func unpacked(clean string, directory func(string) bool) string {
	var stem string
	for _, ext := range []string{".tgz", ".tar.gz"} {
		if s, ok := strings.CutSuffix(clean, ext); ok {
			stem = s
			break
		}
	}
	for stem != "" && !strings.HasSuffix(stem, "/") {
		if directory(stem) {
			return stem
		}
		cut := strings.LastIndexByte(path.Base(stem), '-')
		if cut < 0 {
			return ""
		}
		stem = path.Join(path.Dir(stem), path.Base(stem)[:cut])
	}
	return ""
}
