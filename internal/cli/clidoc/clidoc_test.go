package clidoc

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"packregistry/internal/testenv"
)

// sample is a program with all that the texts may hold.
func sample() *cobra.Command {
	root := &cobra.Command{Use: "tool", Short: "mends things", Long: "tool mends <things>.", Run: func(*cobra.Command, []string) {}}
	root.PersistentFlags().StringP("home", "s", "", "`DIR` of its own")
	group := &cobra.Command{Use: "do", Short: "all that is done", Run: func(*cobra.Command, []string) {}}
	mend := &cobra.Command{
		Use: "mend THING...", Short: "mend a thing", Aliases: []string{"fix"}, Run: func(*cobra.Command, []string) {},
		Long: "Mend a_thing with `glue_2`:\n\n- with care,\n  and slowly\n- or not at all\n\nIt is called as\n\n    tool *\n\n      .so\n\n.not a macro\n'nor this",
		Example: `
			# a chair
			tool do mend chair`,
	}
	mend.Flags().IntP("times", "n", 3, "how often | `N` times")
	mend.Flags().Bool("force", false, "even when it is not broken")
	secret := &cobra.Command{Use: "secret", Hidden: true, Run: func(*cobra.Command, []string) {}}
	group.AddCommand(mend, secret)
	root.AddCommand(group)
	return root
}

func sampleTopics() []Topic {
	return []Topic{{
		Name: "exit-codes", Title: "Exit codes", Text: "They stay.", Short: "how it ends", Header: []string{"code", "meaning", "when"},
		Rows: [][]string{{"0", "done", ""}, {"1, 2", "not done", "no glue, no time"}},
	}}
}

func TestMarkdown(t *testing.T) {
	var b strings.Builder
	if err := Markdown(&b, sample(), sampleTopics()); err != nil {
		t.Fatal(err)
	}
	golden(t, "tool.md", b.String())
}

func TestHelp(t *testing.T) {
	root := sample()
	for _, c := range []*cobra.Command{root, root.Commands()[0], root.Commands()[0].Commands()[0]} {
		golden(t, strings.ReplaceAll(c.CommandPath(), " ", "-")+".txt", Help(c))
	}
	topic := sampleTopics()[0]
	c := &cobra.Command{Use: topic.Name, Long: topic.Long()}
	root.AddCommand(c)
	golden(t, "topic.txt", Help(c))
	topic.Rows[0][0] = "something-longer"
	if got, want := topic.Long(), "They stay.\n\n  something-longer\n      done\n  1, 2\n      not done (no glue, no time)\n"; got != want {
		t.Errorf("%q", got)
	}
}

func TestWrap(t *testing.T) {
	text := strings.Repeat("é ", width)
	for i, line := range strings.Split(Wrap(text, "  "), "\n") {
		if len([]rune(line)) > width || strings.HasSuffix(line, " ") || strings.HasPrefix(line, "  ") != (i > 0) {
			t.Errorf("%q", line)
		}
	}
}

func TestManPages(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man1")
	paths, err := ManPages(dir, sample(), sampleTopics(), "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"tool.1", "tool-do.1", "tool-do-mend.1"}
	for i, name := range want {
		want[i] = filepath.Join(dir, name)
	}
	if diff := cmp.Diff(want, paths); diff != "" {
		t.Fatal(diff)
	}
	for _, p := range []string{paths[0], paths[2]} {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, filepath.Base(p), string(text))
	}
}

// TestManPagesAreSound asks groff, where it is installed.
func TestManPagesAreSound(t *testing.T) {
	groff, err := exec.LookPath("groff")
	if err != nil {
		testenv.Missing(t, "groff", err)
	}
	paths, err := ManPages(t.TempDir(), sample(), sampleTopics(), "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		var complaints strings.Builder
		cmd := exec.Command(groff, "-man", "-Tascii", "-ww", p)
		cmd.Stderr = &complaints
		text, err := cmd.Output()
		if err != nil || complaints.Len() > 0 {
			t.Errorf("%s: %v %s", filepath.Base(p), err, complaints.String())
		}
		if strings.HasSuffix(p, "mend.1") {
			for _, want := range []string{".not a macro", "'nor this", "tool *", "glue_2"} {
				if !strings.Contains(string(text), want) {
					t.Errorf("groff lost %q:\n%s", want, text)
				}
			}
		}
	}
}

func TestBlocks(t *testing.T) {
	got := blocks("one\ntwo\n\n  code\n\n    more\n- item\n  goes on\n- next\n\nlast\n")
	want := []block{
		{lines: []string{"one", "two"}},
		{verbatim: true, lines: []string{"code", "", "  more"}},
		{lines: []string{"- item", "  goes on", "- next"}},
		{lines: []string{"last"}},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(block{})); diff != "" {
		t.Error(diff)
	}
}

// golden compares with a file of testdata, or writes it when UPDATE is set.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: %s", name, diff)
	}
}
