package local

import (
	"testing"
	"time"
)

// A file is taken for still only when another write would have shown in its times.
func TestStill(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 600_000_000, time.UTC)
	ago := func(d time.Duration) time.Duration { return time.Duration(now.Add(-d).UnixNano()) }
	for name, tt := range map[string]struct {
		mtime, ctime time.Duration
		want         bool
	}{
		"fine, written before the last tick":       {ago(150 * time.Millisecond), ago(150 * time.Millisecond), true},
		"fine, written in the last tick":           {ago(50 * time.Millisecond), ago(50 * time.Millisecond), false},
		"fine, its time set back in the last tick": {ago(time.Hour + 1), ago(50 * time.Millisecond), false},
		"fine, of the future":                      {ago(-time.Hour - 1), ago(-time.Hour - 1), false},
		"coarse, written a second ago":             {ago(1600 * time.Millisecond), ago(1600 * time.Millisecond), false},
		"coarse, written three seconds ago":        {ago(2600 * time.Millisecond), ago(2600 * time.Millisecond), true},
		"one time coarse, written a second ago":    {ago(1600 * time.Millisecond), ago(1500 * time.Millisecond), false},
	} {
		if got := (identity{known: true, mtime: tt.mtime, ctime: tt.ctime}).still(now); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if (identity{}).still(now) {
		t.Error("where the system tells nothing a file is trusted")
	}
}
