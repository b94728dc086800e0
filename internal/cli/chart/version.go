package chart

import (
	"strings"

	"github.com/Masterminds/semver/v3"

	"packregistry/internal/pack"
)

// choose gives the place of the version that is wanted in a list: the one spelt so, else the highest in the range
// that is asked for, else (nothing is asked for) the highest that is no pre-release, else the highest.
func choose(versions []string, want, name string) (int, error) {
	for i, v := range versions {
		if want != "" && strings.TrimPrefix(v, "v") == strings.TrimPrefix(want, "v") {
			return i, nil
		}
	}
	// As Helm does: no range means all releases.
	asked := want
	if asked == "" {
		asked = "*"
	}
	limits, err := semver.NewConstraint(asked)
	if err != nil {
		return 0, pack.Errorf(pack.KindNotFound, "", "there is no version %s of the chart %s", want, name)
	}
	best, newest := -1, -1
	var bestV, newestV *semver.Version
	for i, text := range versions {
		v, err := semver.NewVersion(text)
		if err != nil {
			continue
		}
		if limits.Check(v) && (bestV == nil || v.GreaterThan(bestV)) {
			best, bestV = i, v
		}
		if newestV == nil || v.GreaterThan(newestV) {
			newest, newestV = i, v
		}
	}
	if best < 0 && want == "" {
		best = newest
	}
	if best < 0 {
		return 0, pack.Errorf(pack.KindNotFound, "", "there is no version %s of the chart %s", asked, name)
	}
	return best, nil
}

// IsVersion reports whether a text is a semantic version, maybe with a v. Helm takes others too, but should be given none.
func IsVersion(text string) bool {
	_, err := semver.StrictNewVersion(strings.TrimPrefix(text, "v"))
	return err == nil
}
