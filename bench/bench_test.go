package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{[]float64{3}, 3}, {[]float64{4, 1}, 2.5}, {[]float64{9, 1, 5}, 5}, {[]float64{1, 9, 2, 8, 3}, 3}} {
		kept := append([]float64(nil), c.values...)
		if got := median(c.values); got != c.want || !reflect.DeepEqual(kept, c.values) {
			t.Errorf("the median of %v is %v, not %v; or they were sorted in place", kept, got, c.want)
		}
	}
	if p := percentile([]float64{5, 1, 4, 2, 3}, 0.99); p != 5 {
		t.Errorf("p99 %v", p)
	}
	if a, b := fmt.Sprint(order(3, 0)), fmt.Sprint(order(3, 1)); a != "[0 1 2]" || b != "[2 1 0]" {
		t.Errorf("rounds go %s, then %s", a, b)
	}
}

// A ratio is taken in each round: rounds of a slow machine and of a quick one give the same.
func TestPairedRatios(t *testing.T) {
	g := group{
		sides:  []side{{name: "ours"}, {name: "peer"}},
		checks: []checked{{id: "x", of: []key{{"ours", "load"}, {"peer", "load"}}}, {"cpu", []key{{"ours", "load"}, {"peer", "load"}}, ratioOfCPU}, {id: "y", of: []key{{"ours", "load"}, {"gone", "load"}}}},
	}
	out := &Group{Checks: []*Check{{ID: "x", State: measured}, {ID: "cpu", State: measured}, {ID: "y", State: measured}}}
	for _, speed := range []float64{1, 10, 100} {
		out.take(g, map[key]sample{{"ours", "load"}: {rate: 3 * speed, cpu: 1 / speed}, {"peer", "load"}: {rate: 2 * speed, cpu: 4 / speed}})
	}
	b := &bench{rounds: rounds}
	for i, missing := range []map[string]string{nil, nil, {"gone": "it is not here"}} {
		b.settle(g.checks[i], out.Checks[i], missing, nil, false)
	}
	x, cpu, y := out.Checks[0], out.Checks[1], out.Checks[2]
	if x.Median != 1.5 || x.Min != 1.5 || x.Max != 1.5 || x.State != measured || cpu.Median != 0.25 || y.State != skipped || y.Why == "" {
		t.Errorf("%+v %+v %+v", x, cpu, y)
	}
	if len(out.Sides) != 2 || len(out.Sides[0].Rates) != 3 {
		t.Errorf("sides: %+v", out.Sides)
	}
	b.settle(g.checks[0], x, nil, nil, true)
	if x.State != inconclusive {
		t.Errorf("a round among others is %s", x.State)
	}
	b.settle(g.checks[0], x, nil, fmt.Errorf("a 500"), true)
	if x.State != failed {
		t.Errorf("a round with a failure is %s", x.State)
	}
}

