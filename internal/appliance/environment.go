package appliance

import (
	"errors"
	"io/fs"
	"os"
	"strings"
)

// Environment lays the file for settings of one's own over an environment, as the server's unit does: NAME=value on a line each,
// perhaps in quotes; later lines win.
func Environment(root string, environ []string) ([]string, error) {
	text, err := os.ReadFile(paths{root: root}.etc("environment"))
	if errors.Is(err, fs.ErrNotExist) {
		return environ, nil
	}
	if err != nil {
		return nil, err
	}
	out := append([]string(nil), environ...)
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		name, value, ok := strings.Cut(line, "=")
		if !ok || strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
			continue
		}
		if n := len(value); n >= 2 && value[0] == value[n-1] && (value[0] == '"' || value[0] == '\'') {
			value = value[1 : n-1]
		}
		out = append(out, name+"="+value)
	}
	return out, nil
}
