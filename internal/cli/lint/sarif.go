package lint

import (
	"net/url"
	"path/filepath"
	"strings"

	"packregistry/internal/pack"
	"packregistry/internal/pack/rules"
)

// The parts of SARIF 2.1.0 (OASIS, errata 01) that a report needs.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool         `json:"tool"`
		Invocations []sarifInvocation `json:"invocations"`
		Results     []sarifResult     `json:"results"`
		ColumnKind  string            `json:"columnKind"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version,omitempty"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string            `json:"id"`
		ShortDescription sarifText         `json:"shortDescription"`
		Help             sarifText         `json:"help"`
		Default          sarifLevel        `json:"defaultConfiguration"`
		Properties       map[string]string `json:"properties"`
	}
	sarifText struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown,omitempty"`
	}
	sarifLevel struct {
		Level string `json:"level"`
	}
	sarifInvocation struct {
		Successful    bool                `json:"executionSuccessful"`
		Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
	}
	sarifNotification struct {
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		RuleIndex int             `json:"ruleIndex"`
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations"`
	}
	sarifLocation struct {
		Physical sarifPhysical  `json:"physicalLocation"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
	sarifLogical struct {
		Name string `json:"fullyQualifiedName"`
		Kind string `json:"kind,omitempty"`
	}
)

// sarif makes the log of one run. Paths are relative to the working directory, as they were given;
// what scans a repository runs at its root. A rule has no helpUri, which would have to be absolute
// (3.49.12): its page is the property documentation, and its text is in help.
func sarif(results []*Result, version string) (*sarifLog, error) {
	all, err := rules.All()
	if err != nil {
		return nil, err
	}
	run := sarifRun{
		Tool:       sarifTool{sarifDriver{Name: "spectro", Version: version, Rules: []sarifRule{}}},
		Results:    []sarifResult{},
		ColumnKind: "unicodeCodePoints",
	}
	invocation := sarifInvocation{Successful: true}
	known := map[string]rules.Rule{}
	for _, r := range all {
		known[r.ID] = r
	}
	index := map[string]int{}
	for _, r := range results {
		if r.Problem != "" {
			invocation.Successful = false
			invocation.Notifications = append(invocation.Notifications, sarifNotification{
				Level: "error", Message: sarifText{Text: r.Path + ": " + r.Problem}, Locations: []sarifLocation{{Physical: sarifPhysical{Artifact: artifact(r.Path)}}},
			})
		}
		for _, f := range r.Findings {
			if _, listed := index[f.Rule]; !listed {
				index[f.Rule] = len(run.Tool.Driver.Rules)
				run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, describe(f, known))
			}
			run.Results = append(run.Results, sarifResult{
				RuleID: f.Rule, RuleIndex: index[f.Rule], Level: level(f.Severity), Message: sarifText{Text: f.Message},
				Locations: []sarifLocation{location(r, f)},
			})
		}
	}
	run.Invocations = []sarifInvocation{invocation}
	return &sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run}}, nil
}

// describe is a rule as the viewer shows it.
func describe(f Finding, known map[string]rules.Rule) sarifRule {
	r, ok := known[f.Rule]
	if !ok {
		r = rules.Rule{ID: f.Rule, Severity: f.Severity, Headline: f.Message, Text: f.Message}
	}
	return sarifRule{
		ID: r.ID, ShortDescription: sarifText{Text: r.Headline}, Help: sarifText{Text: r.Text, Markdown: r.Text},
		Default: sarifLevel{level(r.Severity)}, Properties: map[string]string{"documentation": rules.Page + "#" + r.ID},
	}
}

func level(s pack.Severity) string {
	if s == pack.SeverityInfo {
		return "note"
	}
	return string(s)
}

// location is where a finding is. A line inside an archive is none of the archive's, so there only
// the logical location tells it.
func location(r *Result, f Finding) sarifLocation {
	l := sarifLocation{Physical: sarifPhysical{Artifact: artifact(r.File(f))}}
	if r.Dir && f.Line > 0 {
		l.Physical.Region = &sarifRegion{StartLine: f.Line}
	}
	name := f.File
	if f.Pointer != "" {
		name += "#" + f.Pointer
	} else if !r.Dir && f.Line > 0 {
		name = place(r, f)
	}
	if name != "" {
		l.Logical = []sarifLogical{{Name: name}}
	}
	return l
}

// artifact makes a URI reference of a path: relative ones stay relative.
func artifact(path string) sarifArtifact {
	slashed := filepath.ToSlash(filepath.Clean(path))
	if !filepath.IsAbs(path) {
		return sarifArtifact{URI: (&url.URL{Path: slashed}).String()}
	}
	return sarifArtifact{URI: (&url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(slashed, "/")}).String()}
}