func TestRatiosFile(t *testing.T) {
	r, err := readRatios("ratios.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Rows) != 12 {
		t.Errorf("there are %d rows", len(r.Rows))
	}
	// Every check that is measured has a target, and every target is measured.
	b := &bench{shapes: shapes(true), seconds: 1, made: map[string]bool{}}
	checks := map[string]bool{}
	for _, g := range b.groups() {
		sides := map[string]bool{}
		for _, s := range g.sides {
			sides[s.name] = true
		}
		for _, c := range g.checks {
			checks[c.id] = true
			if r.target(c.id) == nil {
				t.Errorf("%s has no target", c.id)
			}
			for _, k := range c.of {
				if !sides[k.side] {
					t.Errorf("%s asks for %s, which is no side of its group", c.id, k.side)
				}
			}
		}
	}
	for _, row := range r.Rows {
		for _, target := range row.Checks {
			if !checks[target.ID] {
				t.Errorf("%s is measured by nothing", target.ID)
			}
		}
	}
	for name, text := range map[string]string{
		"both": "rows: [{row: 1, checks: [{id: a, what: b, min: 1, max: 2}]}]", "neither": "rows: [{row: 1, checks: [{id: a, what: b}]}]",
		"twice": "rows: [{row: 1, checks: [{id: a, what: b, min: 1}, {id: a, what: b, min: 1}]}]", "nothing": "rows: []", "no YAML": "rows: [",
	} {
		if _, err := parseRatios(name, []byte(text)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestCompareAndPage(t *testing.T) {
	ratios, err := parseRatios("test", []byte(`rows:
  - {row: 1, title: First, checks: [{id: 1.a, what: a rate, min: 2}, {id: 1.b, what: a size, unit: MB, max: 13}]}
  - {row: 2, title: Second, checks: [{id: 2.a, what: another, min: 2}, {id: 2.b, what: nothing, min: 1}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	value := func(id string, v float64) *Check {
		c := &Check{ID: id, State: measured, Values: []float64{v, v, v}}
		c.settle()
		return c
	}
	results := &Results{At: time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC), Groups: []*Group{
		{Row: 1, Name: "g", Title: "a group", Sides: []SideResult{{Side: "ours", Load: "l", Unit: "/s", Rates: []float64{1234, 5678}, CPU: []float64{0.5}}}, Checks: []*Check{value("1.a", 3), value("1.b", 14)}},
		{Row: 2, Name: "h", Title: "another", Checks: []*Check{value("2.a", 1)}},
	}}
	results.Groups[0].Checks[1].Profile = "cpu\n 60% flat 90% cum  packregistry/slow"
	results.Groups[1].Checks[0].State, results.Groups[1].Checks[0].Why = inconclusive, "too noisy"
	var out bytes.Buffer
	if compare(&out, ratios, results) {
		t.Error("a missed target and one that was not measured pass")
	}
	for _, want := range []string{"reached      1.a", "missed       1.b", "inconclusive 2.a", "not measured 2.b"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in:\n%s", want, out.String())
		}
	}
	text := page(ratios, results, "what was found", []string{"## More\n\nof it"})
	for _, want := range []string{
		"| 1 | **First**: a rate | at least 2 | 3 | 3 to 3 | reached |", "|  | a size | at most 13 MB | 14 MB | 14 to 14 | missed |",
		"1 reached, 1 missed, 1 inconclusive, 1 not measured.", "| ours | l | 3456/s | 1234 to 5678 | 0.5 ms |  |", "packregistry/slow", "what was found", "## More", "too noisy",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in:\n%s", want, text)
		}
	}
	// With what was missed mended, only the missing one is left.
	results.Groups[0].Checks[1] = value("1.b", 12)
	results.merge(&Results{Groups: []*Group{{Row: 2, Name: "h", Checks: []*Check{value("2.a", 2), value("2.b", 1)}}}})
	if !compare(&out, ratios, results) {
		t.Errorf("all targets are reached, but:\n%s", out.String())
	}
	nothing := &Results{}
	for _, c := range []*Check{value("1.a", 3), value("1.b", 12), value("2.a", 2), value("2.b", 1)} {
		c.State = inconclusive
		nothing.Groups = append(nothing.Groups, &Group{Checks: []*Check{c}})
	}
	if compare(&out, ratios, nothing) {
		t.Error("a run of which nothing counts passes")
	}
	path := filepath.Join(t.TempDir(), "results.json")
	if err := results.write(path); err != nil {
		t.Fatal(err)
	}
	again, err := readResults(path)
	if err != nil || !reflect.DeepEqual(again, results) {
		t.Errorf("%v: %+v", err, again)
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.00123456: "0.00123", 0.5: "0.5", 1: "1", 1.234: "1.23", 12.34: "12.3", 20: "20", 100: "100", 123.4: "123", 54321.9: "54322", math.NaN(): "?"} {
		if got := number(v); got != want {
			t.Errorf("%v is written %s, not %s", v, got, want)
		}
	}
}

func TestStat(t *testing.T) {
	p, err := parseStat("42 (a b) c) S 7 42 42 0 -1 4194560 1 2 0 0 150 50 30 20 20 0 1 0 100 1 1")
	if err != nil || p.pid != 42 || p.parent != 7 || p.name != "a b) c" || p.own != 2*time.Second || p.all != 2500*time.Millisecond {
		t.Errorf("%+v %v", p, err)
	}
	before := usage{at: time.Unix(0, 0), busy: time.Second, ours: time.Second}
	after := usage{at: time.Unix(10, 0), busy: 6 * time.Second, ours: 3 * time.Second, kernel: time.Second, byName: map[string]time.Duration{"registry": time.Second}}
	if s := after.since(before); s.wall != 10*time.Second || s.byName["registry"] != time.Second || s.others <= 0 || s.others > 0.2 {
		t.Errorf("%+v", s)
	}
	if _, err := os.Stat("/proc/self/stat"); err == nil {
		if _, err := readUsage(); err != nil {
			t.Error(err)
		}
	}
}

// A catalogue is the same at every call, and its parts fit together.
func TestCatalogue(t *testing.T) {
	s := shape{name: "t", packs: 40, each: 3, files: 2, texts: true}
	count := func() map[string]string {
		sums := map[string]string{}
		for _, table := range append(s.tables(), s.grams(), s.staged()) {
			n := 0
			var all strings.Builder
			table.rows(func(r []any) bool {
				if n++; len(r) != len(table.columns) {
					t.Fatalf("%s has a row of %d for %d columns", table.name, len(r), len(table.columns))
				}
				fmt.Fprintln(&all, r...)
				return true
			})
			sums[table.name] = fmt.Sprint(n, digestOf(all.String()))
		}
		return sums
	}
	first, second := count(), count()
	if !reflect.DeepEqual(first, second) {
		t.Error("the catalogue is another one at the second call")
	}
	for table, n := range map[string]int{"packs": 40, "versions": 120, "revisions": 120, "files": 240, "changes": 122, "tags": 2, "staged": 40} {
		if !strings.HasPrefix(first[table], fmt.Sprint(n)) {
			t.Errorf("%s: %s rows, not %d", table, first[table], n)
		}
	}
	if s.changes() != 122 {
		t.Errorf("%d changes", s.changes())
	}
	names := map[string]bool{}
	rare := newGenerator().rare
	for i := range 100_000 {
		names[packName(rare, i)] = true
	}
	if len(names) != 100_000 {
		t.Errorf("only %d of 100,000 names are different", len(names))
	}
	if a, err := packZip("a", "1.0.0", packBytes, 1); err != nil || len(a.bytes) < packBytes*9/10 || len(a.bytes) > packBytes*11/10 {
		t.Errorf("a pack of %d bytes: %v", len(a.bytes), err)
	}
}

// The spellings of a question are different ones, and mean the same.
func TestSpelt(t *testing.T) {
	seen := map[string]bool{}
	for n := range 1 << 6 {
		q := spelt("ab-cd e2f", n)
		if seen[q] || strings.ToLower(q) != "ab-cd e2f" {
			t.Errorf("spelling %d is %q", n, q)
		}
		seen[q] = true
	}
	if q := spelt("ab", 0); q != "ab" {
		t.Errorf("the first spelling is %q", q)
	}
}
