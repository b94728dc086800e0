package appliance

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"strings"
	"time"
)

// class is the ovf:class of our properties: they stand in front of it in the environment, with a dot.
const class = "registry"

// Guest asks a VMware hypervisor what the machine was given, by open-vm-tools. It reads, a later one over an earlier one:
// the properties of the OVF environment (registry.palette_url), a whole answers file (guestinfo.registry.answers, base64 or
// plain), and single variables (guestinfo.registry.palette_url).
type Guest struct {
	// Tool is vmtoolsd; where it is not installed nothing is asked.
	Tool string
	// Environment is a file with an OVF environment, as a hypervisor attaches it on a CD; "" is none.
	Environment string
}

// toolTime bounds one question to the hypervisor.
const toolTime = 10 * time.Second

func (g *Guest) answers(ctx context.Context, log *slog.Logger) (map[string]string, error) {
	values := map[string]string{}
	if g.Environment != "" {
		text, err := readSmall(g.Environment)
		if err != nil {
			return nil, fmt.Errorf("the OVF environment cannot be read: %w", err)
		}
		given, err := parseEnvironment(text)
		if err != nil {
			return nil, err
		}
		merge(values, given)
	}
	tool, err := exec.LookPath(g.Tool)
	if err != nil {
		log.Info("the hypervisor is not asked: it needs open-vm-tools", "looked for", g.Tool)
		return values, nil
	}
	ask := func(name string) (string, error) { return g.ask(ctx, tool, name) }
	text, err := ask("guestinfo.ovfEnv")
	if err != nil {
		return nil, err
	}
	if text != "" {
		given, err := parseEnvironment([]byte(text))
		if err != nil {
			return nil, err
		}
		merge(values, given)
	}
	if text, err = ask("guestinfo." + class + ".answers"); err != nil {
		return nil, err
	}
	if text != "" {
		if plain, err := base64.StdEncoding.DecodeString(text); err == nil {
			text = string(plain)
		}
		given, err := parseAnswers([]byte(text))
		if err != nil {
			return nil, fmt.Errorf("guestinfo.%s.answers: %w", class, err)
		}
		merge(values, given)
	}
	for _, q := range Questions() {
		if text, err = ask("guestinfo." + class + "." + q.Property()); err != nil {
			return nil, err
		}
		merge(values, map[string]string{q.Key: text})
	}
	log.Info("the hypervisor was asked", "answers", len(values))
	return values, nil
}

// ask is "" for what the hypervisor does not have, which the tool tells by its exit code, as it tells that there is none.
func (g *Guest) ask(ctx context.Context, tool, name string) (string, error) {
	ctx, stop := context.WithTimeout(ctx, toolTime)
	defer stop()
	cmd := exec.CommandContext(ctx, tool, "--cmd", "info-get "+name)
	cmd.WaitDelay = time.Second
	out := &bounded{left: maxAnswer}
	cmd.Stdout = out
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case out.left < 0:
		return "", fmt.Errorf("%s: %s has more than 1 MiB", tool, name)
	case ctx.Err() != nil:
		return "", fmt.Errorf("%s does not answer: %w", tool, ctx.Err())
	case errors.As(err, &exit) && exit.Exited():
		return "", nil
	case err != nil:
		return "", fmt.Errorf("%s: %w", tool, err)
	}
	return strings.TrimSpace(out.text.String()), nil
}

// maxAnswer bounds what a hypervisor may say to one question, as files of answers are bounded.
const maxAnswer = 1 << 20

// bounded keeps no more than that; whoever writes more is told that nobody reads on.
type bounded struct {
	text bytes.Buffer // not embedded: its ReadFrom has no bound
	left int
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, io.ErrShortWrite
	}
	return b.text.Write(p)
}

// parseEnvironment reads our properties of an OVF environment (DSP0243, 11). Those of others, such as cloud-init, are theirs.
func parseEnvironment(text []byte) (map[string]string, error) {
	var env struct {
		XMLName  xml.Name `xml:"http://schemas.dmtf.org/ovf/environment/1 Environment"`
		Sections []struct {
			Properties []struct {
				Key   string `xml:"http://schemas.dmtf.org/ovf/environment/1 key,attr"`
				Value string `xml:"http://schemas.dmtf.org/ovf/environment/1 value,attr"`
			} `xml:"http://schemas.dmtf.org/ovf/environment/1 Property"`
		} `xml:"http://schemas.dmtf.org/ovf/environment/1 PropertySection"`
	}
	if err := xml.NewDecoder(bytes.NewReader(text)).Decode(&env); err != nil {
		return nil, fmt.Errorf("the OVF environment cannot be read: %w", err)
	}
	values := map[string]string{}
	for _, s := range env.Sections {
		for _, p := range s.Properties {
			if name, ours := strings.CutPrefix(p.Key, class+"."); ours {
				values[strings.ReplaceAll(name, "_", ".")] = p.Value
			}
		}
	}
	if err := known(values); err != nil {
		return nil, fmt.Errorf("the OVF environment: %w", err)
	}
	return values, nil
}
