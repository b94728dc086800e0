package postgres

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// A query is cancelled when the server was silent for as long as an answer may take, not when its
// reader was, however many rows have come before.
func TestSilence(t *testing.T) {
	const answer = 8 * time.Second
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := newSilence(answer, cancel)
		for range 100 { // a server that is slow, and a reader that is slower
			time.Sleep(answer - time.Second)
			s.heard()
			time.Sleep(3 * answer)
			s.begin()
		}
		if ctx.Err() != nil {
			t.Fatal("cancelled though the server has answered each time")
		}
		begun := time.Now()
		<-ctx.Done()
		if took := time.Since(begun); took < answer || took > answer+answer/looks {
			t.Errorf("cancelled after a silence of %s", took)
		}
		s.stop()

		ctx, cancel = context.WithCancel(t.Context())
		s = newSilence(answer, cancel)
		s.heard()
		s.stop()
		if ctx.Err() == nil {
			t.Error("a query that was closed goes on")
		}
		time.Sleep(time.Hour) // a timer that was set again would keep the bubble busy for ever
	})
}
