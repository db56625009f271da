package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strings"
	"time"
)

// table prints objects that would be JSON as rows of CSV (RFC 4180). Its columns are the fields of
// the first one, whether they are there or not; those of an object within it have the name of
// that and a dot in front. A list, and an object whose fields have no fixed names, is JSON in one
// cell. It is for spreadsheets: programs that want exact texts read JSON.
type table struct{ kind reflect.Type }

func (t *table) print(w io.Writer, v any) error {
	value := reflect.ValueOf(v)
	rows := csv.NewWriter(w)
	if t.kind == nil {
		t.kind = value.Type()
		_ = rows.Write(columns(t.kind, "")) // [csv.Writer.Error] tells
	}
	if value.Type() != t.kind {
		return fmt.Errorf("a table of %s has no place for %s", t.kind, value.Type())
	}
	row, err := cells(value, t.kind)
	if err != nil {
		return err
	}
	_ = rows.Write(row)
	rows.Flush()
	return rows.Error()
}

// columns returns the names of the columns for a type.
func columns(kind reflect.Type, prefix string) []string {
	var names []string
	for i := range kind.NumField() {
		field := kind.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		name = prefix + name
		if inner, ok := object(field.Type); ok {
			within := prefix
			if !field.Anonymous {
				within = name + "."
			}
			names = append(names, columns(inner, within)...)
			continue
		}
		names = append(names, name)
	}
	return names
}

// object returns the type of an object with fixed fields, also of one that may be missing.
func object(kind reflect.Type) (reflect.Type, bool) {
	if kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	return kind, kind.Kind() == reflect.Struct && kind != reflect.TypeFor[time.Time]()
}

// cells returns a row: the values of a struct, none of them for a value that is not valid.
func cells(value reflect.Value, kind reflect.Type) ([]string, error) {
	var row []string
	for i := range kind.NumField() {
		var field reflect.Value
		if value.IsValid() {
			if field = value.Field(i); field.Kind() == reflect.Pointer {
				field = field.Elem() // not valid for nil
			}
		}
		if inner, ok := object(kind.Field(i).Type); ok {
			more, err := cells(field, inner)
			if err != nil {
				return nil, err
			}
			row = append(row, more...)
			continue
		}
		text, err := cell(field)
		if err != nil {
			return nil, err
		}
		row = append(row, text)
	}
	return row, nil
}

// cell returns a value as JSON writes it, without quotes around texts and times.
func cell(value reflect.Value) (string, error) {
	if !value.IsValid() {
		return "", nil
	}
	b, err := json.Marshal(value.Interface())
	if err != nil {
		return "", err
	}
	var text string
	switch {
	case json.Unmarshal(b, &text) == nil: // null becomes ""
		return harmless(text), nil
	case string(b) == "[]", string(b) == "{}":
		return "", nil
	}
	if b[0] == '{' || b[0] == '[' {
		return harmless(string(b)), nil
	}
	return string(b), nil // a negative number is no formula
}

// formula is where a spreadsheet may see a formula begin, in a text that others have written: at the start of
// a cell, and where a cell starts for those that take semicolons for commas.
var formula = regexp.MustCompile(`(^|;)([=+@-]|[＝＋＠－])`)

// harmless returns a text that a spreadsheet shows and does not run, and a terminal, too.
func harmless(text string) string { return formula.ReplaceAllString(visible(text), "$1'$2") }
