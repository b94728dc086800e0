// Command testservices runs a command with a real Postgres and a real S3 server beside it:
//
//	testservices [-dir DIR] [-bucket NAME] -- COMMAND [ARG...]
//
// It starts both on free ports, names them to the command in the environment (REGISTRY_TEST_POSTGRES_URL,
// REGISTRY_TEST_S3_*), ends them when the command ends, and exits with its status. A server that the
// environment already names is used as it is. Without -dir what they hold is thrown away.
//
// A server that is not on this machine is left out with a warning, so that the tests that need it
// are skipped; with CI=true, and with -dir, where the command is no test, that is a failure.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"packregistry/internal/testenv"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stderr))
}

func run(args []string, stderr io.Writer) int {
	flags := flag.NewFlagSet("testservices", flag.ContinueOnError)
	flags.SetOutput(stderr)
	dir := flags.String("dir", "", "keep the data here between runs")
	bucket := flags.String("bucket", "", "make this bucket if it is not there")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if flags.NArg() == 0 {
		fmt.Fprintln(stderr, "usage: testservices [-dir DIR] [-bucket NAME] -- COMMAND [ARG...]")
		return 2
	}
	s := &services{dir: *dir, env: os.Environ()}
	defer s.stop()
	needed := os.Getenv("CI") == "true" || *dir != ""
	for _, service := range []struct {
		name  string
		start func() error
	}{{"Postgres", s.postgres}, {"S3", func() error { return s.s3(*bucket) }}} {
		if err := service.start(); err != nil {
			fmt.Fprintf(stderr, "testservices: no %s: %v\n", service.name, err)
			if needed {
				return 1
			}
		}
	}
	code, err := s.command(flags.Args())
	if err != nil {
		fmt.Fprintln(stderr, "testservices:", err)
	}
	return code
}

// services are the servers that were started, and the environment that names them.
type services struct {
	dir   string
	env   []string
	stops []func()
}

func (s *services) stop() {
	for _, stop := range s.stops {
		stop()
	}
}

// place is the folder of one server, "" for a throw-away one.
func (s *services) place(name string) string {
	if s.dir == "" {
		return ""
	}
	return filepath.Join(s.dir, name)
}

func (s *services) postgres() error {
	if os.Getenv("REGISTRY_TEST_POSTGRES_URL") != "" {
		return nil
	}
	url, stop, err := testenv.StartPostgres(s.place("postgres"))
	if err != nil {
		return err
	}
	s.stops = append(s.stops, stop)
	s.env = append(s.env, "REGISTRY_TEST_POSTGRES_URL="+url)
	return nil
}

func (s *services) s3(bucket string) error {
	if os.Getenv(testenv.S3EndpointURL) != "" {
		return nil
	}
	e, stop, err := testenv.StartS3(s.place("s3"))
	if err != nil {
		return err
	}
	s.stops = append(s.stops, stop)
	s.env = append(s.env, e.Environ()...)
	if bucket == "" {
		return nil
	}
	return testenv.MakeBucket(context.Background(), e, bucket)
}

// command runs the command and passes signals on: the servers outlive it.
func (s *services) command(args []string) (int, error) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = s.env, os.Stdin, os.Stdout, os.Stderr
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return 127, err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case sig := <-signals:
			// A terminal tells the whole group by itself; a second SIGINT would make a server hurry.
			if sig != os.Interrupt {
				if err := cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
					return 1, err
				}
			}
		case err := <-done:
			var exit *exec.ExitError
			if errors.As(err, &exit) && exit.ExitCode() >= 0 {
				return exit.ExitCode(), nil
			}
			if err != nil {
				return 1, err
			}
			return 0, nil
		}
	}
}
