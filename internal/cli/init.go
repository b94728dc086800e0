package cli

import (
	"errors"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"packregistry/internal/cli/scaffold"
	"packregistry/internal/pack"
)

// initCommand writes a new pack to begin with.
func (p *program) initCommand() *cobra.Command {
	n := scaffold.New{}
	var o output
	c := &cobra.Command{
		Use: "init NAME DIR", Short: "write a new pack to begin with",
		Long: `Write a new pack into DIR: pack.json, values.yaml, a README.md and a logo.png, and with --type manifest a manifest in manifests/, with
--type chart a small Helm chart in charts/, unpacked for you and packed for installing. It lints clean as it is; what it installs is an example to be replaced.

DIR is made. If it is there it must be empty.`,
		Example: `spectro pack init hello packs/hello
spectro pack init my-csi my-csi --layer csi --type chart --version 0.1.0
spectro pack lint --strict packs/hello`,
		Args: args(cobra.ExactArgs(2)), ValidArgsFunction: complete(completeNothing, completeFolders),
		RunE: func(_ *cobra.Command, given []string) error {
			n.Name = given[0]
			files, err := n.Files()
			if err != nil {
				return wrongCall(err)
			}
			if err := emptyOrGone(given[1]); err != nil {
				return err
			}
			if err := scaffold.Write(given[1], false, files, nil); err != nil {
				return err
			}
			return o.show(p.Stdout, madePack{n.Name, n.Version, given[1], nil}.shown())
		},
	}
	c.Flags().StringVar(&n.Version, "version", "1.0.0", "`VERSION` of the pack")
	packFlags(c, &n.Layer, &n.AddonType, &n.DisplayName, &n.CloudTypes)
	c.Flags().StringVar(&n.Type, "type", "manifest", "`KIND` of what installs it: "+strings.Join(scaffold.Types(), ", "))
	fixedWords(c, "type", scaffold.Types())
	o.flags(c)
	return c
}

// packFlags are those of a pack that is written.
func packFlags(c *cobra.Command, layer, addonType, displayName *string, cloudTypes *[]string) {
	c.Flags().StringVar(layer, "layer", "addon", "`LAYER` of the pack: "+strings.Join(scaffold.Layers(), ", "))
	c.Flags().StringVar(addonType, "addon-type", "system app", "`TYPE` of an addon, such as monitoring or ingress")
	c.Flags().StringVar(displayName, "display-name", "", "`TITLE` for people (default made of NAME)")
	c.Flags().StringSliceVar(cloudTypes, "cloud-type", []string{"all"}, "`CLOUD` it is for; may be given more than once")
	fixedWords(c, "layer", scaffold.Layers())
}

// wrongCall makes a usage error of what was asked for in a way that cannot be.
func wrongCall(err error) error {
	if pack.IsKind(err, pack.KindInvalid) {
		return usagef("%s", message(err))
	}
	return err
}

// emptyOrGone refuses a folder that holds something.
func emptyOrGone(dir string) error {
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return pack.Errorf(pack.KindConflict, "target_exists", "%s is a file; a new pack goes into a folder of its own", dir)
	}
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return pack.Wrap(pack.KindInvalid, err, "%s cannot be read as a folder", dir)
	case len(entries) > 0:
		return pack.Errorf(pack.KindConflict, "target_exists", "%s is not empty; a new pack goes into a folder of its own", dir)
	}
	return nil
}

// madePack is a pack that was written.
type madePack struct {
	Name    string   `json:"name"`
	Version string   `json:"version"`
	Path    string   `json:"path"`
	Images  []string `json:"images,omitempty"`
}

func (m madePack) shown() shown {
	return shown{
		value: m, header: []string{"NAME", "VERSION", "PATH"}, names: []string{m.Path},
		rows: [][]string{{m.Name, m.Version, m.Path}},
	}
}
