package main

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"testing"
)

func TestReadStoredRelease(t *testing.T) {
	var zipped bytes.Buffer
	writer := gzip.NewWriter(&zipped)
	if _, err := writer.Write([]byte(`{"name":"a","config":{"user":"app"},"version":1}`)); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	var release storedRelease
	if err := release.read([]byte(base64.StdEncoding.EncodeToString(zipped.Bytes()))); err != nil {
		t.Fatal(err)
	}
	if release.Name != "a" || release.Config["user"] != "app" {
		t.Errorf("got %v", release)
	}
}
