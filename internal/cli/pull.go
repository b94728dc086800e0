package cli

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"packregistry/internal/cli/unpack"
	"packregistry/internal/client"
	"packregistry/internal/pack"
)

// pulled is what a pull has made.
type pulled struct {
	Namespace string      `json:"namespace"`
	Name      string      `json:"name"`
	Version   string      `json:"version"`
	Digest    pack.Digest `json:"digest"` // of the archive that came
	Size      int64       `json:"size"`   // of the archive, bytes
	Path      string      `json:"path"`
}

// pullFlags are those of pack pull.
type pullFlags struct {
	connection
	output
	force, archive bool
	format         string
}

func (p *program) pullCommand() *cobra.Command {
	var f pullFlags
	c := &cobra.Command{
		Use: "pull PACK[:TAG|@DIGEST] TARGET_DIR", Short: "fetch a pack and unpack it",
		Long: `Fetch a version (the latest, where no tag is given) and unpack it into TARGET_DIR/<name>-<version>, with pack.json at the top of that folder.
TARGET_DIR is made when it is not there; several packs may be pulled into the same one. A digest may also be that of a content which was replaced since.

The archive must be what the registry says, byte for byte, else nothing is unpacked; what would be written outside the folder is refused. The
folder appears whole or not at all. A pull that is killed outright leaves at most a hidden folder .<name>-<version>.part-*, which may be removed.

A folder that is there and not empty is left alone (exit code 6); --force puts the new one in its place when that is complete. --archive writes the archive itself
instead, TARGET_DIR/<name>-<version>.zip, or with --archive-format tar.gz its other form.`,
		Example: `spectro pack pull argo-cd packs
spectro pack pull argo-cd:3.26.7 packs --force
spectro pack pull argo-cd@sha256:0c5f8b5e9d0c6f0f3f7e6e9f5f2f7b2d8f1f9f1b6a2d3c4e5f60718293a4b5c6 /tmp
spectro pack pull argo-cd:3.26.7 . --archive --archive-format tar.gz
cd "$(spectro pack pull argo-cd . -o name)"`,
		Args: args(cobra.ExactArgs(2)), ValidArgsFunction: complete(p.completeRefs, completeFolders),
		RunE: func(cmd *cobra.Command, given []string) error {
			t, err := parseTarget(given[0])
			switch {
			case err != nil:
				return err
			case given[1] == "":
				return usagef("no target is given; it is called as: %s", cmd.UseLine())
			case f.format != string(pack.FormatZip) && f.format != string(pack.FormatTarGz):
				return usagef("there is no format %q; --archive-format takes zip or tar.gz", f.format)
			case cmd.Flags().Changed("archive-format") && !f.archive:
				return usagef("--archive-format goes with --archive")
			case f.archive && strings.HasPrefix(t.ref, "sha256:") && cmd.Flags().Changed("archive-format"):
				return usagef("a digest names an archive of one form; leave out --archive-format")
			}
			c, err := p.connect(cmd.Context(), f.connection)
			if err != nil {
				return err
			}
			got, err := p.pull(cmd.Context(), c, t, given[1], &f)
			if err != nil {
				return err
			}
			return f.show(p.Stdout, shown{
				value: got, header: []string{"NAME", "VERSION", "SIZE", "PATH"}, names: []string{got.Path},
				rows: [][]string{{got.Name, got.Version, bytesOf(got.Size), got.Path}},
			})
		},
	}
	f.output.flags(c)
	f.connection.flags(c)
	c.Flags().BoolVarP(&f.force, "force", "f", false, "replace what is there")
	c.Flags().BoolVar(&f.archive, "archive", false, "write the archive, do not unpack it")
	c.Flags().StringVar(&f.format, "archive-format", string(pack.FormatZip), "`FORM` of the archive: zip or tar.gz")
	fixedWords(c, "archive-format", []string{"zip", "tar.gz"})
	return c
}

func (p *program) pull(ctx context.Context, c *client.Client, t target, dir string, f *pullFlags) (*pulled, error) {
	v, err := resolve(ctx, c, t)
	if err != nil {
		return nil, err
	}
	got := &pulled{Namespace: v.Namespace, Name: v.Name, Version: v.Version}
	d := &download{c: c, v: v, bar: p.progress()}
	defer d.bar.close()
	if digest := pack.Digest(t.ref); strings.HasPrefix(t.ref, "sha256:") && digest != v.Digest {
		d.digest = digest // the tar.gz's: a digest names bytes, not only a version
	} else if f.archive {
		d.format = pack.Format(f.format)
	}
	name := v.Name + "-" + v.Version
	if f.archive {
		name += "." + string(d.form())
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	target, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer target.Close()
	got.Path = filepath.Join(dir, name)
	return got, unpack.Place(target, name, f.force, func(work *os.Root) (string, error) {
		file, err := work.OpenFile("archive", os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644)
		if err != nil {
			return "", err
		}
		defer file.Close()
		if got.Digest, got.Size, err = d.to(ctx, file); err != nil {
			return "", err
		}
		if f.archive {
			return "archive", file.Close()
		}
		return unpacked(ctx, work, file, got.Size)
	})
}

// unpacked unpacks an archive into a folder of work and says where the pack is in it.
func unpacked(ctx context.Context, work *os.Root, archive io.ReaderAt, size int64) (string, error) {
	if err := work.Mkdir("tree", 0o755); err != nil {
		return "", err
	}
	tree, err := work.OpenRoot("tree")
	if err != nil {
		return "", err
	}
	defer tree.Close()
	root, err := unpack.Archive(ctx, archive, size, unpack.Limits(), tree)
	return filepath.ToSlash(filepath.Join("tree", root)), err
}

// download fetches an archive.
type download struct {
	c      *client.Client
	v      *pack.Version
	digest pack.Digest // "" is the one that the format has
	format pack.Format // "" is zip
	bar    *progress
}

// form is the form of what comes. Of the two digests a version has, the other one is the tar.gz's.
func (d *download) form() pack.Format {
	if d.digest != "" || d.format == pack.FormatTarGz {
		return pack.FormatTarGz
	}
	return pack.FormatZip
}

// to writes it. Without an error what was written has that digest and size.
func (d *download) to(ctx context.Context, w io.Writer) (digest pack.Digest, size int64, err error) {
	var body io.ReadCloser
	if d.form() == pack.FormatZip {
		digest, size = d.v.Digest, d.v.Size
		body, err = d.c.Archive(ctx, d.v)
	} else {
		body, digest, size, err = d.c.ArchiveAs(ctx, d.v, d.digest, d.format)
	}
	if err != nil {
		return "", 0, err
	}
	defer body.Close()
	if most := unpack.Limits().Unpacked; size > most { // before it fills the disk
		return "", 0, pack.Errorf(pack.KindTooLarge, "archive_too_large", "the archive of %s:%s has %s by what %s says; packs have at most %s",
			d.v.Name, d.v.Version, bytesOf(size), d.c.Server(), bytesOf(most))
	}
	come := &told{w: w, tell: d.bar.transfer(d.v.Name+"-"+d.v.Version, size)}
	_, err = io.Copy(come, body)
	return digest, size, err
}

// told tells how many bytes have been written.
type told struct {
	w    io.Writer
	n    int64
	tell func(int64)
}

func (t *told) Write(p []byte) (int, error) {
	n, err := t.w.Write(p)
	t.n += int64(n)
	t.tell(t.n)
	return n, err
}
