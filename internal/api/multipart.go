package api

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"

	"packregistry/internal/pack"
)

// Bounds of a form: the product knows two fields.
const (
	maxFields     = 16
	maxFieldBytes = 8 << 10
)

// formFile is the one file part of a multipart body. It is streamed, so what comes
// after it is looked at when it ends: a second file or a late field makes the last
// Read fail, and the upload with it.
type formFile struct {
	form *multipart.Reader
	part *multipart.Part
	err  error
}

// newFormFile reads fields up to the file part and gives them to field.
func newFormFile(r *http.Request, field func(name, value string) error) (*formFile, error) {
	form, err := r.MultipartReader()
	if err != nil {
		return nil, pack.Wrap(pack.KindInvalid, err, "the multipart body has no boundary")
	}
	for range maxFields {
		part, err := form.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil, pack.Errorf(pack.KindInvalid, "file_missing", "the form has no file part; send the archive with -F file=@pack.zip")
		}
		if err != nil {
			return nil, formFault(err)
		}
		// A file has a file name; a field called file is one that lost it on its way.
		if part.FileName() != "" || part.FormName() == "file" {
			return &formFile{form: form, part: part}, nil
		}
		value, err := io.ReadAll(io.LimitReader(part, maxFieldBytes+1))
		if err != nil {
			return nil, formFault(err)
		}
		if len(value) > maxFieldBytes {
			return nil, pack.Errorf(pack.KindInvalid, "field_too_long", "a form field is longer than %d bytes", maxFieldBytes)
		}
		if err := field(part.FormName(), string(value)); err != nil {
			return nil, err
		}
	}
	return nil, pack.Errorf(pack.KindInvalid, "too_many_fields", "the form has more than %d fields", maxFields)
}

// Read is io.Reader.
func (f *formFile) Read(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	n, err := f.part.Read(p)
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		f.err = f.rest()
	default:
		f.err = formFault(err)
	}
	return n, f.err
}

// rest makes sure that nothing comes after the file.
func (f *formFile) rest() error {
	part, err := f.form.NextRawPart()
	switch {
	case errors.Is(err, io.EOF):
		return io.EOF
	case err != nil:
		return formFault(err)
	case part.FileName() != "":
		return pack.Errorf(pack.KindInvalid, "file_repeated", "the form has more than one file part; send one archive at a time")
	}
	return pack.Errorf(pack.KindInvalid, "field_late", "the form has a field after the file; send the fields force and message before it")
}

func formFault(err error) error {
	var known *pack.Error
	var slow *slowError
	if errors.As(err, &known) || errors.As(err, &slow) {
		return err
	}
	return pack.Wrap(pack.KindInvalid, err, "the multipart body is not well-formed")
}
