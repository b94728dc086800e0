// Package push publishes packs from this machine: it makes an archive of a directory, checks it with the server's
// own rules, compares it with what the registry has, and uploads what is to be uploaded.
package push

import (
	"context"
	"fmt"
	"math"
	"sync"

	"packregistry/internal/client"
	"packregistry/internal/pack"
	"packregistry/internal/pack/archive"
	"packregistry/internal/pack/check"
)

// Options say what is pushed where, and who is told of it.
type Options struct {
	Client *client.Client
	// Force lets the content of a version that is there move; it needs a Message. A version that has
	// the same content is left alone, unless SkipDigestCheck leaves that to the server.
	Force           bool
	Message         string
	SkipDigestCheck bool
	// DryRun does everything but the upload.
	DryRun bool
	// Warn is told what is odd about a pack that is good enough. It may be called concurrently.
	Warn func(source string, warnings []pack.Finding)
	// Upload is told that an upload begins, and gives who is told how many bytes an attempt has sent. It may be
	// called concurrently.
	Upload func(label string, size int64) (sent func(int64))
}

// Status is what became of a source.
type Status string

// The words for it. The last two are those of a dry run.
const (
	Pushed       Status = "pushed"
	Replaced     Status = "replaced"
	Unchanged    Status = "unchanged"
	WouldPush    Status = "would-push"
	WouldReplace Status = "would-replace"
)

// Result is what became of one source.
type Result struct {
	Source        string      `json:"source"` // as it was given
	Namespace     string      `json:"namespace"`
	Name          string      `json:"name"`
	Version       string      `json:"version"`
	Status        Status      `json:"status"`
	ContentDigest string      `json:"contentDigest"`
	Digest        pack.Digest `json:"digest,omitempty"`   // of the zip on the server; not in a dry run that would change it
	Revision      int         `json:"revision,omitempty"` // likewise
	// VisibleIn are the entries in Palette that were waited for and show it.
	VisibleIn []string `json:"visibleIn,omitempty"`
}

// Label is the pack as people write it: NAME:VERSION, with the namespace before it unless that is the default one.
func (r *Result) Label() string {
	label := r.Name + ":" + r.Version
	if r.Namespace != pack.DefaultNamespace {
		label = r.Namespace + "/" + label
	}
	return label
}

// Pusher pushes packs. It is safe for concurrent use.
type Pusher struct {
	o       Options
	limits  archive.Limits
	checker *check.Checker

	mu      sync.Mutex
	claimed map[string]string // pack to the source that holds it
}

// New makes a Pusher.
func New(o Options) (*Pusher, error) {
	// How large a pack may be is the server's to say: its limits are configurable. This one only keeps
	// a wrong directory, such as /, from being read to its end.
	limits := archive.Limits{Unpacked: math.MaxInt64, Entries: 1 << 20}
	checker, err := check.New(limits)
	if err != nil {
		return nil, err
	}
	return &Pusher{o: o, limits: limits, checker: checker, claimed: map[string]string{}}, nil
}

// Push pushes one source: a pack directory, or a zip or tar.gz that goes up byte for byte.
//
// Errors, beside those of the client: pack.KindBadPack with findings, nothing having been uploaded; pack.KindConflict
// when the version is there and Force is not set, and when another source of this Pusher is the same version;
// pack.KindUnsupported for a file that is no archive; pack.KindInvalid for what cannot be read.
func (p *Pusher) Push(ctx context.Context, source string) (*Result, error) {
	a, err := open(ctx, source, p.limits)
	if err != nil {
		return nil, err
	}
	defer a.close()
	report, err := p.inspect(ctx, source, a)
	if err != nil {
		return nil, err
	}
	r := &Result{
		Source: source, Namespace: p.o.Client.Namespace(), Name: report.Metadata.Name, Version: report.Metadata.Version, ContentDigest: report.ContentDigest,
	}
	if err := p.claim(r); err != nil {
		return nil, err
	}
	there, err := p.there(ctx, r)
	switch {
	case err != nil:
		return nil, err
	case there != nil && !p.o.Force:
		return nil, exists(r, there)
	case there != nil && there.ContentDigest == r.ContentDigest && !p.o.SkipDigestCheck:
		return r.became(Unchanged, there), nil
	case p.o.DryRun && there == nil:
		return r.became(WouldPush, nil), nil
	case p.o.DryRun:
		return r.became(WouldReplace, nil), nil
	}
	return p.upload(ctx, r, a, report.Format, there != nil)
}

