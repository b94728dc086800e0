// Package gen holds the server types made from the OpenAPI document. Change
// ../openapi.yaml, then run go generate.
package gen

//go:generate oapi-codegen -config oapi-codegen.yaml ../openapi.yaml
