package oci

import (
	"context"
	"slices"
	"sort"
	"sync"

	"packregistry/internal/db"
	"packregistry/internal/registry"
)

// Repositories lists up to n repositories that have a tag, after last in byte order (n <= 0: all), packs and others
// together, and whether there are more.
func (c *Core) Repositories(ctx context.Context, n int, last string) (names []string, more bool, err error) {
	packs, err := c.packRepositories(ctx, last)
	if err != nil {
		return nil, false, err
	}
	if n > 0 && len(packs) > n+1 {
		packs = packs[:n+1]
	}
	others, err := c.ordinaryRepositories(ctx, n, last)
	if err != nil {
		return nil, false, err
	}
	names = slices.Concat(packs, others)
	slices.Sort(names)
	return cut(names, n)
}

// packList is the sorted list of the packs' repositories as of a head of the feed. It changes only when the head does,
// so that who pages through it does not have it read again for each page.
type packList struct {
	mu    sync.Mutex
	head  db.Mark
	names []string
}

// packRepositories lists the repositories of packs after last. The caller does not change the list.
func (c *Core) packRepositories(ctx context.Context, last string) ([]string, error) {
	// The head is read before the list: a list that is newer than it is read once more, never one that is older.
	head, err := c.cfg.DB.Head(ctx)
	if err != nil {
		return nil, err
	}
	names, known := c.packs.get(head)
	if !known {
		packs, err := c.cfg.OCI.PackRepositories(ctx)
		if err != nil {
			return nil, err
		}
		names = make([]string, len(packs))
		for i, p := range packs {
			names[i] = registry.Repository(p.Namespace, p.Name)
		}
		slices.Sort(names)
		c.packs.set(head, names)
	}
	return names[after(names, last):], nil
}

func (l *packList) get(head db.Mark) ([]string, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.names, l.names != nil && l.head == head
}

func (l *packList) set(head db.Mark, names []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.head, l.names = head, names
}

// after is the index of the first of sorted names that is after last.
func after(names []string, last string) int {
	return sort.Search(len(names), func(i int) bool { return names[i] > last })
}

// ordinaryRepositories lists more than n of the others, if there are so many. A pack's repository may be among the
// catalogue's for its ordinary content; it counts as a pack, by its versions.
func (c *Core) ordinaryRepositories(ctx context.Context, n int, last string) ([]string, error) {
	var names []string
	for {
		limit := 0
		if n > 0 {
			limit = n + 1
		}
		page, err := c.cfg.OCI.OCIRepositories(ctx, limit, last)
		if err != nil {
			return nil, err
		}
		for _, name := range page {
			if r, err := parseRepository(name); err != nil || !r.isPack() {
				names = append(names, name)
			}
		}
		if n <= 0 || len(page) < limit || len(names) > n {
			return names, nil
		}
		last = page[len(page)-1]
	}
}

// Tags lists up to n tags after last in byte order (n <= 0: all), and whether there are more. Of a pack these are its
// versions. KindNotFound (name_unknown).
func (c *Core) Tags(ctx context.Context, repo string, n int, last string) (tags []string, more bool, err error) {
	r, err := parseRepository(repo)
	if err != nil {
		return nil, false, err
	}
	if r.isPack() {
		tags, err = c.packTags(ctx, r)
		if err != nil {
			return nil, false, err
		}
		return cut(tags[after(tags, last):], n)
	}
	limit := 0
	if n > 0 {
		limit = n + 1
	}
	tags, err = c.cfg.OCI.OCITags(ctx, r.path, limit, last)
	if err != nil {
		return nil, false, err
	}
	return cut(tags, n)
}

// cut ends a list after n, and tells whether there was more.
func cut(list []string, n int) ([]string, bool, error) {
	if n > 0 && len(list) > n {
		return list[:n:n], true, nil
	}
	return list, false, nil
}
