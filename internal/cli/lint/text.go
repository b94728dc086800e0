package lint

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"packregistry/internal/pack"
)

// Forms are the names of the report forms.
func Forms() []string { return []string{"text", "json", "sarif", "github"} }

// Write writes a report in one of the Forms. version is the program's.
func Write(w io.Writer, form string, results []*Result, version string) error {
	switch form {
	case "json":
		return encode(w, results)
	case "sarif":
		log, err := sarif(results, version)
		if err != nil {
			return err
		}
		return encode(w, log)
	case "github":
		return writeGitHub(w, results)
	}
	return writeText(w, results)
}

func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// writeText writes the findings by pack, and a line that sums up.
func writeText(w io.Writer, results []*Result) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for _, r := range results {
		fmt.Fprintf(t, "%s%s: %s\n", r.Path, coordinates(r), verdict(r))
		for _, f := range r.Fixed {
			fmt.Fprintf(t, "  fixed\t%s\t%s\t%s\n", f.Rule, f.File, f.What)
		}
		for _, f := range r.Findings {
			fmt.Fprintf(t, "  %s\t%s\t%s\t%s\n", f.Severity, f.Rule, place(r, f), f.Message)
		}
		// Each pack is a table of its own.
		if err := t.Flush(); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(w, Summary(results))
	return err
}

// coordinates are what is known of a pack's name and version.
func coordinates(r *Result) string {
	if r.Name == "" {
		return ""
	}
	return " (" + strings.TrimSpace(r.Name+" "+r.Version) + ")"
}

// verdict says in a few words what became of a pack.
func verdict(r *Result) string {
	if r.Problem != "" {
		return r.Problem
	}
	var parts []string
	for _, s := range []pack.Severity{pack.SeverityError, pack.SeverityWarning, pack.SeverityInfo} {
		if n := r.Count(s); n > 0 {
			parts = append(parts, plural(n, string(s)))
		}
	}
	if len(parts) == 0 {
		return "ok"
	}
	return strings.Join(parts, ", ")
}

// place is where a finding is, for people: FILE:LINE.
func place(r *Result, f Finding) string {
	if f.File == "" {
		return "-"
	}
	at := f.File
	if r.Dir {
		at = r.File(f)
	}
	switch {
	case f.Line > 0:
		at += fmt.Sprintf(":%d", f.Line)
	case f.Pointer != "":
		at += "#" + f.Pointer
	}
	return at
}

// Summary is one sentence over all packs.
func Summary(results []*Result) string {
	bad, warned := 0, 0
	for _, r := range results {
		switch {
		case !r.Valid:
			bad++
		case r.Count(pack.SeverityWarning) > 0:
			warned++
		}
	}
	return fmt.Sprintf("%s: %d ok, %d with warnings, %d invalid", plural(len(results), "pack"), len(results)-bad-warned, warned, bad)
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
