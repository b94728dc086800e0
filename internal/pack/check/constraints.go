package check

import (
	"encoding/json"
	"strconv"
	"strings"

	"packregistry/internal/pack"
)

// Constraints is constraints of pack.json (palette-contract 5.5). Palette evaluates
// them; the registry only says when they look odd.
type Constraints struct {
	Dependencies []Dependency
	Resources    []Resource
}

// Dependency asks for, suggests or forbids another pack, or says from which versions
// of itself a pack can be upgraded.
type Dependency struct {
	PackName, Layer string
	Type            string // required, optional, notSupported, upgrade
	// MinVersion and MaxVersion bound the other's version, both included; "" is no bound.
	MinVersion, MaxVersion string
}

// Resource is a need of the whole pack.
type Resource struct {
	Type string // cpu, memory, diskSize
	// MinLimit is in millicores, MiB or GB; nil when not given. It is ignored when there are components.
	MinLimit   *float64
	Components []Component
}

// Component is a part of a resource, by the dotted paths of its values.
type Component struct {
	ScheduleType            string // all, master or control-plane, worker
	ResourceRequestParamRef string
	ReplicaCountParamRef    string
}

// ParseConstraints reads constraints from a decoded pack.json. Values of the wrong
// type are left at zero, places in lists are kept.
func ParseConstraints(doc map[string]any) Constraints {
	c, _ := doc["constraints"].(map[string]any)
	var out Constraints
	for _, d := range objects(c, "dependencies") {
		out.Dependencies = append(out.Dependencies, Dependency{
			PackName: text(d, "packName"), Layer: text(d, "layer"), Type: text(d, "type"),
			MinVersion: strings.TrimSpace(text(d, "minVersion")), MaxVersion: strings.TrimSpace(text(d, "maxVersion")),
		})
	}
	for _, r := range objects(c, "resources") {
		res := Resource{Type: text(r, "type")}
		if n, ok := r["minLimit"].(json.Number); ok {
			if v, err := n.Float64(); err == nil {
				res.MinLimit = &v
			}
		}
		for _, p := range objects(r, "components") {
			res.Components = append(res.Components, Component{
				ScheduleType:            text(p, "scheduleType"),
				ResourceRequestParamRef: text(p, "resourceRequestParamRef"), ReplicaCountParamRef: text(p, "replicaCountParamRef"),
			})
		}
		out.Resources = append(out.Resources, res)
	}
	return out
}

func objects(doc map[string]any, key string) []map[string]any {
	list, _ := doc[key].([]any)
	out := make([]map[string]any, len(list))
	for i, v := range list {
		out[i], _ = v.(map[string]any)
	}
	return out
}

// checkConstraints warns of odd values. hasKey tells whether values.yaml has a key at a
// dotted path; nil when values.yaml could not be read.
func checkConstraints(c Constraints, hasKey func(string) bool, f *findings) {
	for i, d := range c.Dependencies {
		checkDependency(d, pointer("constraints", "dependencies", strconv.Itoa(i)), f)
	}
	for i, r := range c.Resources {
		checkResource(r, pointer("constraints", "resources", strconv.Itoa(i)), hasKey, f)
	}
}

func checkDependency(d Dependency, at string, f *findings) {
	odd := func(key, format string, args ...any) { f.add(ruleDependency, packJSON, at+"/"+key, format, args...) }
	if pack.ValidateName(d.PackName) != nil {
		odd("packName", "the dependency's packName %s is no pack name", quote(d.PackName))
	}
	switch d.Type {
	case "required", "optional", "notSupported", "upgrade":
	case "":
		odd("type", "the dependency has no type; use required, optional, notSupported or upgrade")
	default:
		odd("type", "the dependency type %s is unknown; use required, optional, notSupported or upgrade", quote(d.Type))
	}
	switch d.Layer {
	case "kernel", "os", "k8s", "cni", "csi", "addon":
	default:
		odd("layer", "the dependency's layer %s is unknown", quote(d.Layer))
	}
	lowOK, highOK := versionBound(d.MinVersion), versionBound(d.MaxVersion)
	if !lowOK {
		odd("minVersion", "the minVersion %s is no version", quote(d.MinVersion))
	}
	if !highOK {
		odd("maxVersion", "the maxVersion %s is no version", quote(d.MaxVersion))
	}
	if lowOK && highOK && d.MinVersion != "" && d.MaxVersion != "" && pack.CompareVersions(d.MinVersion, d.MaxVersion) > 0 {
		odd("maxVersion", "the maxVersion %s is below the minVersion %s", quote(d.MaxVersion), quote(d.MinVersion))
	}
}

// versionBound accepts blank, versions and lines ("1.28.x").
func versionBound(v string) bool {
	return v == "" || pack.ValidateVersion(v) == nil || pack.IsParentTagSpelling(v)
}

func checkResource(r Resource, at string, hasKey func(string) bool, f *findings) {
	switch r.Type {
	case "cpu", "memory", "diskSize":
	default:
		f.add(ruleResource, packJSON, at+"/type", "the resource type %s is unknown; use cpu, memory or diskSize", quote(r.Type))
	}
	switch {
	case len(r.Components) > 0:
	case r.MinLimit == nil:
		f.add(ruleResource, packJSON, at+"/minLimit", "the resource has neither minLimit nor components")
	case *r.MinLimit < 0:
		f.add(ruleResource, packJSON, at+"/minLimit", "the minLimit is negative")
	}
	for i, c := range r.Components {
		here := at + pointer("components", strconv.Itoa(i))
		switch c.ScheduleType {
		case "all", "master", "control-plane", "worker":
		default:
			f.add(ruleResource, packJSON, here+"/scheduleType", "the scheduleType %s is unknown; use all, control-plane or worker", quote(c.ScheduleType))
		}
		if strings.TrimSpace(c.ResourceRequestParamRef) == "" {
			f.add(ruleResource, packJSON, here+"/resourceRequestParamRef", "the component names no value that holds its request")
		}
		checkRef(c.ResourceRequestParamRef, here+"/resourceRequestParamRef", hasKey, f)
		checkRef(c.ReplicaCountParamRef, here+"/replicaCountParamRef", hasKey, f)
	}
}

func checkRef(ref, at string, hasKey func(string) bool, f *findings) {
	ref = strings.TrimSpace(ref)
	if hasKey == nil || ref == "" || hasKey(ref) {
		return
	}
	f.add(ruleResourceRef, packJSON, at, "values.yaml has no key %s", quote(ref))
}
