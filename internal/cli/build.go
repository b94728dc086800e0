package cli

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"packregistry/internal/cli/chart"
	"packregistry/internal/cli/lint"
	"packregistry/internal/cli/scaffold"
	"packregistry/internal/cli/settings"
	"packregistry/internal/client"
	"packregistry/internal/pack"
)

// buildFlags are those of pack build.
type buildFlags struct {
	connection
	output
	chart, chartVersion string
	version             string
	layer, addonType    string
	displayName         string
	cloudTypes          []string
	logo, caFile        string
	push, force         bool
	plainHTTP, insecure bool
}

// buildCommand makes a pack of a Helm chart.
func (p *program) buildCommand() *cobra.Command {
	var f buildFlags
	c := &cobra.Command{
		Use: "build NAME TARGET_DIR", Short: "make a pack of a Helm chart",
		Long: `Make a pack of a Helm chart in TARGET_DIR/<name>-<version>: pack.json, values.yaml with the chart's default values and their comments below
charts.<chart>, the images that these values name, the chart itself byte for byte, its README.md, and a logo.png.

The chart is --chart: a directory, a .tgz, oci://HOST/PATH[:VERSION], https://REPOSITORY/CHART, or https://....tgz. Without --chart, NAME may itself be
one of these, and the pack is called like the chart; else TARGET_DIR holds the chart, as a .tgz or as a directory, and if there are several
the one called NAME is meant. --chart-version says which version of a repository or of OCI, or which range of them (^1.2); without it the newest release.

A directory is packed as helm package does, .helmignore included. Nothing is rendered: images that only the chart's templates know are not
found, and are to be added to values.yaml. The version of the pack is the chart's, without a leading v and with - for +.

Accounts of OCI registries are those of login, and of docker, helm and oras. What is fetched must have the digest that the registry or the
repository's index says. The logo is the chart's icon where that can be had as PNG, JPEG or GIF; else one is drawn.

The pack is checked with the server's rules; what they find is told, and with errors the exit code is 7. --push publishes it.`,
		Example: `spectro pack build podinfo packs --chart oci://ghcr.io/stefanprodan/charts/podinfo
spectro pack build grafana packs --chart https://grafana.github.io/helm-charts/grafana --chart-version ^8
spectro pack build my-app packs --chart ./charts/my-app --addon-type monitoring
spectro pack build ./my-app-1.2.3.tgz packs --push -r packs.example.com`,
		Args: args(cobra.ExactArgs(2)), ValidArgsFunction: complete(completeFiles, completeFolders),
		RunE: func(cmd *cobra.Command, given []string) error { return p.build(cmd.Context(), &f, given[0], given[1]) },
	}
	f.connection.flags(c)
	f.output.flags(c)
	c.Flags().StringVar(&f.chart, "chart", "", "`CHART`: directory, .tgz, oci:// or https://")
	c.Flags().StringVar(&f.chartVersion, "chart-version", "", "`VERSION` of the chart, or a range (default the newest release)")
	c.Flags().StringVar(&f.version, "version", "", "`VERSION` of the pack (default the chart's)")
	packFlags(c, &f.layer, &f.addonType, &f.displayName, &f.cloudTypes)
	c.Flags().StringVar(&f.logo, "logo", "", "`FILE` with a picture (PNG, JPEG or GIF) instead of the chart's icon")
	c.Flags().BoolVarP(&f.push, "push", "p", false, "publish the pack")
	c.Flags().BoolVarP(&f.force, "force", "f", false, "replace the folder if it is there")
	c.Flags().StringVar(&f.caFile, "ca-file", "", "`FILE` with certificates (PEM) to trust when the chart is fetched")
	c.Flags().BoolVar(&f.insecure, "insecure", false, "do not verify certificates when the chart is fetched")
	c.Flags().BoolVar(&f.plainHTTP, "plain-http", false, "fetch the chart without TLS")
	return c
}

func (p *program) build(ctx context.Context, f *buildFlags, name, target string) error {
	if f.server != "" && !f.push {
		return usagef("--registry-server goes with --push")
	}
	source, name, err := p.chartSource(f, name, target)
	if err != nil {
		return err
	}
	var server *client.Client
	if f.push { // who cannot push need not build
		if server, err = p.connectToPush(ctx, f.connection); err != nil {
			return err
		}
	}
	tmp, err := os.CreateTemp("", "spectro-chart-*.tgz")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	found, err := source.Fetch(ctx, tmp)
	if e := (*pack.Error)(nil); errors.As(err, &e) && e.Code == chart.CodeReference {
		return wrongCall(err)
	} else if err != nil {
		return err
	}
	ch, err := chart.Read(ctx, tmp, found.Size)
	if err != nil {
		return err
	}
	logo, err := p.logo(ctx, f, source, ch)
	if err != nil {
		return err
	}
	built, err := scaffold.FromChart{
		Chart: ch, From: found.From, Name: name, Version: f.version, DisplayName: f.displayName,
		Layer: f.layer, AddonType: f.addonType, CloudTypes: f.cloudTypes, Logo: logo,
	}.Build()
	if err != nil {
		return wrongCall(err)
	}
	dir := filepath.Join(target, built.Manifest.Name+"-"+built.Manifest.Version)
	err = scaffold.Write(dir, f.force, built.Files, func(folder *os.Root) error {
		return copyChart(ctx, folder, built.ChartPath, tmp)
	})
	if err != nil {
		return err
	}
	for _, n := range built.Notes {
		p.note("%s", n)
	}
	if err := p.lintBuilt(ctx, dir); err != nil {
		return err
	}
	if f.push {
		p.note("the pack is in %s", dir)
		return p.push(ctx, server, &pushFlags{output: f.output, atOnce: 1}, []string{dir})
	}
	return f.show(p.Stdout, madePack{built.Manifest.Name, built.Manifest.Version, dir, built.Images}.shown())
}

