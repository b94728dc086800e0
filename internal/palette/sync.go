package palette

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// State is how a sync stands.
type State string

// The states.
const (
	StateDone    State = "done"
	StateFailed  State = "failed"
	StateRunning State = "running"
	StateWaiting State = "waiting" // not begun, or a word that is not known
)

// StateOf reads Palette's word for a state, in either case. The words are those that the vendor's Terraform provider
// knows (contract 4.3).
func StateOf(word string) State {
	switch strings.ToLower(strings.TrimSpace(word)) {
	case "success", "completed":
		return StateDone
	case "failed", "error":
		return StateFailed
	case "inprogress", "running", "syncing":
		return StateRunning
	}
	return StateWaiting // pending, unknown and nothing
}

// SyncStatus is how the last sync of an entry stands (contract 4.3, swagger v1RegistrySyncStatus).
type SyncStatus struct {
	State State
	// Word is Palette's own for it.
	Word string
	// Message is Palette's, one line of at most 500 bytes; what stands there after a failure is not known. The password that
	// Palette has for the registry is not known to the call that reads this, so it is not taken out.
	Message string
	// LastRun and LastSynced are of Palette's clock; zero where Palette has not said.
	LastRun, LastSynced time.Time
	// Unsupported is set when Palette says that it does not sync this entry; its State is StateDone then.
	Unsupported bool
}

// hangs is how long a run may be in progress before "Force sync" restarts it (contract 3.6, documented).
const hangs = time.Hour

// Hung reports whether the run takes so long that only a forced sync starts a new one.
func (s SyncStatus) Hung(now time.Time) bool {
	return s.State == StateRunning && !s.LastRun.IsZero() && now.Sub(s.LastRun) >= hangs
}

// Ended reports whether the sync is over, well or not.
func (s SyncStatus) Ended() bool { return s.State == StateDone || s.State == StateFailed }

type wireSync struct {
	Status          string `json:"status"`
	Message         string `json:"message"`
	LastRunTime     string `json:"lastRunTime"`
	LastSyncedTime  string `json:"lastSyncedTime"`
	IsSyncSupported *bool  `json:"isSyncSupported"` // an absent one says nothing
}

func (w wireSync) status() SyncStatus {
	s := SyncStatus{
		State: StateOf(w.Status), Word: line(w.Status, 100), Message: line(w.Message, maxMessage),
		LastRun: moment(w.LastRunTime), LastSynced: moment(w.LastSyncedTime),
		Unsupported: w.IsSyncSupported != nil && !*w.IsSyncSupported,
	}
	if s.Unsupported {
		s.State = StateDone
	}
	return s
}

// moment reads a time; Palette writes the year 1 for none.
func moment(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || t.Year() < 2000 {
		return time.Time{}
	}
	return t.UTC()
}

// Sync triggers a sync (contract 4.1, documented: 202). force restarts a run that Hung. Whether a trigger during a run
// counts for afterwards is not known; see Run.
func (c *Client) Sync(ctx context.Context, kind Kind, uid string, force bool) error {
	r := &request{
		what: "sync the registry", method: http.MethodPost, path: kind.one(uid) + "/sync",
		query: url.Values{"forceSync": {strconv.FormatBool(force)}},
	}
	return c.do(ctx, r, nil)
}

// SyncStatus reads how the last sync stands.
func (c *Client) SyncStatus(ctx context.Context, kind Kind, uid string) (SyncStatus, error) {
	r := &request{what: "read the state of the sync", method: http.MethodGet, path: kind.one(uid) + "/sync/status"}
	var w wireSync
	if err := c.do(ctx, r, &w); err != nil {
		return SyncStatus{}, err
	}
	return w.status(), nil
}

// unmoved is how many looks at an unchanged status end a Run: not every Palette need move its times.
const unmoved = 10

// pauseMost is the longest pause between two looks at a run.
const pauseMost = 15 * time.Second

// Run syncs and follows the run to its end, looking every so often, less often the longer it takes. A run that was under way began before what is to be
// shown now, so it is waited for, or restarted when it hangs, and then followed by one more. The status returned has
// ended unless there is an error, such as the context's; a sync that failed is no error of Run. It is for the context to end
// a run that Palette calls in progress without saying since when.
func (c *Client) Run(ctx context.Context, kind Kind, uid string, every time.Duration) (SyncStatus, error) {
	before, err := c.SyncStatus(ctx, kind, uid)
	if err != nil || before.Unsupported {
		return before, err
	}
	for n := 0; before.State == StateRunning && !before.Hung(c.o.Now()); n++ {
		if before, err = c.look(ctx, kind, uid, every, n); err != nil {
			return before, err
		}
	}
	if err := c.Sync(ctx, kind, uid, before.State == StateRunning); err != nil {
		return before, err
	}
	// A run that was forced to end may show for a while yet; forcing again would restart the new one.
	moved, forced := false, before.LastRun
	if before.State != StateRunning {
		forced = time.Time{}
	}
	for n := 0; ; n++ {
		s, err := c.look(ctx, kind, uid, every, n)
		if err != nil {
			return s, err
		}
		// Right after the trigger the status may still be that of the run before.
		moved = moved || s.State != before.State || !s.LastRun.Equal(before.LastRun) || !s.LastSynced.Equal(before.LastSynced)
		switch {
		case s.Ended() && (moved || n >= unmoved):
			return s, nil
		case s.Hung(c.o.Now()) && !s.LastRun.Equal(forced):
			forced = s.LastRun
			if err := c.Sync(ctx, kind, uid, true); err != nil {
				return s, err
			}
		}
	}
}

// look pauses before it reads the status for the n-th time.
func (c *Client) look(ctx context.Context, kind Kind, uid string, every time.Duration, n int) (SyncStatus, error) {
	pause := every
	if n > unmoved {
		pause = max(every, min(every*time.Duration(n-unmoved), pauseMost))
	}
	if err := c.o.Sleep(ctx, pause); err != nil {
		return SyncStatus{}, err
	}
	return c.SyncStatus(ctx, kind, uid)
}
