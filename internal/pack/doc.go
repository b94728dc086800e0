// Package pack owns the words of the product: namespaces, names, versions,
// tags, references, digests, files, findings, the version document and the
// kinds of error that every other room speaks in.
//
// It imports nothing else of this project. The rooms below it do the heavy
// work on bytes: pack/archive reads zip and tar.gz strictly, pack/check applies
// the rules to what is inside.
package pack
