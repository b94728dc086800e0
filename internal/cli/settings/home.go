// Package settings is what spectro knows of servers and accounts from files: its own config.json (contract 2.5), Docker's,
// the credential helpers that Docker's names, and the certificates in certs.d.
//
// Its errors are *pack.Error; each names the file it is about.
package settings

import (
	"cmp"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"packregistry/internal/client"
)

// Home is the folder of spectro's own files: the one asked for, else SPECTRO_HOME, else .spectro in the user's home.
// "" means that the user has no home.
func Home(asked string, getenv func(string) string) string {
	if home := cmp.Or(asked, getenv("SPECTRO_HOME")); home != "" {
		return home
	}
	if user := userHome(getenv); user != "" {
		return filepath.Join(user, ".spectro")
	}
	return ""
}

func userHome(getenv func(string) string) string {
	if runtime.GOOS == "windows" {
		return cmp.Or(getenv("USERPROFILE"), getenv("HOME"))
	}
	return getenv("HOME")
}

// Path is where config.json lies in a home.
func Path(home string) string { return filepath.Join(home, "config.json") }

// CertFolders are the folders in which certs.d-style certificates are looked for: the machine's, then the user's own.
func CertFolders(home string, getenv func(string) string) []string {
	system := "/etc/spectro/certs.d"
	if runtime.GOOS == "windows" {
		system = filepath.Join(cmp.Or(getenv("ProgramData"), `C:\ProgramData`), "spectro", "certs.d")
	}
	if home == "" {
		return []string{system}
	}
	return []string{system, filepath.Join(home, "certs.d")}
}

// CertNames are the names a server may have as a folder in certs.d, likeliest first: host and port as typed, in lower
// case, and with the standard port written or not. Windows allows no colon in names; there it is an underscore.
func CertNames(server string) ([]string, error) {
	a, err := client.ParseAddress(server)
	if err != nil {
		return nil, err
	}
	_, typed, scheme := strings.Cut(strings.TrimSpace(server), "://")
	if !scheme {
		typed = strings.TrimSpace(server)
	}
	typed, _, _ = strings.Cut(typed, "/")
	names := []string{typed, a.Authority()}
	if cmp.Or(a.Port, "443") == "443" {
		names = append(names, a.Authority()+":443")
	}
	if runtime.GOOS == "windows" {
		for i := range names {
			names[i] = strings.ReplaceAll(names[i], ":", "_")
		}
	}
	var once []string
	for _, n := range names {
		if !slices.Contains(once, n) {
			once = append(once, n)
		}
	}
	return once, nil
}

// CAFiles are the ca.crt files that are there for a server in the folders.
func CAFiles(folders []string, server string) ([]string, error) {
	names, err := CertNames(server)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, folder := range folders {
		for _, name := range names {
			file := filepath.Join(folder, name, "ca.crt")
			// One that is there and cannot be looked at is for whoever reads it to tell.
			if _, err := os.Stat(file); err == nil || !os.IsNotExist(err) {
				found = append(found, file)
			}
		}
	}
	return found, nil
}
