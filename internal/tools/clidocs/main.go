// Command clidocs writes docs/cli.md from the commands of spectro: clidocs FILE. make generate runs it.
package main

import (
	"bytes"
	"fmt"
	"os"

	"packregistry/internal/cli"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: clidocs FILE")
		os.Exit(2)
	}
	var page bytes.Buffer
	err := cli.WriteReference(&page)
	if err == nil {
		err = os.WriteFile(os.Args[1], page.Bytes(), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "clidocs:", err)
		os.Exit(1)
	}
}
