package check

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"packregistry/internal/pack"
)

// metadataOf takes what the catalogue keeps from a decoded pack.json. Values of the
// wrong type are left out: the schema has spoken of them.
func metadataOf(doc map[string]any) pack.Metadata {
	m := pack.Metadata{
		Name:        text(doc, "name"),
		Version:     text(doc, "version"),
		DisplayName: strings.TrimSpace(text(doc, "displayName")),
		Layer:       text(doc, "layer"),
		AddonType:   strings.TrimSpace(text(doc, "addonType")),
		Group:       strings.TrimSpace(text(doc, "group")),
		EOL:         strings.TrimSpace(text(doc, "eol")),
		CloudTypes:  []string{},
		Annotations: map[string]string{},
	}
	for _, c := range append(texts(doc, "cloudTypes"), text(doc, "cloudType")) {
		if c = strings.TrimSpace(c); c != "" && !slices.Contains(m.CloudTypes, c) {
			m.CloudTypes = append(m.CloudTypes, c)
		}
	}
	if annotations, ok := doc["annotations"].(map[string]any); ok {
		for k, v := range annotations {
			if s, ok := v.(string); ok {
				m.Annotations[k] = s
			}
		}
	}
	return m
}

func text(doc map[string]any, key string) string {
	s, _ := doc[key].(string)
	return s
}

// texts gives the strings of a list, with "" for what is none, so that places stay.
func texts(doc map[string]any, key string) []string {
	list, _ := doc[key].([]any)
	out := make([]string, len(list))
	for i, v := range list {
		out[i], _ = v.(string)
	}
	return out
}

// checkMetadata applies the rules that a schema cannot say.
func checkMetadata(doc map[string]any, m pack.Metadata, f *findings) {
	if m.Name != "" {
		report(f, ruleName, "/name", pack.ValidateName(m.Name))
	}
	if strings.TrimSpace(m.Version) != "" {
		report(f, ruleVersion, "/version", pack.ValidateVersion(m.Version))
		if strings.HasPrefix(m.Version, "v") {
			f.add(ruleVersionV, packJSON, "/version", "the version starts with v; write %s", quote(m.Version[1:]))
		}
	}
	if err := pack.ValidateGroup(m.Group); err != nil {
		report(f, ruleGroup, "/group", err)
	} else if own := pack.OwnTag(m.Version, m.Group); len(own) > pack.MaxTagLength {
		f.add(ruleGroup, packJSON, "/group", "group and version together make a tag of %d characters; at most %d are allowed", len(own), pack.MaxTagLength)
	}
	checkControls(doc, f)
	checkKinds(doc, m, f)
}

func report(f *findings, rule, pointer string, err error) {
	var e *pack.Error
	if errors.As(err, &e) {
		f.add(rule, packJSON, pointer, "%s", e.Message)
	}
}

// checkKinds warns of unknown cloud and addon types. They are open sets
// (palette-contract 5.2), so unknown ones are no errors.
func checkKinds(doc map[string]any, m pack.Metadata, f *findings) {
	if len(m.CloudTypes) == 0 {
		f.add(ruleNoCloudTypes, packJSON, "/cloudTypes", "no cloudTypes are given; list them, or \"all\"")
	}
	for i, c := range texts(doc, "cloudTypes") {
		if c = strings.TrimSpace(c); !knownCloudType(c) {
			f.add(ruleCloudType, packJSON, pointer("cloudTypes", strconv.Itoa(i)), "the cloud type %s is not a known one", quote(c))
		}
	}
	if c := strings.TrimSpace(text(doc, "cloudType")); c != "" && !knownCloudType(c) {
		f.add(ruleCloudType, packJSON, "/cloudType", "the cloud type %s is not a known one", quote(c))
	}
	switch {
	case m.AddonType == "" && m.Layer == "addon":
		f.add(ruleNoAddonType, packJSON, "/addonType", "a pack of layer addon should say its addonType, such as \"system app\"")
	case m.AddonType != "" && !knownAddonType(m.AddonType):
		f.add(ruleAddonType, packJSON, "/addonType", "the addonType %s is not a known one", quote(m.AddonType))
	}
}

func knownCloudType(c string) bool {
	switch c {
	case "all", "aws", "azure", "gcp", "vsphere", "openstack", "baremetal", "maas", "aks", "eks", "gke", "tke", "tencent",
		"edge", "edge-native", "libvirt", "coxedge", "custom":
		return true
	}
	return false
}

func knownAddonType(t string) bool {
	switch t {
	case "logging", "monitoring", "load balancer", "authentication", "ingress", "security", "servicemesh", "system app",
		"app services", "app-services", "registry", "csi", "cni", "integration", "network", "storage", "ai":
		return true
	}
	return false
}

// checkControls refuses control characters in what is shown to people. Annotation
// values may have several lines.
func checkControls(doc map[string]any, f *findings) {
	for _, key := range []string{"name", "displayName", "version", "layer", "group", "eol", "addonType", "addonSubType", "cloudType"} {
		refuseControls(text(doc, key), "", f, key)
	}
	for _, key := range []string{"cloudTypes", "charts", "kubeManifests", "ansibleRoles"} {
		for i, s := range texts(doc, key) {
			refuseControls(s, "", f, key, strconv.Itoa(i))
		}
	}
	annotations, _ := doc["annotations"].(map[string]any)
	for key, value := range annotations {
		refuseControls(key, "", f, "annotations", key)
		if s, ok := value.(string); ok {
			refuseControls(s, "\t\n\r", f, "annotations", key)
		}
	}
}

func refuseControls(s, allowed string, f *findings, at ...string) {
	for _, r := range s {
		// Bidirectional overrides and isolates make text look like another.
		bidi := (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069)
		if (unicode.IsControl(r) || bidi) && !strings.ContainsRune(allowed, r) {
			f.add(ruleControl, packJSON, pointer(at...), "%s holds the control character U+%04X; remove it", quote(strings.Join(at, ".")), r)
			return
		}
	}
}
