package lint

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"packregistry/internal/pack"
)

// writeGitHub writes workflow commands of GitHub Actions, one a finding; the runner makes
// annotations of them.
func writeGitHub(w io.Writer, results []*Result) error {
	for _, r := range results {
		if r.Problem != "" {
			if err := command(w, "error", []string{"file", filepath.ToSlash(filepath.Clean(r.Path))}, r.Path+": "+r.Problem); err != nil {
				return err
			}
		}
		for _, f := range r.Findings {
			kind := string(f.Severity)
			if f.Severity == pack.SeverityInfo {
				kind = "notice"
			}
			text := f.Message
			properties := []string{"file", filepath.ToSlash(r.File(f))}
			switch {
			case !r.Dir && f.File != "":
				text = place(r, f) + ": " + text // the annotation stands at the archive
			case f.Line > 0:
				properties = append(properties, "line", fmt.Sprint(f.Line))
			}
			if err := command(w, kind, append(properties, "title", f.Rule), text); err != nil {
				return err
			}
		}
	}
	return nil
}

// command writes ::KIND NAME=VALUE,...::TEXT, escaped as the runner's toolkit does.
func command(w io.Writer, kind string, properties []string, text string) error {
	data := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	var list []string
	for i := 0; i+1 < len(properties); i += 2 {
		list = append(list, properties[i]+"="+property.Replace(properties[i+1]))
	}
	_, err := fmt.Fprintf(w, "::%s %s::%s\n", kind, strings.Join(list, ","), data.Replace(text))
	return err
}
