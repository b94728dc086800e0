package appliance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// unit is the server's, of the package or of deploy/systemd.
const unit = "pack-registry.service"

// service starts the server, and starts it anew when it runs with other settings than those that are written.
func (s *setup) service() step {
	var running, stale bool
	return step{
		name: "service",
		plan: func(ctx context.Context) (what string, err error) {
			if running, err = s.isRunning(ctx); err != nil {
				return "", err
			}
			if stale, err = exists(s.stale()); err != nil {
				return "", err
			}
			switch {
			case !running:
				return "start the server", nil
			case stale:
				return "start the server anew, with the new settings", nil
			}
			return "", nil
		},
		do: func(ctx context.Context) error {
			if err := s.start(ctx, running); err != nil {
				return err
			}
			return remove(s.stale())
		},
	}
}

func (s *setup) isRunning(ctx context.Context) (bool, error) {
	if s.Start == StartChild {
		pid, err := s.childPID()
		return pid != 0, err
	}
	for _, question := range []string{"is-enabled", "is-active"} {
		cmd := exec.CommandContext(ctx, "systemctl", "--quiet", question, unit)
		var exit *exec.ExitError
		if err := cmd.Run(); errors.As(err, &exit) {
			return false, nil // its way to say no
		} else if err != nil {
			return false, err
		}
	}
	return true, nil
}

func (s *setup) start(ctx context.Context, running bool) error {
	if s.Start == StartChild {
		if err := s.stopChild(ctx); err != nil {
			return err
		}
		return s.startChild()
	}
	for _, words := range [][]string{{"enable", unit}, {"restart", unit}} {
		if running && words[0] == "enable" {
			continue
		}
		if err := systemctl(ctx, words...); err != nil {
			return err
		}
	}
	return nil
}

func systemctl(ctx context.Context, words ...string) error {
	ctx, stop := context.WithTimeout(ctx, 2*time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, "systemctl", words...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("systemctl %s: %w: %s; is the unit installed, by the package or from deploy/systemd?",
			strings.Join(words, " "), err, bytes.TrimSpace(out))
	}
	return nil
}
