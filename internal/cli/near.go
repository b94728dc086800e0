package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"packregistry/internal/client"
	"packregistry/internal/pack"
)

// nearMost is how many names or versions an error offers.
const nearMost = 3

// resolve finds the version that a target means, latest where it names none. What is not there is an error that says what
// is near.
func resolve(ctx context.Context, c *client.Client, t target) (*pack.Version, error) {
	c, ref := t.at(c), t.ref
	if ref == "" {
		ref = "latest"
	}
	v, err := c.Version(ctx, t.name, ref)
	if err != nil {
		return nil, near(ctx, c, t.name, err)
	}
	// What a server says becomes names of files and folders.
	if err := errors.Join(pack.ValidateNamespace(v.Namespace), pack.ValidateName(v.Name), pack.ValidateVersion(v.Version)); err != nil || v.Name != t.name {
		return nil, &client.NetworkError{Server: c.Server(), Reason: fmt.Sprintf("asked for %s it answered with %q %q", t.name, v.Name, v.Version), Err: err}
	}
	return v, nil
}

// at is the client of the target's namespace.
func (t target) at(c *client.Client) *client.Client {
	if t.namespace == "" {
		return c
	}
	return c.In(t.namespace)
}

// near adds to the error of a pack or version that is not there what was perhaps meant. Other errors stay as they are, and so does
// this one when nothing is near or the server does not answer once more.
func near(ctx context.Context, c *client.Client, name string, err error) error {
	var known *pack.Error
	if !errors.As(err, &known) || known.Kind != pack.KindNotFound {
		return err
	}
	var found []string
	var more string
	switch known.Code {
	case "pack_not_found":
		found, more = nearNames(ctx, c, name), "did you mean %s?"
	case "version_not_found":
		found, more = newestVersions(ctx, c, name), "the newest there are: %s"
	}
	if len(found) == 0 {
		return err
	}
	told := *known
	told.Message = strings.TrimSuffix(known.Message, ".") + "; " + fmt.Sprintf(more, strings.Join(found, ", "))
	return &told
}

// nearNames searches for the name, and if that finds nothing for its parts.
func nearNames(ctx context.Context, c *client.Client, name string) []string {
	var found []string
	tries := append([]string{name}, strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("-_.", r) })...)
	for _, text := range tries {
		page, err := c.Search(ctx, client.Query{Text: text, Limit: nearMost})
		if err != nil {
			return nil // the first error is the one to tell
		}
		for _, v := range page.Items {
			found = append(found, v.Name)
		}
		// The search ranks what a pack says of itself; here it is the spelling that counts.
		slices.SortStableFunc(found, func(a, b string) int { return spelling(a, name) - spelling(b, name) })
		if len(found) > 0 {
			break
		}
	}
	return found
}

// spelling is 0 for names that are the same but for what joins their parts, 1 where one holds the other, else 2.
func spelling(a, b string) int {
	squeeze := strings.NewReplacer("-", "", "_", "", ".", "")
	a, b = squeeze.Replace(a), squeeze.Replace(b)
	switch {
	case a == b:
		return 0
	case strings.Contains(a, b), strings.Contains(b, a):
		return 1
	}
	return 2
}

func newestVersions(ctx context.Context, c *client.Client, name string) []string {
	p, err := c.Pack(ctx, name)
	if err != nil {
		return nil
	}
	var found []string
	for _, v := range p.Versions[:min(nearMost, len(p.Versions))] {
		found = append(found, v.Version)
	}
	return found
}
