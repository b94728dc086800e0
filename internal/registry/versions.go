package registry

import (
	"context"
	"strings"
	"sync"

	"packregistry/internal/db"
	"packregistry/internal/pack"
)

const (
	// versionsSize bounds each of the two halves of what is remembered, in bytes.
	versionsSize = 2 << 20
	// catchUp is the number of changes up to which reading them is less than forgetting
	// everything.
	catchUp = 1000
)

// versions remembers what references mean. It is right as of a mark of the feed: before
// an answer the head is read, and the packs of all changes in between are forgotten, so
// that an answer is never older than the question. Those not asked for longest
// go first: when the younger half is full, the older one is dropped.
type versions struct {
	mu         sync.Mutex
	mark       db.Mark // zero: nothing is remembered
	young, old map[packKey]*knownPack
	bytes      int // of young

	moving sync.Mutex // one at a time reads changes
}

type packKey struct{ namespace, name string }

// knownPack is a pack's references that were asked for. Its texts are its own: those of a question are pieces of a request's line,
// which would stay with them.
type knownPack struct {
	key   packKey
	refs  map[string]*pack.Version
	bytes int
}

// look finds what is remembered, and the mark as of which it is right.
func (k *versions) look(key packKey, ref string) (*pack.Version, db.Mark) {
	k.mu.Lock()
	defer k.mu.Unlock()
	p := k.young[key]
	if p == nil {
		if p = k.old[key]; p == nil {
			return nil, k.mark
		}
		delete(k.old, key)
		k.keep(p)
	}
	return p.refs[ref], k.mark
}

// put remembers what was read after the feed had come to a mark, unless it has been moved on
// since. It may be newer than the mark: then a change that is yet to be read drops it.
func (k *versions) put(mark db.Mark, key packKey, ref string, v *pack.Version) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.mark != mark {
		return
	}
	p := k.young[key]
	if p == nil || k.bytes > versionsSize { // also when all of it is one pack's
		p = &knownPack{key: packKey{strings.Clone(key.namespace), strings.Clone(key.name)}, refs: make(map[string]*pack.Version)}
		k.keep(p)
	}
	if _, there := p.refs[ref]; there {
		return
	}
	n := len(ref) + weight(v)
	p.refs[strings.Clone(ref)] = v
	p.bytes += n
	k.bytes += n
}

// keep puts a pack into the younger half.
func (k *versions) keep(p *knownPack) {
	if k.young == nil || k.bytes > versionsSize {
		k.young, k.old, k.bytes = make(map[packKey]*knownPack), k.young, 0
	}
	k.young[p.key] = p
	k.bytes += p.bytes
}

// forget drops the packs of changes, which lead to a mark.
func (k *versions) forget(changes []pack.Change, to db.Mark) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i := range changes {
		key := packKey{changes[i].Namespace, changes[i].Name}
		if p := k.young[key]; p != nil {
			k.bytes -= p.bytes
			delete(k.young, key)
		}
		delete(k.old, key)
	}
	k.mark = to
}

// reset forgets everything.
func (k *versions) reset(to db.Mark) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.young, k.old, k.bytes, k.mark = nil, nil, 0, to
}

func (k *versions) at() db.Mark {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.mark
}

// weight is about what a document holds in memory.
func weight(v *pack.Version) int {
	n := 800 + len(v.Manifest) + len(v.Namespace) + len(v.Name) + 2*len(v.Version) + len(v.DisplayName) + len(v.Message) + len(v.PushedBy)
	for name, value := range v.Annotations {
		n += 64 + len(name) + len(value)
	}
	for _, list := range [][]string{v.Tags, v.CloudTypes} {
		for _, text := range list {
			n += 16 + len(text)
		}
	}
	for i := range v.Warnings {
		n += 100 + len(v.Warnings[i].Message) + len(v.Warnings[i].File) + len(v.Warnings[i].Pointer)
	}
	return n
}

// resolve answers from memory where it can. The document is shared: it must not be changed.
func (r *Registry) resolve(ctx context.Context, namespace, name, ref string) (*pack.Version, error) {
	key := packKey{namespace, name}
	v, mark := r.versions.look(key, ref)
	var parsed pack.Reference
	if v == nil { // else all of it was found well-formed before
		var err error
		if parsed, err = parse(namespace, name, ref); err != nil {
			return nil, err
		}
	}
	head, err := r.Mark(ctx)
	if err != nil {
		return nil, err
	}
	if head != mark {
		if mark, err = r.catchUp(ctx, head); err != nil {
			return nil, err
		}
		var as db.Mark
		if v, as = r.versions.look(key, ref); as != mark {
			v = nil
		}
	}
	if v != nil {
		return v, nil
	}
	if parsed == (pack.Reference{}) { // what was remembered has just been forgotten
		if parsed, err = parse(namespace, name, ref); err != nil {
			return nil, err
		}
	}
	if v, err = r.cfg.DB.Resolve(ctx, namespace, name, parsed); err != nil {
		return nil, err
	}
	// An overwritten revision, which has no tags, may be pruned without a change.
	if len(v.Tags) > 0 {
		r.versions.put(mark, key, ref, v)
	}
	return v, nil
}

func parse(namespace, name, ref string) (pack.Reference, error) {
	if err := checkPack(namespace, name); err != nil {
		return pack.Reference{}, err
	}
	return pack.ParseReference(ref)
}

// catchUp brings what is remembered to a head that was just read, or beyond, and tells where.
func (r *Registry) catchUp(ctx context.Context, head db.Mark) (db.Mark, error) {
	k := &r.versions
	k.moving.Lock()
	defer k.moving.Unlock()
	from := k.at()
	if from == head {
		return head, nil
	}
	if from == (db.Mark{}) || head.Seq-from.Seq > catchUp {
		k.reset(head)
		return head, nil
	}
	changes, to, err := r.cfg.DB.Changes(ctx, from, pack.AllNamespaces, catchUp)
	switch {
	case pack.IsKind(err, pack.KindCursorGone): // a backup was restored
		k.reset(head)
		return head, nil
	case err != nil:
		return db.Mark{}, err
	case to.Seq < head.Seq: // more changes than were read, or a database that goes back in time
		k.reset(head)
		return head, nil
	}
	k.forget(changes, to)
	return to, nil
}
