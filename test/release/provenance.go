package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// statement is what of an in-toto statement with SLSA's provenance is checked.
type statement struct {
	Type    string `json:"_type"`
	Subject []struct {
		Name   string
		Digest struct{ SHA256 string }
	}
	PredicateType string
	Predicate     struct {
		BuildDefinition struct {
			ResolvedDependencies []struct {
				Digest struct{ GitCommit string }
			}
		}
	}
}

// checkProvenance checks that what was signed is the statement in the folder, that it is about each file there, and that it
// names the commit. It returns how many files there are.
func checkProvenance(folder, commit string) (int, error) {
	var signed struct{ DSSEEnvelope struct{ Payload []byte } }
	content, err := os.ReadFile(filepath.Join(folder, "provenance.sigstore.json"))
	if err == nil {
		err = json.Unmarshal(content, &signed)
	}
	plain, readError := os.ReadFile(filepath.Join(folder, "provenance.json"))
	if err := errors.Join(err, readError); err != nil {
		return 0, err
	}
	if !bytes.Equal(signed.DSSEEnvelope.Payload, plain) {
		return 0, errors.New("what was signed is not provenance.json")
	}
	var s statement
	if err := json.Unmarshal(plain, &s); err != nil {
		return 0, err
	}
	if s.Type != "https://in-toto.io/Statement/v1" || s.PredicateType != "https://slsa.dev/provenance/v1" {
		return 0, fmt.Errorf("it is a %s with a %s", s.Type, s.PredicateType)
	}
	if from := s.Predicate.BuildDefinition.ResolvedDependencies; len(from) == 0 || from[0].Digest.GitCommit != commit {
		return 0, fmt.Errorf("it is of %v, not of %s", from, commit)
	}
	got := map[string]string{}
	for _, subject := range s.Subject {
		got[subject.Name] = subject.Digest.SHA256
	}
	want, err := digests(folder)
	if err != nil {
		return 0, err
	}
	if !maps.Equal(got, want) {
		return 0, fmt.Errorf("it is about %v, not about %v", got, want)
	}
	return len(want), nil
}

// digests are those of a release's files but of what is about these.
func digests(folder string) (map[string]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	about := []string{"SHA256SUMS", "SHA256SUMS.sigstore.json", "provenance.json", "provenance.sigstore.json"}
	all := map[string]string{}
	for _, entry := range entries {
		if slices.Contains(about, entry.Name()) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(content)
		all[entry.Name()] = hex.EncodeToString(sum[:])
	}
	return all, nil
}