// chartSource says where the chart is, and what the pack is to be called; "" like the chart.
func (p *program) chartSource(f *buildFlags, name, target string) (chart.Source, string, error) {
	ref := f.chart
	if chart.IsRef(target) {
		return chart.Source{}, "", usagef("%s is a chart itself; name another folder for the pack, and the chart with --chart %s", target, target)
	}
	if ref == "" && chart.IsRef(name) {
		ref, name = name, ""
	}
	if ref == "" {
		if err := pack.ValidateName(name); err != nil {
			return chart.Source{}, "", usagef("%s; and there is no chart of that name on this machine", message(err))
		}
		var err error
		if ref, err = chart.In(target, name); err != nil {
			return chart.Source{}, "", wrongCall(err)
		}
	}
	if ref == "" {
		return chart.Source{}, "", usagef("no chart is given; name it with --chart (a directory, a .tgz, oci:// or https://), or put it into %s", target)
	}
	s := chart.Source{Ref: ref, Version: f.chartVersion, PlainHTTP: f.plainHTTP, UserAgent: "spectro/" + p.Version, Credentials: p.chartAccount}
	var cas []string
	if f.caFile != "" {
		cas = append(cas, f.caFile)
	}
	if u, err := url.Parse(ref); err == nil && u.Host != "" {
		more, err := settings.CAFiles(settings.CertFolders(p.settingsHome(), p.getenv), u.Host)
		if err != nil {
			return s, "", asUsage(err)
		}
		cas = append(cas, more...)
	}
	var err error
	s.HTTP, err = chart.NewHTTP(cas, f.insecure)
	return s, name, err
}

// chartAccount is the account for an OCI registry: that of login, else that of docker, helm and oras.
func (p *program) chartAccount(ctx context.Context, host string) (username, password string, err error) {
	config, err := settings.Load(p.settingsPath())
	if err != nil {
		return "", "", err
	}
	entry, _ := config.Find(host)
	account, err := p.kept(ctx, entry, host)
	return account.Username, account.Password, err
}

// logo is the picture of the pack: --logo, else the chart's icon, else nil.
func (p *program) logo(ctx context.Context, f *buildFlags, source chart.Source, c *chart.Chart) ([]byte, error) {
	if f.logo != "" {
		const most = 4 << 20
		file, err := os.Open(f.logo)
		if err != nil {
			return nil, usagef("--logo: %s", err)
		}
		defer file.Close()
		b, err := io.ReadAll(io.LimitReader(file, most+1))
		if err != nil {
			return nil, err
		}
		if logo := scaffold.AsPNG(b); logo != nil && len(b) <= most {
			return logo, nil
		}
		return nil, usagef("--logo: %s is no PNG, JPEG or GIF of at most 4 MiB", f.logo)
	}
	icon, err := source.IconBytes(ctx, c)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	logo := scaffold.AsPNG(icon)
	switch {
	case err != nil:
		p.note("the chart's icon cannot be had: %s", cmp.Or(message(err), "no answer"))
	case logo == nil && strings.HasPrefix(string(c.Icon), "http"):
		p.note("the chart's icon %s is no PNG, JPEG or GIF that comes over https", c.Icon)
	}
	return logo, nil
}

// copyChart writes the packed chart into the pack, byte for byte.
func copyChart(ctx context.Context, folder *os.Root, path string, from io.ReadSeeker) error {
	if _, err := from.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err := folder.MkdirAll(filepath.Dir(filepath.FromSlash(path)), 0o755); err != nil {
		return err
	}
	to, err := folder.OpenFile(filepath.FromSlash(path), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	if closed := to.Close(); err == nil {
		err = closed
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// lintBuilt tells what the rules find in the new pack, and fails when it could not be pushed.
func (p *program) lintBuilt(ctx context.Context, dir string) error {
	l, err := lint.New()
	if err != nil {
		return err
	}
	r, err := l.Lint(ctx, dir)
	switch {
	case err != nil:
		return err
	case r.Err != nil:
		return r.Err
	case len(r.Findings) == 0:
		return nil
	}
	findings := make([]pack.Finding, len(r.Findings))
	for i, x := range r.Findings {
		findings[i] = x.Finding
	}
	if !r.Valid {
		return pack.BadPack(findings)
	}
	p.warn(dir, findings)
	return nil
}
