// Package archive reads zip and tar.gz archives with the strictness a registry
// needs: what two readers could see differently, it refuses. It never writes a
// member under its own name, and its memory does not grow with the archive.
//
// Walk reads an archive of either form, ToZip makes a zip of a tar.gz, Layer
// shows a zip as a tar.gz without compressing anything again, and FileReader
// reads one file out of a zip.
package archive

// Limits bound what an archive may hold. They are counted while reading;
// declared sizes are not believed.
type Limits struct {
	Unpacked int64 // bytes of all entries together
	Entries  int
}

// DefaultLimits are those of design section 9.
func DefaultLimits() Limits { return Limits{Unpacked: 1 << 30, Entries: 20_000} }
