package cluster

import "testing"

func TestLocalName(t *testing.T) {
	const digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	tests := []struct{ image, want string }{
		{"postgres:18", "10.99.0.2:5000/library/postgres:18"},
		{"docker.io/library/postgres:18", "10.99.0.2:5000/library/postgres:18"},
		{"quay.io/operator-framework/olm", "10.99.0.2:5000/operator-framework/olm:latest"},
		{"10.99.0.2:5000/manager:v1", "10.99.0.2:5000/manager:v1"},
		{"quay.io/a/b@" + digest, "10.99.0.2:5000/a/b@" + digest},
	}
	for _, test := range tests {
		got, err := localName(test.image)
		if err != nil || got != test.want {
			t.Errorf("localName(%q) = %q, %v; want %q", test.image, got, err, test.want)
		}
	}
	if _, err := localName("Not An Image"); err == nil {
		t.Error("no error for a name that is none")
	}
}
