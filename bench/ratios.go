package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"slices"

	"go.yaml.in/yaml/v3"
)

// Ratios is the file of targets.
type Ratios struct {
	Rows []Row `yaml:"rows"`
}

// Row is one line of the table.
type Row struct {
	Row    int      `yaml:"row"`
	Title  string   `yaml:"title"`
	Checks []Target `yaml:"checks"`
}

// Target is what a check has to reach: a minimum or a maximum.
type Target struct {
	ID   string   `yaml:"id"`
	What string   `yaml:"what"`
	Unit string   `yaml:"unit"` // "" for a ratio
	Min  *float64 `yaml:"min"`
	Max  *float64 `yaml:"max"`
}

func readRatios(path string) (*Ratios, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parseRatios(path, text)
}

func parseRatios(path string, text []byte) (*Ratios, error) {
	var r Ratios
	if err := yaml.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var seen []string
	for _, row := range r.Rows {
		for _, t := range row.Checks {
			switch {
			case t.ID == "" || t.What == "" || slices.Contains(seen, t.ID):
				return nil, fmt.Errorf("%s: row %d: a check needs an id of its own and says what it is: %q", path, row.Row, t.ID)
			case (t.Min == nil) == (t.Max == nil):
				return nil, fmt.Errorf("%s: %s needs either min or max", path, t.ID)
			}
			seen = append(seen, t.ID)
		}
	}
	if len(seen) == 0 {
		return nil, fmt.Errorf("%s has no checks", path)
	}
	return &r, nil
}

func (r *Ratios) target(id string) *Target {
	for i := range r.Rows {
		for j := range r.Rows[i].Checks {
			if t := &r.Rows[i].Checks[j]; t.ID == id {
				return t
			}
		}
	}
	return nil
}

// reached reports whether a median reaches the target.
func (t *Target) reached(median float64) bool {
	switch {
	case math.IsNaN(median):
		return false
	case t.Min != nil:
		return median >= *t.Min
	}
	return median <= *t.Max
}

// goal is the target in words.
func (t *Target) goal() string {
	if t.Min != nil {
		return "at least " + number(*t.Min) + unit(t.Unit)
	}
	return "at most " + number(*t.Max) + unit(t.Unit)
}

// verdict is the one word for a check: reached, missed, or why it says nothing.
func verdict(t *Target, c *Check) string {
	switch {
	case c == nil:
		return "not measured"
	case c.State != measured:
		return c.State
	case t.reached(c.Median):
		return "reached"
	}
	return "missed"
}

// compare tells how results stand to the targets, and whether some are reached and none is missed or could not be measured for a failure.
func compare(w io.Writer, ratios *Ratios, results *Results) (ok bool) {
	ok = true
	reached := false
	for _, row := range ratios.Rows {
		for _, t := range row.Checks {
			c := results.check(t.ID)
			word := verdict(&t, c)
			value := ""
			if c != nil && len(c.Values) > 0 {
				value = number(c.Median) + unit(t.Unit)
			}
			fmt.Fprintf(w, "%-12s %-24s %10s  %s (%s)\n", word, t.ID, value, t.What, t.goal())
			if word == "missed" || word == failed || word == "not measured" {
				ok = false
			}
			reached = reached || word == "reached"
		}
	}
	return ok && reached // a run of which nothing counts shows nothing
}

// number writes three digits that mean something.
func number(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v):
		return "?"
	case a >= 1000:
		return fmt.Sprintf("%.0f", v)
	case a >= 100:
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return trim(fmt.Sprintf("%.1f", v))
	case a >= 1:
		return trim(fmt.Sprintf("%.2f", v))
	}
	return trim(fmt.Sprintf("%.3g", v))
}

func trim(s string) string {
	for len(s) > 1 && s[len(s)-1] == '0' && slices.Contains([]byte(s), '.') {
		s = s[:len(s)-1]
	}
	if s[len(s)-1] == '.' {
		s = s[:len(s)-1]
	}
	return s
}

func unit(u string) string {
	if u == "" {
		return ""
	}
	return " " + u
}
