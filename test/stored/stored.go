// Package stored reads and writes what Helm stores of a release, as anybody can who may edit the Secrets of a namespace.
package stored

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
)

// Type is the type of the Secrets in which Helm stores releases.
const Type = "helm.sh/release.v1"

// Name is the name of the Secret of a release's revision.
func Name(release string, revision int) string {
	return fmt.Sprintf("sh.helm.release.v1.%s.v%d", release, revision)
}

// Decode takes Helm's own encoding, which is under the key release of a Secret: base64 of gzip of JSON.
func Decode(data []byte, into any) error {
	unzipped, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(data)))
	if err != nil {
		return err
	}
	return json.NewDecoder(unzipped).Decode(into)
}

// Encode is the opposite of Decode.
func Encode(release any) ([]byte, error) {
	text, err := json.Marshal(release)
	if err != nil {
		return nil, err
	}
	return Pack(bytes.NewReader(text))
}

// Pack encodes what need not be a release.
func Pack(content io.Reader) ([]byte, error) {
	var packed bytes.Buffer
	coder := base64.NewEncoder(base64.StdEncoding, &packed)
	zipper, err := gzip.NewWriterLevel(coder, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(zipper, content); err != nil {
		return nil, err
	}
	if err := zipper.Close(); err != nil {
		return nil, err
	}
	if err := coder.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}
