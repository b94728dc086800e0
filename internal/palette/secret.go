package palette

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
)

// hidden stands where a secret was.
const hidden = "[secret]"

// Secret is a password or key. It shows itself in no format, log or JSON; only string(s) gives it.
type Secret string

// String hides it.
func (Secret) String() string { return hidden }

// Format hides it from every verb of fmt.
func (Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, hidden) }

// LogValue hides it from logs.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalJSON hides it from JSON.
func (Secret) MarshalJSON() ([]byte, error) { return json.Marshal(hidden) }

// redactor takes secrets out of what others say: Palette may repeat in a message what it was sent.
type redactor []string

// newRedactor knows each secret also in the forms it takes in JSON, in a URL and in a Basic header for the user.
func newRedactor(user string, secrets ...Secret) redactor {
	var all redactor
	for _, s := range secrets {
		plain := string(s)
		if plain == "" {
			continue
		}
		all = append(all, plain, url.QueryEscape(plain), url.PathEscape(plain),
			base64.StdEncoding.EncodeToString([]byte(plain)), base64.StdEncoding.EncodeToString([]byte(user+":"+plain)))
		for _, html := range []bool{false, true} {
			var text strings.Builder
			e := json.NewEncoder(&text)
			e.SetEscapeHTML(html)
			if e.Encode(plain) == nil {
				all = append(all, text.String()[1:text.Len()-2]) // without quotes and newline
			}
		}
	}
	// The longest first: none must be broken up by a shorter one in it.
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	return all
}

func (r redactor) clean(text string) string {
	for _, s := range r {
		text = strings.ReplaceAll(text, s, hidden)
	}
	return text
}

// cleaned is an error whose text is without secrets; what it is stays known to errors.Is and As.
type cleaned struct {
	text string
	err  error
}

func (e *cleaned) Error() string { return e.text }
func (e *cleaned) Unwrap() error { return e.err }

// wrap is err, with a clean text.
func (r redactor) wrap(err error) error {
	if err == nil {
		return nil
	}
	if text := r.clean(err.Error()); text != err.Error() {
		return &cleaned{text, err}
	}
	return err
}