// inspect applies the server's rules.
func (p *Pusher) inspect(ctx context.Context, source string, a *opened) (*check.Report, error) {
	report, err := p.checker.Inspect(ctx, a.file, a.size)
	switch {
	case pack.IsKind(err, pack.KindUnsupported):
		return nil, pack.Wrap(pack.KindUnsupported, err, "%s is no archive of a pack; name the pack's directory, or a zip or tar.gz of it", source)
	case err != nil:
		return nil, err
	}
	var told []pack.Finding
	for _, f := range report.Findings {
		if f.Severity != pack.SeverityInfo {
			told = append(told, f)
		}
	}
	if !report.Valid() {
		return nil, pack.BadPack(told)
	}
	if len(told) > 0 && p.o.Warn != nil {
		p.o.Warn(source, told)
	}
	return report, nil
}

// claim refuses a second source with the same version: which of them would win is a matter of chance.
func (p *Pusher) claim(r *Result) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := r.Label()
	if other, ok := p.claimed[key]; ok {
		return pack.Errorf(pack.KindConflict, "", "%s is %s as well; name only one of them", other, key)
	}
	p.claimed[key] = r.Source
	return nil
}

// there gives the version as the registry has it, nil for none.
func (p *Pusher) there(ctx context.Context, r *Result) (*pack.Version, error) {
	v, err := p.o.Client.Version(ctx, r.Name, r.Version)
	switch {
	case pack.IsKind(err, pack.KindNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case v.Version != r.Version: // a tag that is spelt like the version to come
		return nil, nil
	}
	return v, nil
}

// upload publishes the archive.
func (p *Pusher) upload(ctx context.Context, r *Result, a *opened, format pack.Format, replaces bool) (*Result, error) {
	pub := client.Publication{Archive: a.file, Size: a.size, Format: format, Force: p.o.Force, Message: p.o.Message, New: !p.o.Force}
	if p.o.Upload != nil {
		pub.Progress = p.o.Upload(r.Label(), a.size)
	}
	v, created, err := p.o.Client.Publish(ctx, pub)
	switch {
	case pub.New && pack.IsKind(err, pack.KindPrecondition):
		// It has come meanwhile. With the same content it may be ours: an attempt whose answer was lost.
		now, lost := p.there(ctx, r)
		switch {
		case lost != nil:
			return nil, lost
		case now == nil: // and gone again
			return nil, err
		case now.ContentDigest != r.ContentDigest:
			return nil, exists(r, now)
		}
		return r.became(Pushed, now), nil
	case err != nil:
		return nil, err
	case !created:
		return r.became(Unchanged, v), nil
	case replaces:
		return r.became(Replaced, v), nil
	}
	return r.became(Pushed, v), nil
}

func (r *Result) became(s Status, v *pack.Version) *Result {
	r.Status = s
	if v != nil {
		r.Digest, r.Revision = v.Digest, v.Revision
	}
	return r
}

// exists is the error of a version that is there, and says what to do.
func exists(r *Result, there *pack.Version) error {
	text := "other content; give it a new version in pack.json, or replace it with --force --message \"why\" (the old content stays fetchable by its digest)"
	if there.ContentDigest == r.ContentDigest {
		text = "the same content, so there is nothing to push; a pipeline that pushes again and again uses --force --message \"why\", which then changes nothing"
	}
	return &pack.Error{Kind: pack.KindConflict, Code: "version_exists", Message: fmt.Sprintf("%s is already there with %s", r.Label(), text)}
}
