package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// States of a measured check. Whether a target is reached is said by the ratios file alone.
const (
	measured     = "measured"
	inconclusive = "inconclusive"
	skipped      = "skipped"
	failed       = "failed"
)

// Results are what a run has measured.
type Results struct {
	At       time.Time `json:"at"`
	Seconds  float64   `json:"seconds"`
	Quick    bool      `json:"quick,omitempty"` // small catalogues and short rounds: nothing counts
	Machine  Machine   `json:"machine"`
	Programs []Program `json:"programs"`
	Groups   []*Group  `json:"groups"`
}

// Machine is where it ran.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Memory string `json:"memory"`
	Kernel string `json:"kernel"`
	System string `json:"system"`
	Go     string `json:"go"`
}

// Program is one that took part.
type Program struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Group is what was measured together.
type Group struct {
	Row    int          `json:"row"`
	Name   string       `json:"name"`
	Title  string       `json:"title"`
	Notes  []string     `json:"notes,omitempty"`
	Sides  []SideResult `json:"sides"`
	Checks []*Check     `json:"checks"`
}

// SideResult is one load on one server, over the rounds.
type SideResult struct {
	Side  string    `json:"side"`
	Load  string    `json:"load"`
	Unit  string    `json:"unit"`
	Rates []float64 `json:"rates"`
	// CPU is milliseconds of the server's process tree for one operation; Services those of its database and store.
	CPU      []float64 `json:"cpuMs,omitempty"`
	Services []float64 `json:"servicesMs,omitempty"`
	Others   []float64 `json:"others"` // part of the machine that other processes had
}

// Check is a value with a target.
type Check struct {
	ID     string    `json:"id"`
	State  string    `json:"state"`
	Why    string    `json:"why,omitempty"`
	Values []float64 `json:"values,omitempty"`
	Median float64   `json:"median"`
	Min    float64   `json:"min"`
	Max    float64   `json:"max"`
	// Profile says where the time of ours went, when the target was missed.
	Profile string `json:"profile,omitempty"`
}

// settle computes median, minimum and maximum.
func (c *Check) settle() {
	if len(c.Values) == 0 {
		return
	}
	c.Median, c.Min, c.Max = median(c.Values), c.Values[0], c.Values[0]
	for _, v := range c.Values {
		c.Min, c.Max = min(c.Min, v), max(c.Max, v)
	}
}

func (r *Results) check(id string) *Check {
	for _, g := range r.Groups {
		for _, c := range g.Checks {
			if c.ID == id {
				return c
			}
		}
	}
	return nil
}

// merge puts the groups of newer in the place of those of the same name.
func (r *Results) merge(newer *Results) {
	for _, n := range newer.Groups {
		placed := false
		for i, old := range r.Groups {
			if old.Row == n.Row && old.Name == n.Name {
				r.Groups[i], placed = n, true
			}
		}
		if !placed {
			r.Groups = append(r.Groups, n)
		}
	}
	r.At, r.Machine, r.Programs = newer.At, newer.Machine, newer.Programs
	r.Quick = r.Quick || newer.Quick
	r.Seconds += newer.Seconds
}

func readResults(path string) (*Results, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var r Results
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &r, nil
}

func (r *Results) write(path string) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
