// Package oci is the /v2 face: the OCI distribution spec 1.1 over HTTP.
//
// Parse turns a request into a Request without looking at anything but its text; Face.Serve answers one that package
// api has let in. Error says how a failure is told in the spec's words.
package oci
