package config

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Size is a number of bytes, written 256MiB, 1GiB, 10MB or 1048576.
type Size int64

var sizeUnits = []struct {
	name  string
	bytes int64
}{
	{"KiB", 1 << 10},
	{"MiB", 1 << 20},
	{"GiB", 1 << 30},
	{"TiB", 1 << 40},
	{"KB", 1e3},
	{"MB", 1e6},
	{"GB", 1e9},
	{"TB", 1e12},
	{"K", 1 << 10},
	{"M", 1 << 20},
	{"G", 1 << 30},
	{"T", 1 << 40},
	{"B", 1},
}

// ParseSize reads a size; units are taken in any case.
func ParseSize(s string) (Size, error) {
	number, unit := strings.TrimSpace(s), int64(1)
	for _, u := range sizeUnits {
		if n := len(number) - len(u.name); n > 0 && strings.EqualFold(number[n:], u.name) {
			number, unit = strings.TrimSpace(number[:n]), u.bytes
			break
		}
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || f < 0 || f*float64(unit) >= math.MaxInt64 || math.IsNaN(f) || strings.ContainsAny(number, "xXpP_") {
		return 0, fmt.Errorf("%q is no size; write a number with a unit, such as 256MiB", s)
	}
	return Size(f * float64(unit)), nil
}

// String is the shortest spelling that ParseSize reads back.
func (s Size) String() string {
	for _, u := range []int{3, 2, 1, 0} {
		if b := sizeUnits[u].bytes; s > 0 && int64(s)%b == 0 {
			return strconv.FormatInt(int64(s)/b, 10) + sizeUnits[u].name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// Duration is a time span, written 90d, 24h, 30s or any sum of them as in Go; 0 is none.
type Duration time.Duration

// ParseDuration reads a span.
func ParseDuration(s string) (Duration, error) {
	text, days := strings.TrimSpace(s), time.Duration(0)
	bad := fmt.Errorf("%q is no time span; write a number with a unit, such as 90d, 24h or 30s", s)
	if before, after, ok := strings.Cut(text, "d"); ok {
		n, err := strconv.ParseUint(before, 10, 16)
		if err != nil {
			return 0, bad
		}
		if text, days = after, time.Duration(n)*24*time.Hour; text == "" {
			return Duration(days), nil
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d+days < days {
		return 0, bad
	}
	return Duration(d + days), nil
}

// String is a spelling that ParseDuration reads back.
func (d Duration) String() string {
	t := time.Duration(d)
	if day := 24 * time.Hour; t >= day && t%day == 0 {
		return strconv.FormatInt(int64(t/day), 10) + "d"
	}
	s := t.String() // 1h0m0s
	for _, zero := range []string{"0s", "0m"} {
		if rest, ok := strings.CutSuffix(s, zero); ok && strings.HasSuffix(rest, map[string]string{"0s": "m", "0m": "h"}[zero]) {
			s = rest
		}
	}
	return s
}

// List is some texts, in YAML a list or one text, in the environment with commas between.
type List []string

// present is true once its key was seen, whatever its value.
type present bool

// set puts a YAML value into the place a key names.
func set(target any, n *yaml.Node) error {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if p, ok := target.(*present); ok {
		*p = true
		return nil
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return nil // "key:" with nothing behind it leaves the default
	}
	switch t := target.(type) {
	case *List:
		list, err := listOf(n)
		if err != nil {
			return err
		}
		*t = list
		return nil
	case *map[string]string:
		return eachPair(n, func(name string, v *yaml.Node) error {
			s, err := scalar(v)
			(*t)[name] = s
			return err
		})
	case *map[string]List:
		return eachPair(n, func(name string, v *yaml.Node) error {
			list, err := listOf(v)
			(*t)[http.CanonicalHeaderKey(name)] = list
			return err
		})
	case *map[string]Namespace:
		return eachPair(n, func(name string, v *yaml.Node) error {
			return eachPair(v, func(setting string, v *yaml.Node) error {
				if setting != "overwrite" {
					return fmt.Errorf("%s.%s is unknown; a namespace has the setting overwrite", name, setting)
				}
				s, err := scalar(v)
				if err != nil {
					return err
				}
				ns := (*t)[name]
				if err := setText(&ns.Overwrite, s); err != nil {
					return err
				}
				(*t)[name] = ns
				return nil
			})
		})
	}
	s, err := scalar(n)
	if err != nil {
		return err
	}
	return setText(target, s)
}

// setText puts one text into a place that holds one value.
func setText(target any, s string) (err error) {
	switch t := target.(type) {
	case *string:
		*t = s
	case *bool:
		switch strings.ToLower(s) {
		case "true", "yes", "on", "1":
			*t = true
		case "false", "no", "off", "0":
			*t = false
		default:
			err = fmt.Errorf("%q is neither true nor false", s)
		}
	case *int:
		n, e := strconv.ParseInt(s, 10, 32)
		if e != nil || n < 0 {
			return fmt.Errorf("%q is no whole number from 0 to %d", s, math.MaxInt32)
		}
		*t = int(n)
	case *Size:
		*t, err = ParseSize(s)
	case *Duration:
		*t, err = ParseDuration(s)
	default:
		err = fmt.Errorf("a value of type %T cannot be set", target)
	}
	return err
}

func scalar(n *yaml.Node) (string, error) {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.ScalarNode {
		return "", errors.New("a single value is expected here, not a list or section")
	}
	if n.Tag == "!!null" {
		return "", nil
	}
	return n.Value, nil
}

func listOf(n *yaml.Node) (List, error) {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch n.Kind {
	case yaml.SequenceNode:
		list := List{}
		for _, item := range n.Content {
			s, err := scalar(item)
			if err != nil {
				return nil, err
			}
			list = append(list, s)
		}
		return list, nil
	case yaml.ScalarNode:
		if n.Tag == "!!null" || n.Value == "" {
			return List{}, nil
		}
		return List{n.Value}, nil
	}
	return nil, errors.New("a list is expected here, such as [a, b]")
}

func eachPair(n *yaml.Node, fn func(string, *yaml.Node) error) error {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		return errors.New("a section with names and values is expected here")
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if err := fn(n.Content[i].Value, n.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}
